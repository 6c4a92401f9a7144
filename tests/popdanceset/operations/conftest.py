"""A small store made by hand: every stage has finished, waiting, rejected and failed items, and a ledger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from popdanceset import layout
from popdanceset.ledger import Entry
from popdanceset.schema import CLIPS, FAILURES, LEDGER, SELECTION, STATISTICS, VERDICTS, Reason, State
from popdanceset.store import Store

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)

SELECTED = {"BV1aaaaaaaaa": 1, "BV1bbbbbbbbb": 2, "BV1ccccccccc": 1, "BV1ddddddddd": 1}
"""Selected videos and their parts. The first is acquired; of the second a part is missing; the third was
gone; the fourth waits."""

Recorded = Callable[..., Entry]


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def recorded(store: Store) -> Recorded:
    """`recorded(stage, minutes=(begin, end), …)` writes a row of the ledger; minutes count from NOW."""

    def record(stage: str, minutes: tuple[float, float] = (-60, -30), **values: Any) -> Entry:
        begun, ended = (NOW + timedelta(minutes=minute) for minute in minutes)
        number = len(store.list(layout.LEDGER))
        entry = Entry(stage, f"run-{number}", "host", "cpu", begun, ended, ended, outcome="finished")
        entry = replace(entry, seconds=(ended - begun).total_seconds())
        entry = replace(entry, **values)
        store.write_rows(layout.ledger_row(stage, entry.run_id), [asdict(entry)], LEDGER)
        return entry

    return record


def clip_row(bvid: str, number: int, reason: str = "", **values: Any) -> dict[str, Any]:
    """A row of CLIPS: ten seconds; rejected if it has a reason."""
    accepted = not reason
    clip_id = f"{bvid}_Clip_{number}" if accepted else None
    return {
        "clip_id": clip_id, "bvid": bvid, "page": 1, "start": 0.0, "end": 10.0,
        "frames": 300 if accepted else 0, "path": "x.mp4" if accepted else "",
        "music_path": "x.wav" if accepted else "", "music_id": "m", "genre": "unknown", "dancer_id": "1",
        "accepted": accepted, "reason": reason, **values,
    }  # fmt: skip


def write_verdict(store: Store, clip_id: str, reason: str = "") -> None:
    """The verdict on a clip's poses; rejected if it has a reason."""
    row = {
        "clip_id": clip_id, "bvid": clip_id.partition("_")[0], "frames": 300, "detected": 300,
        "jitter_before": 1.0, "jitter_after": 1.0, "estimator": "e", "accepted": not reason,
        "reason": reason, "note": "",
    }  # fmt: skip
    store.write_rows(layout.verdict(clip_id), [row], VERDICTS)


def write_failure(store: Store, stage: str, item: str, note: str) -> None:
    row = {
        "stage": stage, "item": item, "bvid": item.partition("_")[0], "reason": Reason.FAILED,
        "note": note, "version": "1", "failed_at": NOW,
    }  # fmt: skip
    store.write_rows(layout.failure(stage, item), [row], FAILURES)


@pytest.fixture
def busy(store: Store) -> Store:
    """The store, as if stopped in the middle of a refresh."""
    first, second, third, _ = SELECTED
    day = (NOW - timedelta(hours=3)).date()
    seen = [
        {
            "bvid": bvid,
            "snapshot_at": NOW - timedelta(hours=3),
            "state": State.PUBLIC,
            "note": "",
            "source": "s",
        }
        for bvid in [*SELECTED, *(f"BV1z{n:08d}" for n in range(16))]
    ]
    store.write_rows(f"{layout.statistics_of(day)}/s-00001.parquet", seen, STATISTICS)
    rows = [
        {
            "bvid": row["bvid"], "beyond_reference": False, "pages": SELECTED.get(row["bvid"], 1),
            "accepted": row["bvid"] in SELECTED,
            "reason": "" if row["bvid"] in SELECTED else Reason.LOW_POPULARITY,
        }
        for row in seen
    ]  # fmt: skip
    store.write_rows(layout.selection("weekly"), rows, SELECTION)
    clips = {
        first: [clip_row(first, n) for n in range(1, 6)] + [clip_row(first, 6, Reason.CAMERA_CUTS)],
        second: [clip_row(second, 1, music_path="")],
        third: [clip_row(third, 1, Reason.GONE)],
    }
    for bvid, own in clips.items():
        store.write_rows(layout.clip_rows(bvid), own, CLIPS)
    write_verdict(store, f"{first}_Clip_1")
    write_verdict(store, f"{first}_Clip_2", Reason.NOT_TRACKED)
    write_failure(store, "extract", f"{first}_Clip_3", "ValueError: odd (a.py, line 1)")
    write_failure(store, layout.features_stage("baseline"), f"{first}_Clip_4", "OSError: odd")
    for number in (1, 2):
        store.write_bytes(layout.music_features(f"{first}_Clip_{number}", "baseline"), b"12345")
    store.write_json(f"{layout.budget_of(NOW.date())}/a.json", 120)
    store.write_json(f"{layout.budget_of(NOW.date())}/b.json", 5)
    return store

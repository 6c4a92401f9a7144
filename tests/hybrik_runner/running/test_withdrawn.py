"""Extraction of clips whose video is withdrawn before, or in the middle."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from hybrik_runner.running import runner
from hybrik_runner.running.waiting import extract_waiting
from popdanceset.media import Frame
from popdanceset.schema import CLIPS
from popdanceset.settings import Settings
from popdanceset.store import Store
from popdanceset.withdrawal.tombstones import WithdrawalReason
from popdanceset.withdrawal.withdraw import withdraw

GONE, KEPT = "BV1Withdrawn", "BV1StaysHere"


@pytest.fixture
def clips(store: Store, film: Callable[..., Path], synthetic: ModuleType) -> list[str]:
    """Two clips of a video that will be withdrawn, and one of another."""
    ids = [f"{GONE}_Clip_1", f"{GONE}_Clip_2", f"{KEPT}_Clip_1"]
    for clip_id in ids:
        bvid = clip_id.partition("_")[0]
        store.put(film(30, name=f"{clip_id}.mp4"), f"media/{bvid}/{clip_id}.mp4")
    rows = [synthetic.clip_row(i, 30) | {"path": f"media/{i.partition('_')[0]}/{i}.mp4"} for i in ids]
    for bvid in (GONE, KEPT):
        store.write_rows(f"clips/{bvid}.parquet", [row for row in rows if row["bvid"] == bvid], CLIPS)
    return ids


def gone(settings: Settings, store: Store) -> None:
    withdraw(settings, store, [GONE], WithdrawalReason.UPLOADER, cache_dir=Path(settings.store))


def left(settings: Settings) -> list[str]:
    names = [path for path in Path(settings.store).rglob("*") if GONE in path.name]
    return [path.name for path in names if path.parent.name != "tombstones"]


def test_a_batch_may_still_name_its_clips(
    clips: list[str], store: Store, settings: Settings, fake: type
) -> None:
    gone(settings, store)
    summary = extract_waiting(settings, store, clips, fake())
    assert (summary.clips, summary.failed) == (1, ())
    assert left(settings) == []


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("before_frames", [False, True])
def test_it_is_withdrawn_while_its_clip_is_extracted(
    fails: bool, before_frames: bool, clips: list[str], store: Store, settings: Settings, fake: type
) -> None:
    turns = count()  # clips are tracked by several threads at once

    class Interrupted(fake):  # type: ignore[misc]
        def track(self, frames: Iterable[Frame]) -> Iterator[int | None]:
            first = next(turns) == 0
            if first and before_frames:
                gone(settings, store)
            yield from super().track(frames)
            if first and not before_frames:
                gone(settings, store)
            if first and fails:
                raise ValueError("an unexpected error")

    summary = extract_waiting(settings, store, clips, Interrupted())
    assert summary.failed == ()
    assert summary.clips == 1
    assert left(settings) == []
    assert [row["clip_id"] for row in runner.extract(settings, store)] == [f"{KEPT}_Clip_1"]


def test_a_late_verdict_is_taken_back(
    clips: list[str], store: Store, settings: Settings, fake: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    write: Any = runner._write

    def late(clip_id: str, *rest: Any) -> None:
        if GONE in clip_id:
            gone(settings, store)
        write(clip_id, *rest)

    monkeypatch.setattr(runner, "_write", late)
    extract_waiting(settings, store, None, fake())
    assert left(settings) == []

"""Extraction that an engine spreads over workers: the same summary, and every clip once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hybrik_runner.running import runner
from hybrik_runner.running.waiting import extract_waiting, waiting
from popdanceset.schema import CLIPS
from popdanceset.settings import Settings
from popdanceset.store import Store
from popdanceset.tables import from_rows
from tests.hybrik_runner.conftest import FakeEstimator, clip_row
from tests.in_process import InProcess

CLIP_IDS = [f"BV1_Clip_{number}" for number in range(1, 6)]


@pytest.fixture
def elsewhere(
    settings: Settings, store: Store, film: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """Settings of an engine, and a store with five clips."""
    for clip_id in CLIP_IDS:
        store.put(film(6, name=f"{clip_id}.mp4"), f"media/{clip_id}.mp4")
    list_clips(store, CLIP_IDS)
    monkeypatch.setattr(runner, "loaded_estimator", lambda settings: FakeEstimator())
    return settings.model_copy(update={"engine": "ray"})


def list_clips(store: Store, clip_ids: list[str]) -> None:
    store.write_table("clips/BV1.parquet", from_rows([clip_row(each) for each in clip_ids], CLIPS), CLIPS)


def test_the_summary_counts_what_workers_did(
    elsewhere: Settings, settings: Settings, store: Store, in_process: InProcess
) -> None:
    summary = extract_waiting(elsewhere, store)
    assert in_process.given == CLIP_IDS
    assert summary.clips == 5
    assert waiting(store) == []
    assert extract_waiting(settings, store).accepted == summary.accepted
    store.remove("verdicts/BV1_Clip_2.parquet")
    assert extract_waiting(elsewhere, store, ["BV1_Clip_1", "BV1_Clip_2"]).clips == 2
    assert in_process.given == [*CLIP_IDS, "BV1_Clip_2"], "finished clips are handed to nobody"


def test_a_clip_that_failed_is_tried_again_when_asked(
    elsewhere: Settings, store: Store, in_process: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Surprised(FakeEstimator):
        def poses(self, *arguments: object) -> None:  # type: ignore[override]
            raise ZeroDivisionError("an absurd pose")

    monkeypatch.setattr(runner, "loaded_estimator", lambda settings: Surprised())
    assert len(extract_waiting(elsewhere, store).failed) == 5
    assert len(extract_waiting(elsewhere, store).failed) == 5
    assert len(in_process.given) == 5, "they are left alone"
    assert waiting(store) == []
    assert waiting(store, retry_failed=True) == CLIP_IDS
    monkeypatch.setattr(runner, "loaded_estimator", lambda settings: FakeEstimator())
    assert extract_waiting(elsewhere, store, retry_failed=True).failed == ()
    assert len(store.list("verdicts")) == 5


def test_a_clip_that_a_new_plan_gives_up_meanwhile_stops_nobody(
    elsewhere: Settings, store: Store, in_process: InProcess
) -> None:
    in_process.before = lambda ids: list_clips(store, CLIP_IDS[:3])
    summary = extract_waiting(elsewhere, store)
    assert summary.clips == 3
    assert store.list("verdicts") == [f"verdicts/{clip_id}.parquet" for clip_id in CLIP_IDS[:3]]

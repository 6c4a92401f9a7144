"""Extracting what waits: one load of the network for all batches of a process, and a summary."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hybrik_runner import estimator as module
from hybrik_runner.estimator import forget_estimator, loaded_estimator
from hybrik_runner.running.waiting import Summary, extract_waiting, waiting
from popdanceset import layout
from popdanceset.errors import AssetError, InputError
from popdanceset.schema import CLIPS
from popdanceset.settings import Settings
from popdanceset.store import Store
from tests.hybrik_runner.conftest import clip_row

CLIP_IDS = [f"BV1_Clip_{number}" for number in range(1, 6)]


class Point:
    """An entry point whose estimators are counted."""

    def __init__(self, fake: type) -> None:
        self.fake, self.loads, self.active, self.most_active = fake, 0, 0, 0

    def load(self) -> Callable[[Settings], object]:
        return self._load

    def _load(self, settings: Settings) -> object:
        point = self

        class Counted(self.fake):  # type: ignore[misc, name-defined]
            def predict(self, detections: object) -> object:
                point.active += 1
                point.most_active = max(point.most_active, point.active)
                time.sleep(0.01)
                point.active -= 1
                return super().predict(detections)

        self.loads += 1
        return Counted()


@pytest.fixture
def point(fake: type, monkeypatch: pytest.MonkeyPatch) -> Point:
    found = Point(fake)
    monkeypatch.setattr(module, "entry_points", lambda **_: [found])
    return found


@pytest.fixture
def clips(store: Store, film: Callable[..., Path]) -> list[str]:
    """A store with five short accepted clips and a rejected span."""
    rows = []
    for clip_id in CLIP_IDS:
        store.put(film(8, name=f"{clip_id}.mp4"), f"media/{clip_id}.mp4")
        rows.append(clip_row(clip_id))
    rejected = {**rows[0], "clip_id": None, "path": "", "accepted": False, "reason": "too_short"}
    store.write_rows(layout.clip_rows("BV1"), [*rows, rejected], CLIPS)
    return CLIP_IDS


def test_one_load_for_several_batches(
    store: Store, settings: Settings, clips: list[str], point: Point
) -> None:
    assert waiting(store) == clips
    first = extract_waiting(settings, store, clips[:2])
    second = extract_waiting(settings, store, clips[2:4])
    assert point.loads == 1
    assert (first.clips, second.clips) == (2, 2)
    assert waiting(store) == clips[4:]
    whole = extract_waiting(settings, store)
    assert point.loads == 1
    assert whole.clips == 5, "clips that were done before count too"
    assert waiting(store) == []


def test_nothing_is_loaded_when_nothing_waits(
    store: Store, settings: Settings, clips: list[str], point: Point
) -> None:
    extract_waiting(settings, store, clips)
    forget_estimator()
    extract_waiting(settings, store, clips)
    assert point.loads == 1


def test_threads_share_the_estimator_one_extraction_at_a_time(
    store: Store, settings: Settings, clips: list[str], point: Point
) -> None:
    with ThreadPoolExecutor(3) as threads:
        parts = [clips[:2], clips[2:4], clips[4:]]
        list(threads.map(lambda part: extract_waiting(settings, store, part), parts))
    assert point.loads == 1
    assert point.most_active == 1, "no more threads predict than the estimator expects"
    assert waiting(store) == []


def test_threads_that_load_at_once_load_once(settings: Settings, point: Point) -> None:
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(loaded_estimator, [settings] * 8))
    assert point.loads == 1
    assert len({id(estimator) for estimator in found}) == 1


def test_other_settings_load_another_estimator(settings: Settings, point: Point) -> None:
    first = loaded_estimator(settings)
    elsewhere = settings.model_copy(update={"store": "elsewhere"})
    assert loaded_estimator(elsewhere) is first, "the store has no say in it"
    finer = settings.model_copy(update={"pose": settings.pose.model_copy(update={"box_every": 7})})
    assert loaded_estimator(finer) is not first
    assert point.loads == 2


def test_a_failed_load_is_tried_again(
    settings: Settings, point: Point, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Settings) -> object:
        raise AssetError("model files are missing", "models")

    monkeypatch.setattr(point, "_load", fail)
    with pytest.raises(AssetError):
        loaded_estimator(settings)
    monkeypatch.undo()
    monkeypatch.setattr(module, "entry_points", lambda **_: [point])
    assert loaded_estimator(settings).name == "fake-1"


def test_the_summary(
    store: Store, settings: Settings, clips: list[str], point: Point, caplog: pytest.LogCaptureFixture
) -> None:
    strict = settings.model_copy(update={"pose": settings.pose.model_copy(update={"max_jitter": 0.01})})
    with caplog.at_level(logging.INFO):
        summary = extract_waiting(strict, store)
    assert (summary.clips, summary.accepted, summary.rejected) == (5, 0, {"unsteady_pose": 5})
    assert summary.seconds > 0
    assert "extract: 5 clips, 0 accepted, 40 frames" in caplog.text
    assert "estimator fake-1 loaded" in caplog.text
    assert str(summary).splitlines() == ["5 clips, 0 with poses fit for a release", "  unsteady_pose: 5"]
    assert threading.active_count() < 20


def test_reasons_are_in_order() -> None:
    lines = str(Summary(3, 1, {"unsteady_pose": 1, "not_tracked": 1}, 1.0)).splitlines()
    assert lines[1:] == ["  not_tracked: 1", "  unsteady_pose: 1"]


def test_a_store_without_accepted_clips(store: Store, settings: Settings) -> None:
    assert waiting(store) == []
    with pytest.raises(InputError, match="popdanceset acquire"):
        extract_waiting(settings, store)

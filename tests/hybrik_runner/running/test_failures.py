"""An unexpected error costs one clip: it is kept, counted and tried again, and the others are done."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import popdanceset
from hybrik_runner.commands.extract import extract as command
from hybrik_runner.estimator import Poses
from hybrik_runner.poses.camera import Calibration
from hybrik_runner.running import runner
from hybrik_runner.running.waiting import extract_waiting, waiting
from popdanceset import layout
from popdanceset.errors import FailedError, StoreError
from popdanceset.media import Frame
from popdanceset.schema import CLIPS, FAILURES
from popdanceset.settings import Settings
from popdanceset.store import Store
from tests.hybrik_runner.conftest import clip_row

CLIP_IDS = [f"BV1_Clip_{number}" for number in range(1, 5)]
BAD, BAD_FRAMES = CLIP_IDS[1], 13


class Broken:
    """Builds estimators that raise for the clip of thirteen frames in one of the steps."""

    def __init__(self, fake: type, step: str, error: Exception) -> None:
        outer = self
        self.mended = False

        def fail(when: str, frames: int) -> None:
            if step == when and frames == BAD_FRAMES and not outer.mended:
                raise error

        class Estimator(fake):  # type: ignore[misc]
            def track(self, frames: Iterable[Frame]) -> Iterator[int]:
                count = -1
                for count, _ in enumerate(frames):
                    yield count
                fail("track", count + 1)

            def poses(
                self, times: np.ndarray, calibration: Calibration, predictions: Sequence[int | None]
            ) -> Poses:
                fail("poses", len(times))
                return super().poses(times, calibration, predictions)

        self.make = Estimator


@pytest.fixture
def clips(store: Store, film: Callable[..., Path]) -> Store:
    rows = []
    for clip_id in CLIP_IDS:
        path = film(BAD_FRAMES if clip_id == BAD else 8, name=f"{clip_id}.mp4")
        store.put(path, f"media/{clip_id}.mp4")
        rows.append(clip_row(clip_id))
    store.write_rows(layout.clip_rows("BV1"), rows, CLIPS)
    return store


@pytest.fixture
def broken(fake: type, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Broken]:
    def make(step: str, error: Exception | None = None) -> Broken:
        found = Broken(fake, step, error or ValueError("max() of nothing"))
        monkeypatch.setattr(runner, "loaded_estimator", lambda _: found.make())
        return found

    return make


@pytest.mark.parametrize("step", ["track", "poses", "build"])
def test_one_clip_fails_and_the_others_are_done(
    clips: Store,
    settings: Settings,
    broken: Callable[..., Broken],
    step: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    estimator = broken(step)
    if step == "build":
        right = runner.build

        def build(clip_id: str, *rest: object) -> object:
            if clip_id == BAD and not estimator.mended:
                raise ValueError("max() of nothing")
            return right(clip_id, *rest)  # type: ignore[arg-type]

        monkeypatch.setattr(runner, "build", build)
    with caplog.at_level(logging.ERROR):
        summary = extract_waiting(settings, clips)
    assert (summary.clips, summary.failed) == (3, (BAD,))
    assert f"1 failed unexpectedly: {BAD}" in str(summary)
    assert "Traceback" in caplog.text
    (row,) = clips.read_table(layout.failures_of("extract"), FAILURES).to_pylist()
    assert (row["item"], row["bvid"], row["reason"]) == (BAD, "BV1", "failed")
    assert row["note"].startswith("ValueError: max() of nothing (")

    assert waiting(clips) == [], "this version leaves it alone"
    assert extract_waiting(settings, clips).failed == (BAD,), "and keeps saying so"
    estimator.mended = True
    assert extract_waiting(settings, clips).failed == (BAD,)
    again = extract_waiting(settings, clips, retry_failed=True)
    assert (again.clips, again.failed) == (4, ())
    assert len(clips.read_table(layout.failures_of("extract"), FAILURES)) == 0


def test_a_new_version_tries_again(
    clips: Store, settings: Settings, broken: Callable[..., Broken], monkeypatch: pytest.MonkeyPatch
) -> None:
    estimator = broken("track")
    extract_waiting(settings, clips)
    estimator.mended = True
    monkeypatch.setattr(popdanceset, "__version__", "99.0")
    assert waiting(clips) == [BAD]
    assert extract_waiting(settings, clips).failed == ()


def test_a_batch_fails_for_the_clips_that_broke_it(
    clips: Store, settings: Settings, fake: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Detections of several clips share a batch; the network cannot take those of one of them."""

    class Estimator(fake):  # type: ignore[misc]
        def track(self, frames: Iterable[Frame]) -> Iterator[int]:
            seen = list(frames)
            return iter([-1 if len(seen) == BAD_FRAMES else 1] * len(seen))

        def predict(self, detections: Sequence[int]) -> Sequence[int]:
            if min(detections) < 0:
                raise RuntimeError("a negative dimension")
            return detections

    monkeypatch.setattr(runner, "loaded_estimator", lambda _: Estimator())
    summary = extract_waiting(settings, clips)
    assert (summary.clips, summary.failed) == (3, (BAD,))


def test_the_command_ends_with_1(clips: Store, broken: Callable[..., Broken]) -> None:
    estimator = broken("track")
    ended = CliRunner().invoke(command, ["--store", clips.address])
    assert isinstance(ended.exception, FailedError)
    assert ended.exception.exit_code == 1
    assert BAD in str(ended.exception)
    assert f"1 failed unexpectedly: {BAD}" in ended.output
    estimator.mended = True
    assert CliRunner().invoke(command, ["--store", clips.address, "--retry-failed"]).exit_code == 0


def test_what_concerns_the_machine_ends_the_run(
    clips: Store, settings: Settings, broken: Callable[..., Broken]
) -> None:
    broken("track", OSError(28, "No space left on device"))
    with pytest.raises(StoreError, match="No space left"):
        extract_waiting(settings, clips)
    assert clips.list(layout.failures_of("extract")) == []

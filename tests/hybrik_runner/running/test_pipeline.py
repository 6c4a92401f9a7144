"""The pipeline: batches of several clips, bounded memory, errors that end it and those that do not."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterable, Iterator, Sequence

import numpy as np
import pytest

from hybrik_runner.estimator import Floats, PoseEstimator, Poses
from hybrik_runner.poses.camera import Calibration
from hybrik_runner.running.pipeline import Buffer, Job, Pipeline
from popdanceset.errors import AssetError, MediaError
from popdanceset.media import Frame

SIZE = (8, 6)


class Numbers(PoseEstimator[int, int]):
    """A detection is the colour of a frame, a prediction twice that. Odd colours show nobody, 90 has no
    prediction."""

    name = "numbers-1"

    def __init__(self, batch: int = 4, lanes: int = 1, pause: float = 0.0) -> None:
        self._batch, self._lanes, self._pause = batch, lanes, pause
        self.batches: list[list[int]] = []
        self.clips: dict[int, list[int | None]] = {}

    @property
    def batch(self) -> int:
        return self._batch

    @property
    def lanes(self) -> int:
        return self._lanes

    def track(self, frames: Iterable[Frame]) -> Iterator[int | None]:
        for frame in frames:
            colour = int(frame.image[0, 0, 0])
            yield None if colour % 2 else colour

    def predict(self, detections: Sequence[int]) -> Sequence[int | None]:
        time.sleep(self._pause)
        self.batches.append(list(detections))
        return [None if colour == 90 else 2 * colour for colour in detections]

    def poses(self, times: Floats, calibration: Calibration, predictions: Sequence[int | None]) -> Poses:
        self.clips[len(times)] = list(predictions)
        return Poses.none(times, calibration)


def film(colours: Iterable[int]) -> Generator[Frame]:
    for number, colour in enumerate(colours):
        yield Frame(number / 30, np.full((SIZE[1], SIZE[0], 3), colour, np.uint8))


def job(name: str, colours: Iterable[int]) -> Job:
    return Job(name, lambda: film(colours))


def test_clips_share_batches_and_come_out_whole() -> None:
    estimator = Numbers(batch=4, pause=0.01)
    jobs = [job(f"clip {n}", range(10 * n, 10 * n + n)) for n in range(1, 10)]
    done = list(Pipeline(estimator, workers=3).run(jobs))
    assert {d.name for d in done} == {f"clip {n}" for n in range(1, 10)}
    for n in range(1, 10):
        wanted = [None if c % 2 or c == 90 else 2 * c for c in range(10 * n, 10 * n + n)]
        assert estimator.clips[n] == wanted
    assert max(len(b) for b in estimator.batches) == 4
    assert any(len({colour // 10 for colour in batch}) > 1 for batch in estimator.batches)
    assert all(d.poses.calibration.size == SIZE for d in done if isinstance(d.poses, Poses))


@pytest.mark.parametrize("lanes", [1, 2])
def test_the_results_are_those_of_the_steps_one_by_one(lanes: int) -> None:
    colours = [0, 1, 2, 4, 90, 3, 6, 8, 10]
    side_by_side, alone = Numbers(lanes=lanes), Numbers()
    list(Pipeline(side_by_side, workers=2).run([job("a", colours)]))
    alone.estimate(film(colours))
    assert side_by_side.clips == alone.clips == {9: [0, None, 4, 8, None, None, 12, 16, 20]}


def test_empty_clips_and_no_clips() -> None:
    estimator = Numbers()
    (done,) = Pipeline(estimator).run([job("a", [])])
    assert isinstance(done.poses, Poses)
    assert len(done.poses.times) == 0
    assert list(Pipeline(estimator).run([])) == []


def test_memory_is_bounded_when_the_network_is_slow() -> None:
    estimator = Numbers(batch=2, pause=0.002)
    pipeline = Pipeline(estimator, workers=4)
    list(pipeline.run([job(str(n), [2] * 40) for n in range(4)]))
    assert pipeline.buffer.peak <= 4


def test_a_damaged_clip_ends_alone() -> None:
    def damaged() -> Generator[Frame]:
        yield from film([2, 4])
        raise MediaError("is damaged", "clip.mp4")

    estimator = Numbers()
    done = Pipeline(estimator, workers=2).run([Job("bad", damaged), job("good", [2, 4, 6])])
    poses = {d.name: d.poses for d in done}
    assert isinstance(poses["bad"], MediaError)
    assert isinstance(poses["good"], Poses)


@pytest.mark.parametrize("where", ["jobs", "frames", "predict", "poses"])
def test_other_errors_end_everything(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> Generator[Frame]:
        raise AssetError("is gone", where)
        yield

    def jobs() -> Iterator[Job]:
        for number in range(1000):
            if where == "jobs" and number == 3:
                raise AssetError("is gone", where)
            yield job(str(number), [2] * 5) if where != "frames" or number < 3 else Job("x", fail)

    estimator = Numbers()
    if where in ("predict", "poses"):
        monkeypatch.setattr(estimator, where, lambda *_: next(fail()))
    before = threading.active_count()
    with pytest.raises(AssetError, match=f"{where}: is gone"):
        list(Pipeline(estimator, workers=3).run(jobs()))
    assert threading.active_count() == before, "no thread is left behind"


def test_leaving_early_stops_the_threads() -> None:
    pipeline = Pipeline(Numbers(), workers=2)
    running = pipeline.run(job(str(n), [2] * 5) for n in range(10_000))
    next(running)
    running.close()
    assert pipeline.stopped.is_set()


def test_a_buffer_waits_for_a_full_batch_but_not_for_long() -> None:
    buffer = Buffer[int](capacity=8, producers=1)
    for number in range(5):
        buffer.put(number)
    assert buffer.take(4) == [0, 1, 2, 3]
    assert buffer.take(4) == [4], "no more came"
    buffer.close()
    assert buffer.take(4) == []


def test_a_batch_larger_than_the_buffer_does_not_wait_for_ever() -> None:
    buffer = Buffer[int](capacity=2, producers=1)
    buffer.put(1)
    buffer.put(2)
    assert buffer.take(50) == [1, 2]

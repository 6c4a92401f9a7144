"""Decoding, tracking, network and assembly side by side, so that the device never waits for a file.

    threads, one clip each:     decode ─ track ─► buffer of detections, bounded
    threads of the device:                        buffer ─ predict ─► predictions, by clip and frame
    the caller's thread:                                              finished clip ─ poses ─► result

Memory is bounded by the buffer and by the clips in progress; a prediction takes a few kilobytes. An estimator
on a GPU asks for two threads of the device, so that one batch is assembled while the other is calculated.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

from hybrik_runner.estimator import Clip, PoseEstimator, Poses
from popdanceset.clip_id import video_of
from popdanceset.errors import MediaError, PopDanceSetError
from popdanceset.logs import about
from popdanceset.safety import raise_of_run

if TYPE_CHECKING:
    from popdanceset.media import Frame

Item = TypeVar("Item")

_PATIENCE = 0.05
"""Seconds that an incomplete batch waits for the next detection."""


@dataclass(frozen=True)
class Job:
    """A clip to process.

    Attributes:
        name: how the caller calls it.
        frames: opens its frames; they are closed at the end.
    """

    name: str
    frames: Callable[[], Generator[Frame]]


@dataclass(frozen=True)
class Done:
    """A processed clip: its poses, or the error that ended it: a `MediaError` of its file, or an unexpected
    one."""

    name: str
    poses: Poses | Exception


class Buffer(Generic[Item]):
    """A bounded queue between threads whose consumers take several items at a time.

    Args:
        capacity: number of items it holds; a producer waits while it is full.
        producers: number of threads that put items; when all of them have called `close`, no more items come.
    """

    def __init__(self, capacity: int, producers: int) -> None:
        self._items: deque[Item] = deque()
        self._capacity, self._producers = capacity, producers
        self._changed = threading.Condition()
        self._aborted = False
        self.peak = 0
        """Number of items it held when it was fullest."""

    def put(self, item: Item) -> None:
        """Adds an item as soon as there is room; drops it if everything was aborted."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._items) < self._capacity or self._aborted)
            if not self._aborted:
                self._items.append(item)
                self.peak = max(self.peak, len(self._items))
                self._changed.notify_all()

    def take(self, count: int) -> list[Item]:
        """Takes `count` items; fewer if no more come for a while; none at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._has(1))
            for known in range(len(self._items) + 1, min(count, self._capacity) + 1):
                if not self._changed.wait_for(partial(self._has, known), _PATIENCE):
                    break
            taken = [self._items.popleft() for _ in range(min(count, len(self._items)))]
            self._changed.notify_all()
            return taken

    def close(self) -> None:
        """Ends one producer. Each producer calls it once."""
        with self._changed:
            self._producers -= 1
            self._changed.notify_all()

    def abort(self) -> None:
        """Drops all items and wakes every waiting thread."""
        with self._changed:
            self._aborted = True
            self._items.clear()
            self._changed.notify_all()

    def _has(self, count: int) -> bool:
        """Whether there are `count` items, or no more will come."""
        return len(self._items) >= count or self._aborted or self._producers <= 0


class _ClipInProgress:
    """What has been predicted for a clip, and how much the network still owes."""

    def __init__(self, name: str, calibrated: bool) -> None:
        self.name = name
        self.clip = Clip[Any](calibrated)
        self.error: Exception | None = None
        self._pending = 1  # the end of its frames counts as one
        self._lock = threading.Lock()

    def add_pending(self) -> None:
        """Notes that a detection goes to the network."""
        with self._lock:
            self._pending += 1

    def complete_one(self) -> bool:
        """Notes that a prediction, or the end of the frames, has arrived; returns whether it was the last."""
        with self._lock:
            self._pending -= 1
            return not self._pending


@dataclass(frozen=True)
class _QueuedDetection:
    """A detection on its way to the network, and the frame of a clip that it belongs to."""

    owner: _ClipInProgress
    frame_index: int
    detection: Any


class Pipeline:
    """Clips through an estimator.

    Args:
        estimator: does the steps.
        workers: number of clips that are decoded and tracked at once.
        calibrated: whether the camera of a clip is found from lines of the room, or assumed.
    """

    def __init__(self, estimator: PoseEstimator[Any, Any], workers: int = 1, calibrated: bool = True) -> None:
        self._estimator, self._workers, self._lanes = estimator, workers, estimator.lanes
        self._calibrated = calibrated
        # Two batches for each lane: one to take, one to fill.
        self.buffer: Buffer[_QueuedDetection] = Buffer(2 * self._lanes * estimator.batch, workers)
        self._events: queue.SimpleQueue[_ClipInProgress | Future[None]] = queue.SimpleQueue()
        self._jobs_lock = threading.Lock()
        self.stopped = threading.Event()
        """Set when everything is aborted, for an iterator of jobs that waits."""

    def run(self, jobs: Iterable[Job]) -> Generator[Done]:
        """Yields the clips as they are finished, in no particular order.

        A thread that is free takes the next job, one thread at a time. A damaged file and an unexpected error
        end their clip. Any other error of this project (`PopDanceSetError`) ends everything; so does closing
        the generator.

        Raises:
            PopDanceSetError: what a thread raised.
        """
        source = iter(jobs)
        running = self._workers + self._lanes
        with ThreadPoolExecutor(running, thread_name_prefix="pose") as threads:
            try:
                for work in [partial(self._track, source)] * self._workers + [self._predict] * self._lanes:
                    threads.submit(work).add_done_callback(self._events.put)
                while running:
                    event = self._events.get()
                    if isinstance(event, _ClipInProgress):
                        yield self._finished(event)
                    else:
                        running -= 1
                        event.result()
            finally:
                self.stopped.set()
                self.buffer.abort()

    def _track(self, source: Iterator[Job]) -> None:
        """Decodes and tracks one clip after the other."""
        try:
            while True:
                with self._jobs_lock:
                    job = next(source, None)
                if job is None or not self._enqueue(job):
                    return
        finally:
            self.buffer.close()

    def _enqueue(self, job: Job) -> bool:
        """Puts all detections of a clip into the buffer; returns false if everything was aborted."""
        current = _ClipInProgress(job.name, self._calibrated)
        with about(bvid=video_of(job.name), clip_id=job.name), contextlib.closing(job.frames()) as frames:
            try:
                for index, detection in enumerate(self._estimator.track(current.clip.recorded(frames))):
                    current.clip.predictions.append(None)
                    if detection is not None:
                        current.add_pending()
                        self.buffer.put(_QueuedDetection(current, index, detection))
                    if self.stopped.is_set():
                        return False
            except Exception as error:  # noqa: BLE001
                current.error = _of_one_clip(error)
        if current.complete_one():
            self._events.put(current)
        return True

    def _predict(self) -> None:
        """Takes batches from the buffer to the network."""
        while batch := self.buffer.take(self._estimator.batch):
            for queued, prediction in zip(batch, self._predicted(batch), strict=True):
                queued.owner.clip.predictions[queued.frame_index] = prediction
                if queued.owner.complete_one():
                    self._events.put(queued.owner)

    def _predicted(self, batch: list[_QueuedDetection]) -> Sequence[Any]:
        """The predictions of a batch. After an unexpected error, one detection at a time: it ends the clips
        of those that the network cannot take, and not those which shared their batch."""
        try:
            return self._estimator.predict([queued.detection for queued in batch])
        except Exception as error:  # noqa: BLE001
            kept = _of_one_clip(error)
            if len(batch) == 1:
                batch[0].owner.error = kept
                return [None]
        return [prediction for queued in batch for prediction in self._predicted([queued])]

    def _finished(self, current: _ClipInProgress) -> Done:
        if current.error is not None:
            return Done(current.name, current.error)
        clip = current.clip
        times = np.array(clip.times, np.float64)
        try:
            return Done(current.name, self._estimator.poses(times, clip.calibration(), clip.predictions))
        except Exception as error:  # noqa: BLE001
            return Done(current.name, _of_one_clip(error))


def _of_one_clip(error: Exception) -> Exception:
    """Returns an error that concerns one clip only; raises any other."""
    if isinstance(error, PopDanceSetError) and not isinstance(error, MediaError):
        raise error
    raise_of_run(error)
    return error

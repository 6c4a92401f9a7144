"""Decoding, following, network and the rest side by side, so that the device never waits for a file.

    threads, a clip each:   decode ─ track ─► buffer of views, bounded
    threads of the device:                    buffer ─ predict ─► sights, by clip and picture
    the caller's thread:                                          finished clip ─ poses ─► finish

Memory is bounded by the buffer and by the clips in work; a sight is a few kilobytes. An estimator on a GPU
asks for two threads of the device, so that one batch is put together while the other is calculated.
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
from popdanceset.errors import MediaError

if TYPE_CHECKING:
    from popdanceset.media import Frame

Item = TypeVar("Item")

_PATIENCE = 0.05
"""Seconds that a batch waits for more pictures after the last that came."""


@dataclass(frozen=True)
class Job:
    """A clip to be done: what the caller calls it, and how its frames are had. They are closed at the end."""

    name: str
    frames: Callable[[], Generator[Frame]]


@dataclass(frozen=True)
class Done:
    """A clip that was done: its poses, or why its file could not be read to the end."""

    name: str
    poses: Poses | MediaError


class Buffer(Generic[Item]):
    """A queue between threads that gives out several items at a time and never holds more than it should.

    Args:
        capacity: items it holds; who puts more waits.
        producers: threads that put; when all have said `close`, nothing more comes.
    """

    def __init__(self, capacity: int, producers: int) -> None:
        self._items: deque[Item] = deque()
        self._capacity, self._producers = capacity, producers
        self._changed = threading.Condition()
        self._aborted = False
        self.most = 0
        """Items it held when it was fullest."""

    def put(self, item: Item) -> None:
        """Waits for room; the item is dropped if everything was called off."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._items) < self._capacity or self._aborted)
            if not self._aborted:
                self._items.append(item)
                self.most = max(self.most, len(self._items))
                self._changed.notify_all()

    def take(self, count: int) -> list[Item]:
        """So many items, fewer if no more come for a while; none when all is over."""

        with self._changed:
            self._changed.wait_for(lambda: self._holds(1))
            for known in range(len(self._items) + 1, min(count, self._capacity) + 1):
                if not self._changed.wait_for(partial(self._holds, known), _PATIENCE):
                    break
            taken = [self._items.popleft() for _ in range(min(count, len(self._items)))]
            self._changed.notify_all()
            return taken

    def close(self) -> None:
        """Said by each producer at its end."""
        with self._changed:
            self._producers -= 1
            self._changed.notify_all()

    def abort(self) -> None:
        """Everything is called off: nobody waits any longer, nothing is given out."""
        with self._changed:
            self._aborted = True
            self._items.clear()
            self._changed.notify_all()

    def _holds(self, count: int) -> bool:
        """Whether so many items are there, or no more will come."""
        return len(self._items) >= count or self._aborted or self._producers <= 0


class _Work:
    """A clip in work: what has been seen of it, and what is still with the network."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.clip = Clip[Any]()
        self.error: MediaError | None = None
        self._away = 1  # the end of its frames counts as one
        self._lock = threading.Lock()

    def sent(self) -> None:
        with self._lock:
            self._away += 1

    def back(self) -> bool:
        """Something came back; whether it was the last."""
        with self._lock:
            self._away -= 1
            return not self._away


@dataclass(frozen=True)
class _Shown:
    """One view on its way to the network."""

    work: _Work
    number: int
    view: Any


class Pipeline:
    """Clips through an estimator.

    Args:
        estimator: does the steps.
        workers: clips that are decoded and followed at once.
    """

    def __init__(self, estimator: PoseEstimator[Any, Any], workers: int = 1) -> None:
        self._estimator, self._workers, self._lanes = estimator, workers, estimator.lanes
        # Two batches for each lane: one to take, one to fill.
        self.buffer: Buffer[_Shown] = Buffer(2 * self._lanes * estimator.batch, workers)
        self._ready: queue.SimpleQueue[_Work | Future[None]] = queue.SimpleQueue()
        self._jobs_lock = threading.Lock()
        self.stopped = threading.Event()
        """Set when everything is called off, for whoever makes the jobs and waits."""

    def run(self, jobs: Iterable[Job]) -> Generator[Done]:
        """The clips as they are finished, in no order.

        `jobs` is asked for the next clip by the threads, one at a time, when one of them is free. An error
        other than a damaged file ends everything; so does leaving the loop.

        Raises:
            whatever a thread met.
        """
        source = iter(jobs)
        count = self._workers + self._lanes
        with ThreadPoolExecutor(count, thread_name_prefix="pose") as threads:
            try:
                for work in [partial(self._follow, source)] * self._workers + [self._predict] * self._lanes:
                    threads.submit(work).add_done_callback(self._ready.put)
                while count:
                    met = self._ready.get()
                    if isinstance(met, _Work):
                        yield self._finished(met)
                    else:
                        count -= 1
                        met.result()
            finally:
                self.stopped.set()
                self.buffer.abort()

    def _follow(self, source: Iterator[Job]) -> None:
        """Decodes and follows one clip after the other."""
        try:
            while True:
                with self._jobs_lock:
                    job = next(source, None)
                if job is None or not self._sent(job):
                    return
        finally:
            self.buffer.close()

    def _sent(self, job: Job) -> bool:
        """Sends all views of a clip; false if everything was called off."""
        work = _Work(job.name)
        with contextlib.closing(job.frames()) as frames:
            try:
                for number, view in enumerate(self._estimator.track(work.clip.passing(frames))):
                    work.clip.sights.append(None)
                    if view is not None:
                        work.sent()
                        self.buffer.put(_Shown(work, number, view))
                    if self.stopped.is_set():
                        return False
            except MediaError as error:
                work.error = error
        if work.back():
            self._ready.put(work)
        return True

    def _predict(self) -> None:
        """Takes batches to the network."""
        while shown := self.buffer.take(self._estimator.batch):
            sights: Sequence[Any] = self._estimator.predict([s.view for s in shown])
            for one, sight in zip(shown, sights, strict=True):
                one.work.clip.sights[one.number] = sight
                if one.work.back():
                    self._ready.put(one.work)

    def _finished(self, work: _Work) -> Done:
        if work.error is not None:
            return Done(work.name, work.error)
        clip = work.clip
        times = np.array(clip.times, np.float64)
        return Done(work.name, self._estimator.poses(times, clip.size, clip.sights))

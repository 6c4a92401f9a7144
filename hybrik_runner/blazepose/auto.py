"""Estimator `blazepose-auto`: the full network on every frame, the heavy one where the full one looks wrong,
and then wherever the budget reaches.

The full network tracks the dancer, in every second frame of films of 50 or 60 frames a second
(`hybrik_runner.blazepose.thinning`). Every two seconds its landmarks are searched for doubtful frames
(`hybrik_runner.blazepose.doubts`), and the heavy network looks at crops of these, which were kept meanwhile:
fifteen a second, or half as many if the budget does not reach. What is left of it goes to frames without
doubts. What both saw becomes one when the clip is complete (`hybrik_runner.blazepose.second_look`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hybrik_runner.blazepose import assets
from hybrik_runner.blazepose.detector import Detector
from hybrik_runner.blazepose.doubts import Doubt, doubts
from hybrik_runner.blazepose.estimator import BlazePose, Detection
from hybrik_runner.blazepose.landmarks import Landmarker, Landmarks, Region, cut
from hybrik_runner.blazepose.people import load_detector
from hybrik_runner.blazepose.second_look import fused
from hybrik_runner.blazepose.thinning import between, thinned
from hybrik_runner.blazepose.variants import AUTO, FULL, HEAVY
from hybrik_runner.estimator import Poses

if TYPE_CHECKING:
    from hybrik_runner.blazepose.people import People
    from hybrik_runner.poses.camera import Calibration
    from popdanceset.media import Frame
    from popdanceset.settings import Settings

Floats = NDArray[np.float64]
Levels = NDArray[np.int64]

CHUNK = 2.0
"""Seconds of a clip that are judged at once; so much of it is kept."""
_LOOKS = 15.0
"""Looks per second in a doubtful stretch, at most."""
_LEAST_PRESENCE = 0.5


@dataclass(frozen=True, slots=True)
class _Crop:
    """What the heavy network is to see of a frame."""

    pixels: NDArray[np.uint8]
    region: Region


@dataclass(frozen=True, slots=True)
class _Seen:
    """A frame after the full network. `crop` is None where nobody was found, and between two looks."""

    time: float
    size: tuple[int, int]
    detection: Detection | None
    crop: _Crop | None = None


class Auto(BlazePose):
    """BlazePose with second looks.

    Args:
        detector, landmarker, people, count_seconds: as `BlazePose`.
        heavy: opens the heavy network; called at the first look.
        share: share of a clip's frames at which the heavy network looks, at most; 1: it looks fifteen times
            a second, doubtful or not.
    """

    def __init__(
        self,
        detector: Detector,
        landmarker: Landmarker,
        heavy: Callable[[], Landmarker],
        people: People | None = None,
        count_seconds: float = 4.0,
        share: float = 0.25,
    ) -> None:
        super().__init__(detector, landmarker, people, count_seconds, AUTO)
        self._heavy, self._share = heavy, share

    def track(self, frames: Iterable[Frame]) -> Iterator[Detection | None]:
        """As `PoseEstimator.track`; detections come two seconds late."""
        judge = _Judge(self._heavy, self._share)
        chunk: list[_Seen] = []
        for seen in self._seen(frames):
            if chunk and seen.time - chunk[0].time >= CHUNK:
                yield from judge(chunk)
                chunk = []
            chunk.append(seen)
        yield from judge(chunk)

    def _seen(self, frames: Iterable[Frame]) -> Iterator[_Seen]:
        """Yields all frames after the full network, with crops for a second look now and then."""
        passed: list[float] = []
        before: _Seen | None = None
        due = -np.inf
        for frame, detection in self.detections(thinned(frames, passed)):
            crop = None
            if detection is not None and frame.time >= due:
                region = Region.of_body(*detection.landmarks.body)
                crop = _Crop(cut(frame.image, region), region)
                due = frame.time + 1 / _LOOKS - 1e-3
            height, width = frame.image.shape[:2]
            seen = _Seen(frame.time, (width, height), detection, crop)
            if before is not None:
                yield from _passed_over(passed, before, seen)
            passed.clear()
            yield seen
            before = seen
        # Nothing comes after the last look.
        if before is not None:
            yield from (_Seen(time, before.size, before.detection) for time in passed)

    def poses(
        self, times: Floats, calibration: Calibration, predictions: Sequence[Detection | None]
    ) -> Poses:
        """As `PoseEstimator.poses`."""
        found = np.array([detection is not None for detection in predictions], bool)
        seen = [detection for detection in predictions if detection is not None]
        second = [detection.second for detection in seen]
        landmarks, exchanged = fused(times[found], [detection.landmarks for detection in seen], second)
        corrected = iter(landmarks)
        poses = super().poses(
            times, calibration, [each and replace(each, landmarks=next(corrected)) for each in predictions]
        )
        return replace(
            poses,
            exchanged=poses.exchanged_also(times[found][exchanged]),
            second_looks=sum(look is not None for look in second),
        )


def _passed_over(times: Sequence[float], before: _Seen, after: _Seen) -> Iterator[_Seen]:
    """Yields the frames between two that were looked at."""
    one, other = before.detection, after.detection
    for time in times:
        found = None
        if one is not None and other is not None:
            landmarks = between(one.landmarks, other.landmarks, before.time, after.time, time)
            found = Detection(landmarks)
        yield _Seen(time, before.size, found)


class _Judge:
    """Decides for one clip, chunk by chunk, where the heavy network looks, and lets it look."""

    def __init__(self, heavy: Callable[[], Landmarker], share: float) -> None:
        self._heavy, self._share = heavy, share
        self._allowance = 0.0

    def __call__(self, chunk: Sequence[_Seen]) -> Iterator[Detection | None]:
        """Yields the detections of a chunk, some of them with a second look."""
        self._allowance += self._share * len(chunk)
        looks: dict[int, Landmarks] = {}
        ready = [seen.crop is not None for seen in chunk]
        for index in chosen(self._doubts(chunk), ready, self._allowance):
            crop = chunk[index].crop
            if crop is not None:
                looks[index] = self._heavy().in_cut(crop.pixels, crop.region)
        self._allowance -= len(looks)
        for index, seen in enumerate(chunk):
            look = looks.get(index)
            if seen.detection is None or look is None or not _usable(look):
                yield seen.detection
            else:
                yield replace(seen.detection, second=look)

    def _doubts(self, chunk: Sequence[_Seen]) -> Levels:
        """The `Doubt` (n,) about each frame of a chunk."""
        levels = np.full(len(chunk), Doubt.NONE, np.int64)
        found = [(each.time, each.detection.landmarks) for each in chunk if each.detection is not None]
        if found:
            times, landmarks = zip(*found, strict=True)
            here = [each.detection is not None for each in chunk]
            # Who spends no less than everything wants looks everywhere, doubtful or not.
            levels[here] = (
                Doubt.SOME if self._share >= 1 else doubts(np.array(times), landmarks, chunk[0].size)
            )
        return levels


def chosen(levels: Levels, ready: Sequence[bool], allowance: float) -> list[int]:
    """Returns at which frames of a chunk the heavy network looks, ascending.

    These are all doubtful frames whose crop is ready; every second one of them if they exceed the allowance;
    and if even those do, the most doubtful ones, the first ones first. Looks that are farther apart would
    leave too much to guess. What is left of the allowance goes to the other frames in the same way: where
    nothing looks wrong, the mean of two networks is still closer to the truth than one of them.

    Args:
        levels: (n,) `Doubt` about each frame.
        ready: whether its crop was kept, for each frame.
        allowance: number of looks that the budget allows.
    """
    usable = np.flatnonzero(np.asarray(ready, bool)).tolist()
    doubtful = [index for index in usable if levels[index] > Doubt.NONE]
    if len(doubtful) > allowance:
        return sorted(sorted(doubtful[::2], key=lambda index: (-levels[index], index))[: int(allowance)])
    step = 1 if len(usable) <= allowance else 2
    others = [index for index in usable[::step] if levels[index] == Doubt.NONE]
    return sorted(doubtful + others[: int(allowance) - len(doubtful)])


def _usable(look: Landmarks) -> bool:
    values = (look.image, look.metric, look.visibility, look.body)
    return look.presence >= _LEAST_PRESENCE and all(np.isfinite(value).all() for value in values)


def load_estimator(settings: Settings) -> Auto:
    """Loads estimator `blazepose-auto` of entry-point group `hybrik_runner.estimators`; fetches its model
    files if they are missing.

    Raises:
        AssetError: the model files or the runtime are missing and cannot be fetched.
    """
    folder = assets.ensure(settings, (*assets.ASSETS, assets.HEAVY_LANDMARKS))
    return Auto(
        Detector(folder / assets.DETECTOR.name),
        Landmarker(folder / FULL.asset.name, depths=FULL.depths),
        functools.cache(lambda: Landmarker(folder / HEAVY.asset.name, depths=HEAVY.depths)),
        load_detector(settings),
        settings.pose.count_seconds,
        settings.pose.second_looks,
    )

"""What a pose estimator is: frames of one dancer in, typed poses out; and how it is found by its name.

A plug-in is one function `load(settings) -> PoseEstimator`, registered in entry-point group
`hybrik_runner.estimators` under the name that `pose.estimator` selects. Decoding, batches, smoothing,
resampling, the floor and the table are the runner's business and the same for all estimators. `PLUGINS.md`,
in this folder, walks through a complete one.

An estimator works in three steps, so that frames of several clips can share a batch of the network while
other threads decode and track the dancers (`hybrik_runner.running.pipeline`):

    frames ─ track ─► detections (the dancer's box, cropped) ─ predict ─► predictions ─ poses ─► Poses
    any thread, one clip each           batches across clips, on the device       one clip, any thread
"""

from __future__ import annotations

import logging
import threading
import time
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from importlib.metadata import entry_points
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from hybrik_runner.poses.calibration.room import Room
from hybrik_runner.poses.calibration.vanishing_points import calibrate
from hybrik_runner.poses.camera import Calibration
from popdanceset.devices import AUTO, find_device
from popdanceset.errors import SettingsError

if TYPE_CHECKING:
    from hybrik_runner.poses.framing import Orientation
    from popdanceset.media import Frame
    from popdanceset.settings import Settings

log = logging.getLogger(__name__)

GROUP = "hybrik_runner.estimators"

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

Detection = TypeVar("Detection")
"""What `track` keeps of a frame for `predict`: the dancer's box and what the network is to see of it."""

Prediction = TypeVar("Prediction")
"""What the network returns for one detection."""

CLIP_FIELDS = frozenset(
    {"times", "found", "calibration", "scaling", "people", "orientation", "exchanged", "depth_reversed"}
    | {"meetings", "second_looks"}
)
"""Fields of `Poses` that describe the whole clip; the others have one entry for each frame with the
dancer."""


@dataclass(frozen=True, slots=True)
class Poses:
    """One dancer in one clip, as seen: m frames, in n ≤ m of which the dancer was found.

    World axes: x right, y forward (away from the camera), z up. Camera axes: x right, y down, z forward.
    Metres.

    Attributes:
        times: (m,) of all frames, seconds from the first.
        found: (m,) whether the dancer was found; n of them are true.
        calibration: what is known of the camera: the size of its frames, its focal length, and which way is
            up.
        scaling: scale of the mean SMPL skeleton, one for the clip.
        rotations: (n, 24, 3, 3) parent-relative rotation matrices; the root's leads into the world axes.
        cam_root: (n, 3) the root in camera axes.
        keypoints3d: (n, 17, 3) COCO joints relative to the SMPL root, world axes.
        keypoints2d: (n, 17, 2) COCO joints, pixels.
        scores: (n, 29) confidence of the 24 SMPL joints, then top of the head, left and right hand and
            foot; 0..1.
        camera: (n, 3) weak perspective, as `hybrik_runner.poses.camera.weak_perspective`.
        bbox: (n, 4) x0 y0 x1 y1 of the dancer, pixels.
        observed: (n, 24) false where a rotation, or its twist, was not seen but inferred.
        unfiltered_joints3d: (n, 24, 3) root-relative joints before any filter in time; used for the jitter
            only.
        people: how many dancers were seen at once, median over the counts; 1 if nobody counted.
        orientation: which way up the dancer is in the frames, as the tracker saw it; None: as the keypoints
            show it.
        exchanged: times of the frames in which the estimator has already put left and right back in order
            (`hybrik_runner.poses.sides`). Seconds from the first frame, ascending.
        depth_reversed: those of them in which a front was taken for a back, so that depths were reversed too.
        meetings: times from which on the poses may be somebody else's: the dancer and somebody who looks
            alike were in the same place, or other clothes were. Seconds from the first frame.
        second_looks: in how many frames a second, heavier network looked.
    """

    times: Floats
    found: Flags
    calibration: Calibration
    scaling: float
    rotations: Floats
    cam_root: Floats
    keypoints3d: Floats
    keypoints2d: Floats
    scores: Floats
    camera: Floats
    bbox: Floats
    observed: Flags
    unfiltered_joints3d: Floats
    people: float = 1.0
    orientation: Orientation | None = None
    exchanged: tuple[float, ...] = ()
    depth_reversed: tuple[float, ...] = ()
    meetings: tuple[float, ...] = ()
    second_looks: int = 0

    @classmethod
    def none(cls, times: Floats, calibration: Calibration, people: float = 1.0) -> Poses:
        """Poses of a clip in which nobody was found."""
        return cls(
            times=times,
            found=np.zeros(len(times), bool),
            calibration=calibration,
            scaling=1.0,
            rotations=np.empty((0, 24, 3, 3)),
            cam_root=np.empty((0, 3)),
            keypoints3d=np.empty((0, 17, 3)),
            keypoints2d=np.empty((0, 17, 2)),
            scores=np.empty((0, 29)),
            camera=np.empty((0, 3)),
            bbox=np.empty((0, 4)),
            observed=np.empty((0, 24), bool),
            unfiltered_joints3d=np.empty((0, 24, 3)),
            people=people,
        )

    def finite(self) -> Poses:
        """The same without frames for which the estimator returned NaN or infinity."""
        per_frame = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in CLIP_FIELDS}
        good = np.ones(int(self.found.sum()), bool)
        for values in per_frame.values():
            good &= np.isfinite(values).all(axis=tuple(range(1, values.ndim)))
        if good.all():
            return self
        found = self.found.copy()
        found[np.flatnonzero(found)[~good]] = False
        return replace(self, found=found, **{name: values[good] for name, values in per_frame.items()})

    def exchanged_also(self, times: Floats) -> tuple[float, ...]:
        """`exchanged` with further times (k,), each once."""
        return tuple(sorted({*self.exchanged, *times.tolist()}))

    def first(self, count: int) -> Poses:
        """The same up to and including the frame in which the dancer was found for the `count`-th time."""
        end = int(np.flatnonzero(self.found)[count - 1]) + 1
        names = [f.name for f in fields(self) if f.name not in CLIP_FIELDS]
        per_frame = {name: getattr(self, name)[:count] for name in names}
        return replace(self, times=self.times[:end], found=self.found[:end], **per_frame)


class PoseEstimator(Protocol[Detection, Prediction]):
    """Frames in, poses out. Subclasses define the three steps and inherit `estimate`.

    One extraction at a time uses an estimator (`hybrik_runner.running.runner`); within it, the threads named
    below do.

    Attributes:
        name: name and version, as it is written into every row.
    """

    name: str

    @property
    def batch(self) -> int:
        """How many detections `predict` takes at a time; it may fall while the estimator works."""
        return 16

    @property
    def lanes(self) -> int:
        """How many threads call `predict` at once."""
        return 1

    @property
    def device(self) -> str:
        """The device that it keeps busy, as torch names it."""
        return "cpu"

    @abstractmethod
    def track(self, frames: Iterable[Frame]) -> Iterator[Detection | None]:
        """Tracks one dancer through a clip.

        Called by several threads at once, one clip each. Frames come in order and should not be kept: a
        detection holds what the network needs of its frame and no more.

        Yields:
            A detection for each frame, in order; None where the dancer is not visible.
        """
        ...

    @abstractmethod
    def predict(self, detections: Sequence[Detection]) -> Sequence[Prediction | None]:
        """Runs the network on at most `batch` detections, of any clips.

        Returns:
            A prediction for each detection; None where it is unusable, above all where it holds NaN or
            infinity.
        """
        ...

    @abstractmethod
    def poses(
        self, times: Floats, calibration: Calibration, predictions: Sequence[Prediction | None]
    ) -> Poses:
        """Assembles the poses of a clip.

        Args:
            times: (m,) of its frames, seconds from the first.
            calibration: of the camera, as far as the frames show it; `Poses` gets it.
            predictions: m of them; None where the dancer was not seen.
        """
        ...

    def estimate(self, frames: Iterable[Frame]) -> Poses:
        """Runs the three steps one after the other, for a single clip."""
        clip = Clip[Prediction]()
        detections = enumerate(self.track(clip.recorded(frames)))
        while chunk := list(islice(detections, self.batch)):
            found = [(index, detection) for index, detection in chunk if detection is not None]
            clip.predictions += [None] * len(chunk)
            if found:
                predictions = self.predict([detection for _, detection in found])
                for (index, _), prediction in zip(found, predictions, strict=True):
                    clip.predictions[index] = prediction
        return self.poses(np.array(clip.times, np.float64), clip.calibration(), clip.predictions)


class Clip(Generic[Prediction]):
    """What is known of a clip while it is being processed.

    Args:
        calibrated: whether the camera is found from lines of the room, or assumed.
    """

    def __init__(self, calibrated: bool = True) -> None:
        self.times: list[float] = []
        self.size = (0, 0)
        self.predictions: list[Prediction | None] = []
        self._room = Room() if calibrated else None

    def recorded(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Yields the frames unchanged, and records their times and size, and the room behind the dancer."""
        for frame in frames:
            if not self.times:
                self.size = (frame.image.shape[1], frame.image.shape[0])
            self.times.append(frame.time)
            if self._room is not None:
                self._room.look(frame)
            yield frame

    def calibration(self) -> Calibration:
        """Returns what the frames recorded so far tell of the camera."""
        if self._room is None:
            return Calibration.assumed(self.size)
        return calibrate(self._room.lines(), self.size)


def load_estimator(settings: Settings) -> PoseEstimator[Any, Any]:
    """Loads the estimator that `pose.estimator` names. `loaded_estimator` does so once a process.

    Raises:
        SettingsError: no installed package has an estimator of this name, or this machine lacks a device that
            `pose.devices` names.
        AssetError: its model files are missing and cannot be fetched.
    """
    check_devices(settings)
    name = settings.pose.estimator
    for point in entry_points(group=GROUP, name=name):
        start = time.perf_counter()
        estimator = cast("PoseEstimator[Any, Any]", point.load()(settings))
        log.info("estimator %s loaded in %.1f s", estimator.name, time.perf_counter() - start)
        return estimator
    known = ", ".join(sorted(p.name for p in entry_points(group=GROUP))) or "none"
    raise SettingsError(f"no pose estimator is called {name!r}", "pose.estimator", f"installed: {known}")


def check_devices(settings: Settings) -> None:
    """Raises a SettingsError that lists this machine's devices if it lacks one of `pose.devices`."""
    for name in settings.pose.devices:
        if name != AUTO:  # which fits every machine, and need not load torch to say so
            find_device(name, "pose.devices")


_loading = threading.Lock()
_loaded: dict[str, PoseEstimator[Any, Any]] = {}


def loaded_estimator(settings: Settings) -> PoseEstimator[Any, Any]:
    """This process's estimator: loaded at the first call and kept, so that batches of clips share it.

    Any thread may call it. One estimator is kept, since each may fill the memory of its device: other
    settings of `pose` or `screening` (whose detector counts dancers) load another in its place.

    Raises:
        AssetError, SettingsError: as `load_estimator`; the next call tries again.
    """
    key = settings.pose.model_dump_json() + settings.screening.model_dump_json()
    with _loading:
        if key not in _loaded:
            _loaded.clear()
            _loaded[key] = load_estimator(settings)
        return _loaded[key]


def forget_estimator() -> None:
    """Drops the estimator that `loaded_estimator` keeps, and with it the memory of its device."""
    with _loading:
        _loaded.clear()

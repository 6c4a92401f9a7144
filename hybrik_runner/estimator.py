"""What a pose estimator is: pictures of one dancer in, typed poses out; and how one is found by its name.

A plug-in is one function `load(settings) -> PoseEstimator`, registered in entry-point group
`hybrik_runner.estimators` under the name that `pose.estimator` selects. Decoding, batches, smoothing,
resampling, the floor and the table are the runner's business and the same for all. `PLUGINS.md`, beside this
file, walks through a whole one.

An estimator works in three steps, so that pictures of several clips can share a batch of the network while
other threads decode and follow the dancers (`hybrik_runner.running.pipeline`):

    frames of one clip ─ track ─► views (the dancer's box, cut out) ─ predict ─► sights ─ poses ─► Poses
    any thread, one clip each       batches across clips, on the device        one clip, any thread
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from importlib.metadata import entry_points
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from popdanceset.errors import SettingsError

if TYPE_CHECKING:
    from popdanceset.media import Frame
    from popdanceset.settings import Settings

GROUP = "hybrik_runner.estimators"

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

View = TypeVar("View")
"""What `track` leaves of a picture for `predict`: the dancer's box and what the network is to see of it."""

Sight = TypeVar("Sight")
"""What the network says of one view."""


@dataclass(frozen=True, slots=True)
class Poses:
    """One dancer in one clip, as seen: m pictures, in n ≤ m of which the dancer was found.

    World axes: x right, y forward (away from the camera), z up. Camera axes: x right, y down, z forward.
    Metres.

    Attributes:
        times: (m,) of all pictures, seconds from the first.
        found: (m,) whether the dancer was found; n of them are true.
        size: width and height of the pictures, pixels.
        scaling: of the mean SMPL skeleton, one for the clip.
        rotations: (n, 24, 3, 3) parent-relative rotation matrices; the root's leads into the world axes.
        cam_root: (n, 3) the root in camera axes.
        coco3d: (n, 17, 3) COCO joints relative to the SMPL root, world axes.
        coco2d: (n, 17, 2) COCO joints, pixels.
        scores: (n, 29) confidence of the 24 SMPL joints, then top of the head, left and right hand and
            foot; 0..1.
        camera: (n, 3) weak perspective, as `hybrik_runner.poses.camera.weak_perspective`.
        bbox: (n, 4) x0 y0 x1 y1 of the dancer, pixels.
        observed: (n, 24) false where a rotation, or its twist, was not seen but inferred.
        unfiltered: (n, 24, 3) root-relative joints before any filter in time; they tell the jitter only.
        people: how many dancers were seen at once, median over the looks round; 1 where nobody counted.
    """

    times: Floats
    found: Flags
    size: tuple[int, int]
    scaling: float
    rotations: Floats
    cam_root: Floats
    coco3d: Floats
    coco2d: Floats
    scores: Floats
    camera: Floats
    bbox: Floats
    observed: Flags
    unfiltered: Floats
    people: float = 1.0

    @classmethod
    def none(cls, times: Floats, size: tuple[int, int], people: float = 1.0) -> Poses:
        """Nobody found in any picture."""
        return cls(
            times=times,
            found=np.zeros(len(times), bool),
            size=size,
            scaling=1.0,
            rotations=np.empty((0, 24, 3, 3)),
            cam_root=np.empty((0, 3)),
            coco3d=np.empty((0, 17, 3)),
            coco2d=np.empty((0, 17, 2)),
            scores=np.empty((0, 29)),
            camera=np.empty((0, 3)),
            bbox=np.empty((0, 4)),
            observed=np.empty((0, 24), bool),
            unfiltered=np.empty((0, 24, 3)),
            people=people,
        )

    def finite(self) -> Poses:
        """The same without pictures in which the estimator gave a number that is none."""
        whole = ("times", "found", "size", "scaling", "people")
        per_picture = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in whole}
        good = np.ones(int(self.found.sum()), bool)
        for values in per_picture.values():
            good &= np.isfinite(values).all(axis=tuple(range(1, values.ndim)))
        if good.all():
            return self
        found = self.found.copy()
        found[np.flatnonzero(found)[~good]] = False
        return replace(self, found=found, **{name: values[good] for name, values in per_picture.items()})


class PoseEstimator(Protocol[View, Sight]):
    """Pictures in, poses out. Subclasses give the three steps and get `estimate`.

    Attributes:
        name: name and version, as it is written into every row.
    """

    name: str

    @property
    def batch(self) -> int:
        """How many views `predict` takes at a time; it may fall while the estimator works."""
        return 16

    @property
    def lanes(self) -> int:
        """How many threads call `predict` at once."""
        return 1

    @abstractmethod
    def track(self, frames: Iterable[Frame]) -> Iterator[View | None]:
        """Follows one dancer through a clip.

        Called by several threads at once, a clip each. Pictures come in order and should not be kept: a view
        holds what the network needs of one and no more.

        Yields:
            A view for each picture, in order; None where the dancer is not to be seen.
        """
        ...

    @abstractmethod
    def predict(self, views: Sequence[View]) -> Sequence[Sight | None]:
        """What the network says of at most `batch` views, of whatever clips.

        Returns:
            A sight for each view; None where the answer is of no use, above all where it holds numbers that
            are none.
        """
        ...

    @abstractmethod
    def poses(self, times: Floats, size: tuple[int, int], sights: Sequence[Sight | None]) -> Poses:
        """The poses of a clip from all that was seen.

        Args:
            times: (m,) of its pictures, seconds from the first.
            size: width and height of the pictures, pixels.
            sights: m of them; None where the dancer was not seen.
        """
        ...

    def estimate(self, frames: Iterable[Frame]) -> Poses:
        """The three steps one after the other, for a single clip."""
        clip = Clip[Sight]()
        views = enumerate(self.track(clip.passing(frames)))
        while chunk := list(islice(views, self.batch)):
            shown = [(number, view) for number, view in chunk if view is not None]
            clip.sights += [None] * len(chunk)
            if shown:
                for (number, _), sight in zip(shown, self.predict([v for _, v in shown]), strict=True):
                    clip.sights[number] = sight
        return self.poses(np.array(clip.times, np.float64), clip.size, clip.sights)


class Clip(Generic[Sight]):
    """What is known of a clip while it is in work."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.size = (0, 0)
        self.sights: list[Sight | None] = []

    def passing(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """The frames, unchanged; their times and size are noted as they pass."""
        for frame in frames:
            if not self.times:
                self.size = (frame.image.shape[1], frame.image.shape[0])
            self.times.append(frame.time)
            yield frame


def load_estimator(settings: Settings) -> PoseEstimator[Any, Any]:
    """The estimator that `pose.estimator` names.

    Raises:
        SettingsError: no installed package has one of this name.
        AssetError: its model files are missing and cannot be had.
    """
    name = settings.pose.estimator
    for point in entry_points(group=GROUP, name=name):
        return cast("PoseEstimator[Any, Any]", point.load()(settings))
    known = ", ".join(sorted(p.name for p in entry_points(group=GROUP))) or "none"
    raise SettingsError(f"no pose estimator is called {name!r}", "pose.estimator", f"installed: {known}")

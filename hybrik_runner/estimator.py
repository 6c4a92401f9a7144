"""What a pose estimator is: pictures of one dancer in, typed poses out; and how one is found by its name.

A plug-in is one function `load(settings) -> PoseEstimator`, registered in entry-point group
`hybrik_runner.estimators` under the name that `pose.estimator` selects. Smoothing, resampling, the floor
and the table are the runner's business and the same for all.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from popdanceset.errors import SettingsError

if TYPE_CHECKING:
    from popdanceset.media import Frame
    from popdanceset.settings import Settings

GROUP = "hybrik_runner.estimators"

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


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
        camera: (n, 3) weak perspective, as `hybrik_runner.camera.weak_perspective`.
        bbox: (n, 4) x0 y0 x1 y1 of the dancer, pixels.
        observed: (n, 24) false where a rotation, or its twist, was not seen but inferred.
        unfiltered: (n, 24, 3) root-relative joints before any filter in time; they tell the jitter only.
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

    @classmethod
    def none(cls, times: Floats, size: tuple[int, int]) -> Poses:
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
        )

    def finite(self) -> Poses:
        """The same without pictures in which the estimator gave a number that is none."""
        per_picture = {f.name: getattr(self, f.name) for f in fields(self)[4:]}
        good = np.ones(int(self.found.sum()), bool)
        for values in per_picture.values():
            good &= np.isfinite(values).all(axis=tuple(range(1, values.ndim)))
        if good.all():
            return self
        found = self.found.copy()
        found[np.flatnonzero(found)[~good]] = False
        return replace(self, found=found, **{name: values[good] for name, values in per_picture.items()})


class PoseEstimator(Protocol):
    """Pictures in, poses out. An instance is used by one thread at a time.

    Attributes:
        name: name and version, as it is written into every row.
    """

    name: str

    def estimate(self, frames: Iterable[Frame]) -> Poses:
        """The dancer in all pictures of a clip, which come in order and are held one at a time."""
        ...


def load_estimator(settings: Settings) -> PoseEstimator:
    """The estimator that `pose.estimator` names.

    Raises:
        SettingsError: no installed package has one of this name.
        AssetError: its model files are missing and cannot be had.
    """
    name = settings.pose.estimator
    for point in entry_points(group=GROUP, name=name):
        return cast(PoseEstimator, point.load()(settings))
    known = ", ".join(sorted(p.name for p in entry_points(group=GROUP))) or "none"
    raise SettingsError(f"no pose estimator is called {name!r}", "pose.estimator", f"installed: {known}")

"""From a motion as its file holds it to one at 30 frames a second in the axes of a release."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from popdanceset.errors import InputError
from popdanceset.importers.items import Floats, Take
from popdanceset.motion.floor import floor_height
from popdanceset.motion.forward_kinematics import forward_kinematics
from popdanceset.motion.resample import grid
from popdanceset.rotations.arrays import axis_angle_to_matrix, matrix_to_axis_angle
from popdanceset.schema import FPS

Axes = Literal["floor", "kept", "released"]
AXES: tuple[Axes, ...] = ("floor", "kept", "released")
"""What is done to the path of the root, which is never bent or smoothed.

floor: it is moved as a whole, so that the feet rest at z = 0 and the first root is above the origin, as in
    clips of our own. A floor that lies within `LEVEL` of z = 0 stays where it is.
kept: nothing.
released: what the released loader of the set does: the root of a mean body, and the loader's own origin.
"""

LEVEL = 0.02
"""Metres, of the floor's height: about the precision with which contacts show it."""


@dataclass(frozen=True)
class Placed:
    """A motion in the axes of a release, at 30 frames a second.

    Attributes:
        poses: (n, 24, 3) axis-angle, radians.
        root: (n, 3) metres.
        joints: (n, 24, 3) relative to the root, metres.
        scaling: scale of the mean SMPL skeleton.
        columns: as in `Take`, (n, …) each.
        moved: (3,) what was added to the root, metres.
        contacts: frames that showed the floor.
    """

    poses: NDArray[np.float32]
    root: Floats
    joints: Floats
    scaling: float
    columns: Mapping[str, Floats]
    moved: Floats
    contacts: int

    def done(self) -> dict[str, Any]:
        """Returns what was done to the path, for a table's metadata."""
        return {"moved_m": np.round(self.moved, 6).tolist(), "floor_frames": self.contacts}


def placed(take: Take, axes: Axes, released_origin: Floats | None) -> Placed:
    """Resamples a motion and places it.

    A rate of a multiple of 30 keeps every second, third, … frame as it is; between frames, rotations are
    interpolated along great arcs and the rest linearly.

    Args:
        take: the motion.
        axes: see `AXES`.
        released_origin: (3,) what the released loader adds; None if there is no such loader.

    Raises:
        InputError: there is no released loader for this kind of set, or the motion is shorter than 3 frames.
    """
    root, scaling = take.root, take.scaling
    if axes == "released":
        if released_origin is None:
            raise InputError("there is no released loader of this kind of set", do="choose other --axes")
        root, scaling = root / scaling, 1.0
    even = grid(np.arange(len(root)) / take.fps, np.ones(len(root), bool), FPS)
    if len(even.times) < 3:
        raise InputError(f"{len(even.times)} frames hold no motion")
    hit = np.asarray(even.low == even.high)
    poses = take.poses[even.low]
    if not hit.all():
        between = even.slerp(axis_angle_to_matrix(take.poses))
        poses = np.where(hit[:, None, None], poses, matrix_to_axis_angle(between))
    # The mean body's joints follow from the rotations as they are stored.
    stored = poses.astype(np.float32)
    scaling = float(np.float32(scaling))
    joints = forward_kinematics(axis_angle_to_matrix(stored.astype(np.float64)), scaling)
    root = even.linear(root)
    moved, contacts = np.zeros(3), 0
    if axes == "floor":
        height, contacts = floor_height(root, joints, scaling, FPS)
        moved = np.array([-root[0, 0], -root[0, 1], -height if abs(height) > LEVEL else 0.0])
    elif axes == "released":
        assert released_origin is not None
        moved = released_origin
    columns = {name: even.linear(values) for name, values in take.columns.items()}
    return Placed(stored, root + moved, joints, scaling, columns, moved, contacts)

"""Turns motions between axes: about x, so that all are right-handed and x stays."""

from __future__ import annotations

import numpy as np

from popdanceset.motion.joint_motion import Array

_DEGREES = {"z": 0, "y": 90, "-y": -90, "-z": 180}
"""Angle about x that turns each axis up."""


def to_z_up(places: Array, up: str) -> Array:
    """Turns positions (…, 3) in which an axis of `conventions.UPS` points up, so that z does."""
    x, y, z = places[..., 0], places[..., 1], places[..., 2]
    turned = {"z": (x, y, z), "y": (x, -z, y), "-y": (x, z, -y), "-z": (x, -y, -z)}[up]
    return places if up == "z" else np.stack(turned, axis=-1)


def from_z_up(places: Array, up: str) -> Array:
    """Turns positions (…, 3) with z up, so that another axis points up: the inverse of `to_z_up`."""
    return to_z_up(places, {"y": "-y", "-y": "y"}.get(up, up))


def poses_to_z_up(poses: Array, up: str) -> Array:
    """Turns the root of rotations (frames, 24, 3), axis-angle, as `to_z_up` turns positions."""
    return poses if up == "z" else _turned(poses, _DEGREES[up])


def poses_from_z_up(poses: Array, up: str) -> Array:
    """Turns the root of rotations (frames, 24, 3), axis-angle, as `from_z_up` turns positions."""
    return poses if up == "z" else _turned(poses, -_DEGREES[up])


def _turned(poses: Array, degrees: float) -> Array:
    from scipy.spatial.transform import Rotation

    turned = np.array(poses, np.float64)
    whole = np.asarray(np.isfinite(turned[:, 0]).all(-1))
    about_x = Rotation.from_euler("x", degrees, degrees=True)
    turned[whole, 0] = (about_x * Rotation.from_rotvec(turned[whole, 0])).as_rotvec()
    return turned

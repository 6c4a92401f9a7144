"""The direction in which a body stands."""

from __future__ import annotations

import numpy as np

from popdanceset.motion.joint_motion import Array
from popdanceset.skeleton import SMPL_JOINTS

UPRIGHT = 0.7
"""Mean cosine between the axis of the body and a world axis above which the world axis points up."""


def body_axis(joints: Array) -> Array:
    """Mean direction (3,) from the feet to the head and from the root to the neck, at most of length 1.

    Args:
        joints: (frames, 24, 3) in any axes.
    """
    root, ankles = _at(joints, "root"), (_at(joints, "lankle") + _at(joints, "rankle")) / 2
    body = _unit(_at(joints, "head") - ankles) + _unit(_at(joints, "neck") - root)
    mean: Array = np.nanmean(body, axis=0) / 2 if np.isfinite(body).any() else np.zeros(3)
    return mean


def standing_axis(joints: Array) -> str | None:
    """The axis along which the body stands, e.g. `-y`; None if it stands along none most of the time."""
    mean = body_axis(joints)
    axis = int(np.argmax(np.abs(mean)))
    if not abs(mean[axis]) >= UPRIGHT:
        return None
    return ("-" if mean[axis] < 0 else "") + "xyz"[axis]


def _at(joints: Array, name: str) -> Array:
    place: Array = np.asarray(joints[:, SMPL_JOINTS.index(name)], np.float64)
    return place


def _unit(vectors: Array) -> Array:
    unit: Array = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
    return unit

"""Rotations of the SMPL skeleton from positions of its joints."""

from __future__ import annotations

import numpy as np

from popdanceset.motion.joint_motion import Array
from popdanceset.skeleton import SMPL_OFFSETS, SMPL_PARENTS

_CHILDREN = [[c for c, parent in enumerate(SMPL_PARENTS) if parent == joint] for joint in range(24)]


def fit_rotations(joints: Array) -> Array:
    """Rotations with which the mean body points its bones as the joints do.

    Root and chest, which have three bones, are turned as a whole (Kabsch); other joints turn their bone on
    the shortest way, so the twist of limbs, which positions do not show, is zero. The positions of a mean
    body are met exactly, those of other bodies in direction.

    Args:
        joints: (frames, 24, 3) positions, finite, in any unit.

    Returns:
        (frames, 24, 3) axis-angle, radians, relative to the parents; float64.
    """
    from scipy.spatial.transform import Rotation

    places = np.asarray(joints, np.float64)
    turned = np.empty((24, len(places), 3, 3))
    local = np.empty((len(places), 24, 3, 3))
    for joint, parent in enumerate(SMPL_PARENTS):
        above = np.broadcast_to(np.eye(3), (len(places), 3, 3)) if parent < 0 else turned[parent]
        children = _CHILDREN[joint]
        bones = _unit(places[:, children] - places[:, [joint]])
        rest = _unit(SMPL_OFFSETS[children])
        if len(children) > 1:
            turned[joint] = _kabsch(rest, bones)
        elif children:
            turned[joint] = _shortest((above @ rest[0]), bones[:, 0]) @ above
        else:
            turned[joint] = above
        local[:, joint] = np.swapaxes(above, 1, 2) @ turned[joint]
    vectors: Array = Rotation.from_matrix(local.reshape(-1, 3, 3)).as_rotvec().reshape(-1, 24, 3)
    return vectors


def _unit(vectors: Array) -> Array:
    unit: Array = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
    return unit


def _kabsch(rest: Array, bones: Array) -> Array:
    """Rotations (frames, 3, 3) that bring directions (n, 3) nearest to those of each frame (frames, n, 3)."""
    left, _, right = np.linalg.svd(np.einsum("fni,nj->fij", bones, rest))
    left[..., -1] *= np.where(np.linalg.det(left @ right) < 0, -1.0, 1.0)[:, None]
    return np.asarray(left @ right)


def _shortest(start: Array, end: Array) -> Array:
    """Rotations (frames, 3, 3) that bring unit vectors (frames, 3) to others on the shortest way."""
    from scipy.spatial.transform import Rotation

    axis = np.cross(start, end)
    sine = np.linalg.norm(axis, axis=-1, keepdims=True)
    angle = np.arctan2(sine, (start * end).sum(-1, keepdims=True))
    # Opposite vectors: any axis at a right angle turns one to the other.
    helper = np.where(np.abs(start[:, :1]) < 0.9, [1.0, 0.0, 0.0], [0.0, 1.0, 0.0])
    across = _unit(np.cross(start, helper))
    axis = np.where(sine > 1e-9, axis / np.maximum(sine, 1e-12), across)
    return np.asarray(Rotation.from_rotvec(axis * angle).as_matrix())

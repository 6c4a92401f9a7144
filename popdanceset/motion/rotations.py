"""Rotations of motion files as axis-angle: from matrices, and from the first two rows of matrices."""

from __future__ import annotations

import numpy as np

from popdanceset.errors import InputError
from popdanceset.motion.joint_motion import Array

BODY = 22
"""Joints that SMPL, SMPL-H and SMPL-X share; they come first in all three."""

LOOSE = 0.2
"""Largest mean deviation of RᵀR from the identity of what a network may predict as a rotation."""


def from_matrices(matrices: Array, where: object = "") -> Array:
    """Axis-angle (…, 3) of the rotations that are nearest to matrices (…, 3, 3).

    Raises:
        InputError: the matrices are far from rotations.
    """
    from scipy.spatial.transform import Rotation

    flat = np.asarray(matrices, np.float64).reshape(-1, 3, 3)
    whole = np.asarray(np.isfinite(flat).all((1, 2)))
    safe = np.where(whole[:, None, None], flat, np.eye(3))
    deviation = float(np.abs(np.swapaxes(safe, 1, 2) @ safe - np.eye(3)).mean())
    if deviation > LOOSE or (np.linalg.det(safe) < 0).mean() > 0.5:
        raise InputError(
            f"contains no rotation matrices: RᵀR deviates from the identity by {deviation:.2g} on average",
            where,
            "undo the normalisation of the values, or check their order",
        )
    left, _, right = np.linalg.svd(safe)
    left[..., -1] *= np.sign(np.linalg.det(left @ right))[:, None]
    vectors = np.asarray(Rotation.from_matrix(left @ right).as_rotvec())
    vectors[~whole] = np.nan
    return vectors.reshape(*matrices.shape[:-2], 3)


def from_rows(rows: Array, where: object = "") -> Array:
    """Axis-angle (…, 3) from the first two rows of rotation matrices, (…, 6).

    Raises:
        InputError: the rows are far from those of rotations.
    """
    first, second = np.asarray(rows, np.float64)[..., :3], np.asarray(rows, np.float64)[..., 3:]
    with np.errstate(invalid="ignore", divide="ignore"):
        x = first / np.linalg.norm(first, axis=-1, keepdims=True)
        y = second - (x * second).sum(-1, keepdims=True) * x
        y = y / np.linalg.norm(y, axis=-1, keepdims=True)
        crooked = [
            np.abs(np.linalg.norm(first, axis=-1) - 1),
            np.abs(np.linalg.norm(second, axis=-1) - 1),
            np.abs((first * second).sum(-1)),
        ]
    measured = np.concatenate([part.ravel() for part in crooked])
    measured = measured[np.isfinite(measured)]
    deviation = float(measured.mean()) if measured.size else np.inf
    if deviation > LOOSE:
        raise InputError(
            f"contains no 6D rotations: rows deviate from unit and right angle by {deviation:.2g} on average",
            where,
            "undo the normalisation of the values",
        )
    return from_matrices(np.stack([x, y, np.cross(x, y)], axis=-2), where)


def smpl_poses(vectors: Array) -> Array:
    """(frames, 24, 3) from axis-angle of SMPL, or of the body joints of SMPL-H or SMPL-X: hands are straight.

    Args:
        vectors: (frames, joints, 3); 24 joints are SMPL's, of others the first 22 are used.
    """
    if vectors.shape[1] == 24:
        return vectors
    poses = np.zeros((len(vectors), 24, 3), vectors.dtype)
    count = min(vectors.shape[1], BODY)
    poses[:, :count] = vectors[:, :count]
    return poses

"""Rotations of NumPy arrays with the frames first: axis-angle (…, 3) in radians and matrices (…, 3, 3).

Conversions are SciPy's; what they lack here is that they take any number of leading axes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from popdanceset.rotations import component_arrays
from popdanceset.rotations.component_arrays import frames_first

Floats = NDArray[np.float64]


def axis_angle_to_matrix(vectors: Floats) -> Floats:
    """(…, 3) rotation vectors, radians → (…, 3, 3) matrices."""
    matrices: Floats = Rotation.from_rotvec(vectors.reshape(-1, 3)).as_matrix()
    return matrices.reshape(*vectors.shape[:-1], 3, 3)


def matrix_to_axis_angle(matrices: Floats) -> Floats:
    """(…, 3, 3) matrices → (…, 3) rotation vectors of at most half a turn, radians."""
    vectors: Floats = Rotation.from_matrix(matrices.reshape(-1, 3, 3)).as_rotvec()
    return vectors.reshape(*matrices.shape[:-2], 3)


def inverse(matrices: Floats) -> Floats:
    """(…, 3, 3) the inverse rotations."""
    return np.swapaxes(matrices, -1, -2)


def slerp(start: Floats, end: Floats, share: float | Floats) -> Floats:
    """Rotations on the great arc between two others.

    Args:
        start, end: (n, …, 3, 3).
        share: of the way from `start` (0) to `end` (1); one number or one a frame, (n,).

    Returns:
        (n, …, 3, 3)
    """
    arc = matrix_to_axis_angle(inverse(start) @ end)
    weight = np.reshape(share, (-1, *(1,) * (arc.ndim - 1)))
    between: Floats = start @ axis_angle_to_matrix(arc * weight)
    return between


def nearest_rotation(matrices: Floats) -> Floats:
    """(…, 3, 3) the rotations closest to any matrices in the sense of least squares, by singular values.

    Slower than `component_arrays.nearest_rotation` but exact for every matrix, so that means and Procrustes
    fits use it.
    """
    left, _, right = np.linalg.svd(matrices)
    left[..., :, 2] *= np.sign(np.linalg.det(left) * np.linalg.det(right))[..., None]
    product: Floats = left @ right
    return product


def rotation_about(axis: Floats, angle: Floats) -> Floats:
    """(n, 3, 3) rotations about one axis (3,) of any length by angles (n,), radians."""
    return frames_first(component_arrays.rotation_about(normalise(axis)[:, None], angle))


def rotation_between(start: Floats, end: Floats) -> Floats:
    """(n, 3, 3) the smallest rotations that turn vectors (n, 3) into the directions of others (n, 3).

    Opposite vectors are half a turn apart, about some perpendicular axis; zero vectors are not turned.
    """
    return frames_first(component_arrays.rotation_between(start.T, end.T))


def twist_angle(matrices: Floats, axes: Floats) -> Floats:
    """(…) twists of rotations (…, 3, 3) about axes (…, 3) of any length, radians, −π..π.

    From quaternions, so that it holds for half turns too, at which `component_arrays.twist_angle` divides
    nothing by nothing; that one is the faster.
    """
    quaternions = Rotation.from_matrix(matrices.reshape(-1, 3, 3)).as_quat().reshape(*matrices.shape[:-2], 4)
    along = (quaternions[..., :3] * normalise(axes)).sum(-1)
    angle: Floats = 2 * np.arctan2(along, quaternions[..., 3])
    return (angle + np.pi) % (2 * np.pi) - np.pi


def normalise(vectors: Floats) -> Floats:
    """(…, 3) vectors of length 1; a zero vector stays zero."""
    vectors = np.asarray(vectors, np.float64)
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    result: Floats = vectors / np.maximum(length, 1e-12)
    return result

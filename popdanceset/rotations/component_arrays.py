"""Vectors and rotations of NumPy arrays, laid out for speed: components first, (3, …, n) and (3, 3, …, n).

The package's docstring says why. Vectors and matrices broadcast over all axes behind their components.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_TINY = 1e-12

_NEWTON_STEPS = 20
"""A handful suffices where the root is simple; near a double root each step only halves the error."""


def components_first(matrices: Floats) -> Floats:
    """(n, …, 3, 3) → (3, 3, …, n), contiguous."""
    last = np.moveaxis(np.asarray(matrices, np.float64), 0, -1)
    return np.ascontiguousarray(np.moveaxis(last, (-3, -2), (0, 1)))


def frames_first(matrices: Floats) -> Floats:
    """(3, 3, …, n) → (n, …, 3, 3), a view."""
    return np.moveaxis(np.moveaxis(matrices, -1, 0), (1, 2), (-2, -1))


# -- vectors


def dot(first: Floats, second: Floats) -> Floats:
    """(…) scalar products of vectors (3, …)."""
    result: Floats = first[0] * second[0]
    result += first[1] * second[1]
    result += first[2] * second[2]
    return result


def norm(vector: Floats) -> Floats:
    """(…) lengths of vectors (3, …)."""
    return np.sqrt(dot(vector, vector))


def normalise(vector: Floats) -> Floats:
    """Vectors (3, …) of length 1; a zero vector stays zero."""
    result: Floats = vector / np.maximum(norm(vector), _TINY)
    return result


def cross(first: Floats, second: Floats) -> Floats:
    """(3, …) vector products."""
    (x, y, z), (u, v, w) = first, second
    return np.stack(np.broadcast_arrays(y * w - z * v, z * u - x * w, x * v - y * u))


def reject(vector: Floats, direction: Floats) -> Floats:
    """(3, …) the part of vectors that is perpendicular to unit vectors."""
    result: Floats = vector - dot(vector, direction) * direction
    return result


# -- rotations


def compose(first: Floats, second: Floats) -> Floats:
    """(3, 3, …) the matrix products first · second: the second rotation is applied first."""
    result: Floats = first[:, 0, None] * second[0]
    result += first[:, 1, None] * second[1]
    result += first[:, 2, None] * second[2]
    return result


def rotate(matrix: Floats, vector: Floats) -> Floats:
    """(3, …) vectors (3, …) rotated by matrices (3, 3, …)."""
    result: Floats = matrix[:, 0] * vector[0]
    result += matrix[:, 1] * vector[1]
    result += matrix[:, 2] * vector[2]
    return result


def inverse(matrix: Floats) -> Floats:
    """(3, 3, …) the inverse rotations, a view."""
    return matrix.swapaxes(0, 1)


def frame(bone: Floats, axis: Floats) -> Floats:
    """(3, 3, …) rotations whose columns point along the bone, along the axis as far as it is perpendicular to
    the bone, and perpendicular to both."""
    first = normalise(bone)
    second = normalise(reject(axis, first))
    return np.stack([first, second, cross(first, second)], axis=1)


def rotation_about(axis: Floats, angle: Floats) -> Floats:
    """(3, 3, …) rotations about unit vectors (3, …) by angles (…), radians (Rodrigues' formula)."""
    return _rodrigues(axis, np.cos(angle), np.sin(angle))


def _rodrigues(axis: Floats, cosine: Floats, sine: Floats) -> Floats:
    scaled = axis * (1 - cosine)
    x, y, z = axis
    a, b, c = axis * sine
    xy, xz, yz = x * scaled[1], x * scaled[2], y * scaled[2]
    result = np.empty((3, 3, *scaled.shape[1:]))
    result[0] = x * scaled[0] + cosine, xy - c, xz + b
    result[1] = xy + c, y * scaled[1] + cosine, yz - a
    result[2] = xz - b, yz + a, z * scaled[2] + cosine
    return result


def rotation_between(start: Floats, end: Floats) -> Floats:
    """(3, 3, …) the smallest rotations that turn vectors (3, …) into the directions of others.

    Opposite vectors are half a turn apart, about some perpendicular axis; zero vectors are not turned.
    """
    normal, along = cross(start, end), dot(start, end)
    area = norm(normal)
    size = np.hypot(along, area)
    known = size > _TINY**2
    size = np.where(known, size, 1.0)
    cosine, sine = np.where(known, along / size, 1.0), area / size
    axis = normal / np.maximum(area, _TINY * size)
    opposite = known & (cosine < 0) & (sine < 1e-9)
    if opposite.any():
        smallest = (np.abs(start) == np.abs(start).min(0)).astype(float)
        axis = np.where(opposite, normalise(cross(np.broadcast_to(start, normal.shape), smallest)), axis)
    return _rodrigues(axis, cosine, sine)


def swing(parent: Floats, rest: Floats, bone: Floats) -> Floats:
    """(3, 3, …) orientations that bring a rest bone onto a bone by the smallest rotation from the
    parent's."""
    return compose(parent, rotation_between(rest, rotate(inverse(parent), bone)))


def twist_angle(rotation: Floats, axis: Floats) -> Floats:
    """(…) the twist of rotations (3, 3, …) about unit vectors (3, …): the angle, −π..π, about the axis in the
    decomposition rotation = swing · twist, whose swing turns about an axis perpendicular to it.

    With the rotation's quaternion (x, y, z, w) it is 2 · atan2((x, y, z) · axis, w). Both numbers are taken
    from the matrix, times 4 w; rounding spoils them at rotations by half a turn, where w is zero.
    """
    sine = axis[0] * (rotation[2, 1] - rotation[1, 2])
    sine += axis[1] * (rotation[0, 2] - rotation[2, 0])
    sine += axis[2] * (rotation[1, 0] - rotation[0, 1])
    angle: Floats = 2 * np.arctan2(sine, 1 + rotation[0, 0] + rotation[1, 1] + rotation[2, 2])
    return (angle + np.pi) % (2 * np.pi) - np.pi


def swing_twist(rotation: Floats, axis: Floats) -> tuple[Floats, Floats]:
    """Rotations (3, 3, …) = swing · twist about unit vectors (3, …): swings (3, 3, …), twist angles (…)."""
    angle = twist_angle(rotation, axis)
    return compose(rotation, inverse(rotation_about(axis, angle))), angle


def nearest_rotation(matrix: Floats) -> Floats:
    """(3, 3, …) the rotations closest to matrices in the sense of least squares.

    In closed form, except for the largest root of a quartic, which Newton's method approaches from above
    (Markley, "Attitude Determination Using Vector Observations: A Fast Optimal Matrix Algorithm", Journal of
    the Astronautical Sciences 41, 1993): a few operations on long rows instead of n singular value
    decompositions. The identity where the matrix determines no rotation.
    """
    size = np.sqrt((matrix * matrix).sum((0, 1)))
    matrix = matrix / np.where(size > _TINY, size, 1.0)
    a, b, c = matrix
    cofactors = np.stack([cross(b, c), cross(c, a), cross(a, b)])
    volume, minors = dot(a, cofactors[0]), (cofactors * cofactors).sum((0, 1))
    # The sum of the singular values, the smallest with the determinant's sign; their squares sum up to one.
    root = np.full_like(volume, np.sqrt(3.0))
    for _ in range(_NEWTON_STEPS):
        square = root * root - 1
        slope = np.maximum(4 * (square * root - 2 * volume), 1e-9)
        root -= (square * square - 8 * volume * root - 4 * minors) / slope
    shared = (root * root - 1) / 2
    scale = shared * root - volume
    known = (size > _TINY) & (scale > 1e-12)
    third = compose(compose(matrix, inverse(matrix)), matrix)
    result = (shared + 1) * matrix + root * cofactors - third
    result = result / np.where(known, scale, 1.0)
    result[..., ~known] = np.eye(3)[..., None]
    return result

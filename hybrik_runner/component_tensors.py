"""Vectors and rotations of torch tensors, laid out for speed: components first, (3, …, n) and (3, 3, …, n).

The package's docstring says why; on a processor `addcmul` saves another pass over memory. Gradients pass
through every function.
"""

from __future__ import annotations

import torch
from torch import Tensor

TINY = 1e-8

_NEWTON_STEPS = 20
"""A handful suffices where the root is simple; near a double root each step only halves the error."""


# -- vectors


def dot(first: Tensor, second: Tensor) -> Tensor:
    """(…) scalar products of vectors (3, …)."""
    return (first * second).sum(0)


def norm(vector: Tensor) -> Tensor:
    """(…) lengths of vectors (3, …)."""
    return dot(vector, vector).sqrt()


def cross(first: Tensor, second: Tensor) -> Tensor:
    """(3, …) vector products."""
    (x, y, z), (u, v, w) = first.unbind(), second.unbind()
    return torch.stack((y * w - z * v, z * u - x * w, x * v - y * u))


def perpendicular(vector: Tensor) -> Tensor:
    """(3, …) some unit vector perpendicular to each vector."""
    smallest = torch.nn.functional.one_hot(vector.abs().argmin(0), 3).movedim(-1, 0).to(vector.dtype)
    normal = cross(vector, smallest)
    return normal / norm(normal).clamp_min(TINY)


# -- rotations


def compose(first: Tensor, second: Tensor) -> Tensor:
    """(3, 3, …) the matrix products first · second: the second rotation is applied first."""
    result = first[:, 0, None] * second[0]
    result = torch.addcmul(result, first[:, 1, None], second[1])
    return torch.addcmul(result, first[:, 2, None], second[2])


def rotate(matrix: Tensor, vector: Tensor) -> Tensor:
    """(3, …) vectors (3, …) rotated by matrices (3, 3, …)."""
    result = matrix[:, 0] * vector[0]
    result = torch.addcmul(result, matrix[:, 1], vector[1])
    return torch.addcmul(result, matrix[:, 2], vector[2])


def inverse(matrix: Tensor) -> Tensor:
    """(3, 3, …) the inverse rotations, a view."""
    return matrix.transpose(0, 1)


def rotation_about(axis: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """(3, 3, …) rotations about unit vectors (3, …) by angles with these cosines and sines (…) (Rodrigues'
    formula)."""
    x, y, z = axis.unbind()
    xs, ys, zs = (axis * sine).unbind()
    xl, yl, zl = (axis * (1 - cosine)).unbind()
    xy, xz, yz = x * yl, x * zl, y * zl
    entries = (
        torch.addcmul(cosine, x, xl), xy - zs, xz + ys,
        xy + zs, torch.addcmul(cosine, y, yl), yz - xs,
        xz - ys, yz + xs, torch.addcmul(cosine, z, zl),
    )  # fmt: skip
    return torch.stack(entries).reshape(3, 3, *cosine.shape)


def rotation_between(start: Tensor, end: Tensor, slack: float = 0.0) -> Tensor:
    """(3, 3, …) the smallest rotations that turn vectors (3, …) into the directions of others.

    Args:
        start, end: (3, …), any length. Opposite vectors are half a turn apart, about some perpendicular axis;
            zero vectors are not turned.
        slack: added to the length of the cross product before dividing by it; shortens the axis, for
            comparisons with code that does so.
    """
    normal = cross(start, end)
    area = norm(normal)
    cosine, sine = cosine_and_sine(dot(start, end), area)
    axis = normal / (area + slack).clamp_min(torch.finfo(area.dtype).tiny)
    opposite = (sine <= TINY) & (cosine < 0)
    if opposite.any():
        axis = torch.where(opposite, perpendicular(start), axis)
    return rotation_about(axis, cosine, sine)


def cosine_and_sine(along: Tensor, across: Tensor) -> tuple[Tensor, Tensor]:
    """(…) cosine and sine of the angle between vectors with this scalar product and this length of the vector
    product; those of no angle for zero vectors."""
    # Normalised together: rounding must not leave a matrix less than orthonormal.
    size = torch.hypot(along, across)
    known = size > TINY**2
    size = torch.where(known, size, 1.0)
    return torch.where(known, along / size, 1.0), across / size


def nearest_rotation(matrix: Tensor) -> Tensor:
    """(3, 3, …) the rotations closest to matrices in the sense of least squares, determinant 1.

    As `component_arrays.nearest_rotation` (Markley 1993). Give it double precision: the quartic needs it. The
    identity where the matrix determines no rotation.
    """
    size = (matrix * matrix).sum((0, 1)).sqrt()
    known = size > TINY**2
    matrix = matrix / torch.where(known, size, 1.0)
    a, b, c = matrix
    cofactors = torch.stack((cross(b, c), cross(c, a), cross(a, b)))
    volume = (matrix[0] * cofactors[0]).sum(0)
    minors = (cofactors * cofactors).sum((0, 1))
    # The sum of the singular values, the smallest with the determinant's sign; their squares sum up to one.
    root = torch.full_like(volume, 3**0.5)
    for _ in range(_NEWTON_STEPS):
        square = root * root - 1
        slope = 4 * (square * root - 2 * volume)
        root = root - (square * square - 8 * volume * root - 4 * minors) / slope.clamp_min(1e-9)
    shared = (root * root - 1) / 2
    scale = shared * root - volume
    known = known & (scale > 1e-12)
    third = compose(compose(matrix, inverse(matrix)), matrix)
    nearest = ((shared + 1) * matrix + root * cofactors - third) / torch.where(known, scale, 1.0)
    identity = torch.eye(3, dtype=matrix.dtype, device=matrix.device).reshape(3, 3, *(1,) * known.ndim)
    return torch.where(known, nearest, identity)


def align_vectors(start: Tensor, end: Tensor) -> Tensor:
    """(3, 3, …) the rotations that carry vectors (3, k, …) closest to others (3, k, …) in the sense of least
    squares; calculated in double precision."""
    first, second = start.double(), end.double()
    return nearest_rotation((second[:, None] * first[None]).sum(2)).to(start.dtype)

"""Distances of line segments, exact and for many pairs at once.

The squared distance of two points, one on each segment, is a convex quadratic function of their places along
the segments. Its minimum over both is where the lines are nearest, if that lies inside both segments;
otherwise one of the points is an end of its segment. So the least of five candidates is the distance, also of
parallel segments and of points. (The usual algorithm clamps twice instead: Ericson, "Real-Time Collision
Detection", 5.1.9.)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_TINY = 1e-24


def segment_distances(first: Floats, second: Floats) -> Floats:
    """Returns the distances (…) of pairs of segments.

    Args:
        first, second: (…, 2, 3) both ends of the segments of each pair.
    """
    a, b = first[..., 0, :], second[..., 0, :]
    along_a, along_b = first[..., 1, :] - a, second[..., 1, :] - b
    squared = _inside(b - a, along_a, along_b)
    for point in (second[..., 0, :], second[..., 1, :]):
        np.minimum(squared, _to_point(a, along_a, point), out=squared)
    for point in (first[..., 0, :], first[..., 1, :]):
        np.minimum(squared, _to_point(b, along_b, point), out=squared)
    return np.sqrt(squared)


def _to_point(start: Floats, along: Floats, point: Floats) -> Floats:
    """(…) squared distances of points from segments."""
    off = point - start
    share = np.clip(_dot(off, along) / np.maximum(_dot(along, along), _TINY), 0, 1)
    away = off - share[..., None] * along
    return _dot(away, away)


def _inside(between: Floats, along_a: Floats, along_b: Floats) -> Floats:
    """(…) squared distances where the lines are nearest inside both segments; elsewhere infinite.

    Args:
        between: (…, 3) from the start of the first segments to the start of the second ones.
        along_a, along_b: (…, 3) from the starts of the segments to their ends.
    """
    aa, bb, ab = _dot(along_a, along_a), _dot(along_b, along_b), _dot(along_a, along_b)
    ra, rb = _dot(between, along_a), _dot(between, along_b)
    determinant = aa * bb - ab * ab
    skew = determinant > 1e-12 * aa * bb
    safe = np.where(skew, determinant, 1.0)
    share_a, share_b = (ra * bb - rb * ab) / safe, (ra * ab - rb * aa) / safe
    inside = skew & (share_a > 0) & (share_a < 1) & (share_b > 0) & (share_b < 1)
    away = between + share_b[..., None] * along_b - share_a[..., None] * along_a
    return np.where(inside, _dot(away, away), np.inf)


def _dot(a: Floats, b: Floats) -> Floats:
    product: Floats = np.einsum("...i,...i->...", a, b)
    return product

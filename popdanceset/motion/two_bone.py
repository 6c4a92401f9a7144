"""Two bones that reach for a place: hip, knee and ankle, or shoulder, elbow and wrist."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from popdanceset.rotations.arrays import normalise, rotation_between

Floats = NDArray[np.float64]

_STRETCH = 0.999
"""A limb is stretched to this share of its length at most: a straight one has no bending plane."""


def reach(upper: Floats, lower: Floats, target: Floats, axis: Floats) -> tuple[Floats, Floats]:
    """Turns two bones so that their end is at a target, by the law of cosines.

    The limb turns as a whole by the smallest rotation that points it at the target; then the hinge opens or
    closes in the bending plane. A target out of reach is approached as far as the bones are long, or already
    stretched.

    Args:
        upper, lower: (n, 3) the bones as they are: from the limb's root to the hinge, and on to the end.
        target: (n, 3) from the limb's root to where the end is to be.
        axis: (n, 3) the hinge's axis, for limbs too straight to show their bending plane: a positive turn
            of the lower bone about it closes the hinge.

    Returns:
        Two (n, 3, 3): rotations in the outer frame that turn the upper and the lower bone.
    """
    end = upper + lower
    first, second = np.linalg.norm(upper, axis=1), np.linalg.norm(lower, axis=1)
    longest = np.maximum(_STRETCH * (first + second), np.linalg.norm(end, axis=1))
    shortest = np.minimum(np.abs(first - second) / _STRETCH, np.linalg.norm(end, axis=1))
    distance = np.clip(np.linalg.norm(target, axis=1), shortest, longest)
    along = normalise(target)
    whole = rotation_between(end, target)
    # Across the limb, towards the hinge: what the bones show, and for a straight limb what its axis says.
    shown = np.cross(np.cross(end, upper), end)
    known = np.linalg.norm(np.cross(upper, end), axis=1) > 0.02 * first * np.linalg.norm(end, axis=1)
    bend = np.where(known[:, None], shown, np.cross(end, axis))
    across = np.einsum("nab,nb->na", whole, bend)
    across = normalise(across - (across * along).sum(1, keepdims=True) * along)
    cosine = (first**2 + distance**2 - second**2) / np.maximum(2 * first * distance, 1e-12)
    cosine = np.clip(cosine, -1, 1)
    hinge = first[:, None] * (cosine[:, None] * along + np.sqrt(1 - cosine**2)[:, None] * across)
    moved = distance[:, None] * along - hinge
    return rotation_between(upper, hinge), rotation_between(lower, moved)

"""Self-penetration: how deep parts of a body are in other parts of it, measured on its capsules.

Parts that are joined, or that always rest on each other, are not compared (`Capsule.beside`). Those that
overlap in the rest pose already, as both thighs do, count by what they overlap more. Flesh yields and real
bodies are not round, so hands on hips and crossed legs reach a depth of a centimetre or two: only what is
deeper than `TOLERANCE` is a fault.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popdanceset.motion.body.capsules import PAIRS, RADII, body_scale, capsule_ends
from popdanceset.motion.body.segments import segment_distances
from popdanceset.motion.forward_kinematics import forward_kinematics

Floats = NDArray[np.float64]

TOLERANCE = 0.02
"""Metres up to which a body may be in itself."""

_FIRST, _SECOND = (np.array(side) for side in zip(*PAIRS, strict=True))
_REACH = RADII[_FIRST] + RADII[_SECOND]
_CHUNK = 1024
"""Frames calculated at a time."""


def _overlaps(joints: Floats, scale: float) -> Floats:
    """(frames, pairs) how much capsules overlap, metres; negative where they are apart."""
    ends = capsule_ends(joints)
    distances = segment_distances(ends[:, _FIRST], ends[:, _SECOND])
    overlap: Floats = scale * _REACH - distances
    return overlap


REST_OVERLAPS = np.maximum(_overlaps(forward_kinematics(np.tile(np.eye(3), (1, 24, 1, 1))), 1.0)[0], 0.0)
"""(pairs,) metres: what the mean body overlaps in its rest pose; 0 where it does not."""


def depths(joints: NDArray[np.floating[Any]]) -> Floats:
    """Measures how deep the parts of a body are in each other.

    Args:
        joints: (frames, 24, 3) SMPL joints, metres, in any axes; absolute or relative to the root. The radii
            of the body are in proportion to its bones.

    Returns:
        (frames, pairs) metres ≥ 0, for the pairs of `capsules.PAIRS`. Where the axes of two capsules cross,
        it is the sum of their radii and no more, however far the one goes through the other.
    """
    joints = np.asarray(joints, np.float64)
    if not len(joints):
        return np.zeros((0, len(PAIRS)))
    scale = body_scale(joints)
    parts = [joints[start : start + _CHUNK] for start in range(0, len(joints), _CHUNK)]
    overlaps = np.concatenate([_overlaps(part, scale) for part in parts])
    return np.maximum(overlaps - scale * REST_OVERLAPS, 0.0)


@dataclass(frozen=True, slots=True)
class SelfPenetration:
    """How much a body is in itself, over a clip.

    Attributes:
        depth: mean over the frames of the greatest depth, metres; depths within the tolerance count as 0.
        share: share of the frames in which the greatest depth exceeds the tolerance.
    """

    depth: float = 0.0
    share: float = 0.0


def self_penetration(joints: NDArray[np.floating[Any]], tolerance: float = TOLERANCE) -> SelfPenetration:
    """Measures self-penetration over a clip.

    Args:
        joints: as for `depths`.
        tolerance: depth up to which it counts as none, metres.
    """
    if not len(joints):
        return SelfPenetration()
    deepest = depths(joints).max(axis=1)
    deep = deepest > tolerance
    return SelfPenetration(float(np.where(deep, deepest, 0.0).mean()), float(deep.mean()))

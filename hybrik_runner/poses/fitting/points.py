"""The twelve points of the limbs on SMPL's skeleton: their places, and their derivatives by the unknowns.

Camera axes throughout. Each point is one of SMPL's joints.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from popdanceset.rotations.arrays import inverse
from popdanceset.skeleton import LIMB_JOINTS, SMPL_PARENTS, levels

Floats = NDArray[np.float64]

POINTS = slice(5, 17)
"""COCO's points that are fitted: shoulders, elbows, wrists, hips, knees and ankles. Faces differ more between
people than they tell."""
POINT_JOINTS = np.array(LIMB_JOINTS)
"""SMPL's joint of each point."""
TURNED = np.array([0, 6, 9, 16, 17, 18, 19, 1, 2, 4, 5])
"""SMPL's joints whose orientations are fitted: root, spine, chest, shoulders, elbows, hips and knees. The
others turn with the next of these above them."""
UNKNOWNS = 3 + 3 * len(TURNED)
"""Of a frame: the root's place, then small rotations of the joints in their own axes, radians. They turn a
joint and what turns with it; limbs below keep their orientations."""


def _turns_with() -> NDArray[np.intp]:
    """(24,) each joint's place in TURNED, or that of the next joint above it which is there."""
    places = {joint: place for place, joint in enumerate(TURNED.tolist())}
    result = np.zeros(24, np.intp)
    for joint in range(24):
        result[joint] = places.get(joint, result[SMPL_PARENTS[joint]])
    return result


def _levers() -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """(12, joints) SMPL's joint at the end of the lever by which a turned joint moves a point, and whether it
    moves the point at all."""
    ends, moves = np.zeros((12, len(TURNED)), np.intp), np.zeros((12, len(TURNED)), bool)
    for point, end in enumerate(POINT_JOINTS.tolist()):
        joint = SMPL_PARENTS[end]
        while joint >= 0:
            place = TURNS_WITH[joint]
            ends[point, place], moves[point, place] = end, True
            end = TURNED[place]
            joint = SMPL_PARENTS[end]
    return ends, moves


TURNS_WITH = _turns_with()
_ENDS, _MOVES = _levers()
_PARENTS = np.array(SMPL_PARENTS)
_LEVELS = [np.array(level) for level in levels()]


@dataclass(frozen=True, slots=True)
class Points:
    """Points of n frames.

    Attributes:
        turns: (n, 24, 3, 3) rotations of the joints, camera axes.
        joints: (n, 24, 3) metres, from the camera.
    """

    turns: Floats
    joints: Floats

    @property
    def places(self) -> Floats:
        """(n, 12, 3) of the points."""
        return self.joints[:, POINT_JOINTS]

    def derivatives(self) -> Floats:
        """(n, 12, 3, UNKNOWNS) of the places by the unknowns."""
        count = len(self.joints)
        result = np.zeros((count, 12, 3, UNKNOWNS))
        result[:, :, [0, 1, 2], [0, 1, 2]] = 1
        lever = (self.joints[:, _ENDS] - self.joints[:, None, TURNED]) * _MOVES[..., None]
        x, y, z = np.moveaxis(lever[..., None], 3, 0)  # (n, 12, joints, 1)
        u, v, w = np.moveaxis(self.turns[:, None, TURNED], 3, 0)  # axes of the joints, (n, 1, joints, 3)
        moved = np.stack([v * z - w * y, w * x - u * z, u * y - v * x], axis=2)
        result[..., 3:] = moved.reshape(count, 12, 3, -1)
        return result


def points(turns: Floats, root: Floats, bones: Floats) -> Points:
    """Calculates the points of poses.

    Args:
        turns: (n, 24, 3, 3) rotations of the joints, camera axes.
        root: (n, 3) metres.
        bones: (24, 3) each joint at rest from its parent, metres.
    """
    joints = np.empty((len(turns), 24, 3))
    joints[:, 0] = root
    for level in _LEVELS[1:]:
        parents = _PARENTS[level]
        joints[:, level] = joints[:, parents] + np.einsum("nkab,kb->nka", turns[:, parents], bones[level])
    return Points(turns, joints)


def turned(turns: Floats, small: Floats) -> Floats:
    """(n, 24, 3, 3) the joints' rotations after small rotations (n, joints, 3, 3) of TURNED in their own
    axes."""
    own = turns[:, TURNED]
    result: Floats = (own @ small @ inverse(own))[:, TURNS_WITH] @ turns
    return result

"""Left and right exchanged where a reviewer found them exchanged, for as long as it lasts.

`hybrik_runner.poses.sides` finds exchanges of a few frames by their neighbours. One that lasts longer, such
as a back that was taken for a front, only a person can see.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hybrik_runner.blazepose.inverse_kinematics import inverse_kinematics
from hybrik_runner.poses.sides import KEYPOINT_SIDES, PARTS, SCORE_SIDES, SMPL_SIDES, exchanged, seen_joints
from popdanceset.motion.forward_kinematics import forward_kinematics

if TYPE_CHECKING:
    from hybrik_runner.estimator import Poses

Floats = NDArray[np.float64]

Span = tuple[float, float]
"""Start and end, seconds from the clip's first frame."""

_SLACK = 0.001
"""Seconds to which spans are rounded."""


def spans_of(swaps: str | None) -> list[Span]:
    """Reads the column `swaps` of a clip: `1.500-2.250+4.000-5.000`.

    Raises:
        ValueError: it is something else.
    """
    spans = []
    for text in swaps.split("+") if swaps else ():
        start, _, end = text.partition("-")
        spans.append((float(start), float(end)))
    return spans


def swapped(poses: Poses, spans: Sequence[Span]) -> Poses:
    """Returns poses whose left and right are exchanged in some spans, in all that has sides.

    Joints stay where they were seen and change their names. Rotations are those whose joints lie there: an
    exchange leaves no twist to keep.

    Args:
        poses: of one clip.
        spans: an end is not part of its span.
    """
    if spans:
        poses = poses.finite()
    times = poses.times[poses.found]
    inside = np.zeros(len(times), bool)
    for start, end in spans:
        inside |= (times >= start - _SLACK) & (times < end - _SLACK)
    if not inside.any():
        return poses
    everywhere = np.repeat(inside[:, None], len(PARTS), axis=1)
    keypoints3d = exchanged(poses.keypoints3d, everywhere, KEYPOINT_SIDES)
    rotations = np.array(poses.rotations)
    rotations[inside] = _renamed(rotations[inside], poses.scaling, keypoints3d[inside])
    return replace(
        poses,
        rotations=rotations,
        keypoints3d=keypoints3d,
        keypoints2d=exchanged(poses.keypoints2d, everywhere, KEYPOINT_SIDES),
        scores=exchanged(poses.scores, everywhere, SCORE_SIDES),
        observed=exchanged(poses.observed, everywhere, SMPL_SIDES),
        unfiltered_joints3d=exchanged(poses.unfiltered_joints3d, everywhere, SMPL_SIDES),
    )


def _renamed(rotations: Floats, scaling: float, keypoints3d: Floats) -> Floats:
    """Rotations (n, 24, 3, 3) whose left joints lie where the right ones lay, and limbs where the keypoints
    (n, 17, 3), which have their right names already, say."""
    everywhere = np.ones((len(rotations), len(PARTS)), bool)
    joints = exchanged(forward_kinematics(rotations, scaling), everywhere, SMPL_SIDES)
    # Hips and shoulders do not lie in the middle of the trunk: they move as it turns round, so that limbs can
    # be aimed only from where they are then.
    turned = forward_kinematics(inverse_kinematics(joints), scaling)
    return inverse_kinematics(seen_joints(turned, keypoints3d))

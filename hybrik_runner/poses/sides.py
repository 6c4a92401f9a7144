"""Left and right exchanged for a frame or two: found by the neighbours, and put back before smoothing.

A network that takes a back for a front, or one leg for the other, labels the limbs of one side as those of
the other. Such a run of frames lies far from the frames before and after it, and close to both once it is
exchanged. Trunk, arms and legs are judged apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from popdanceset.motion.forward_kinematics import forward_kinematics, global_rotations
from popdanceset.rotations.arrays import inverse, rotation_between, slerp
from popdanceset.skeleton import SMPL_OFFSETS, SMPL_PARENTS

if TYPE_CHECKING:
    from hybrik_runner.estimator import Poses

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Pairs = Sequence[tuple[int, int]]

PARTS = ("trunk", "arms", "legs")

SMPL_SIDES: dict[str, Pairs] = {
    "trunk": ((1, 2), (13, 14), (16, 17)),
    "arms": ((18, 19), (20, 21), (22, 23)),
    "legs": ((4, 5), (7, 8), (10, 11)),
}
COCO_SIDES: dict[str, Pairs] = {
    "trunk": ((5, 6), (11, 12)),
    "arms": ((7, 8), (9, 10)),
    "legs": ((13, 14), (15, 16)),
}
KEYPOINT_SIDES: dict[str, Pairs] = {**COCO_SIDES, "trunk": (*COCO_SIDES["trunk"], (1, 2), (3, 4))}
"""The same with eyes and ears, which turn with the trunk."""
_LIMB_JOINTS, _LIMB_KEYPOINTS = [18, 19, 20, 21, 4, 5, 7, 8], [7, 8, 9, 10, 13, 14, 15, 16]
_ENDS, _END_SHIFTS = [22, 23, 10, 11], [2, 3, 6, 7]
SCORE_SIDES: dict[str, Pairs] = {
    "trunk": SMPL_SIDES["trunk"],
    "arms": (*SMPL_SIDES["arms"], (25, 26)),
    "legs": (*SMPL_SIDES["legs"], (27, 28)),
}
"""Of `Poses.scores`, which have hands and feet too."""
_CHAINS = {"arms": ((16, 18, 20, 22), (17, 19, 21, 23)), "legs": ((1, 4, 7, 10), (2, 5, 8, 11))}

_LONGEST = 3
"""Frames. In a longer exchange, neither of the two assignments is known to be right."""
_STEP = 0.1
"""Seconds. Dancers can turn round between frames that are farther apart."""
_FIT = 0.8
"""Ratio of the distances from both neighbours, exchanged and not, below which a frame is exchanged. In three
rendered dances and a tai chi form it is above 1.02 for every frame that is right (above 1.12 in space), and
below 0.8 for 94 to 100 % of frames that are exchanged on purpose."""
_METRES = 0.03
"""Mean distance from the neighbours below which nothing is exchanged: joints that lie together."""
_SHARE = 0.015
"""The same in the picture, as a share of the dancer's size."""


def exchanges(
    points: Floats, times: Floats, pairs: Mapping[str, Pairs], least: Floats | float = _METRES
) -> Flags:
    """Returns which frames fit both neighbours better with left and right exchanged.

    Runs of up to three frames are found, shorter ones first. The first and the last frame are never
    exchanged: they have one neighbour only.

    Args:
        points: (n, k, d) of left and right.
        times: (n,) seconds.
        pairs: of each of `PARTS`, indices of left and right points.
        least: mean distance from which a frame counts as far from its neighbour; one number or one a frame.

    Returns:
        (n, 3) for trunk, arms and legs.
    """
    found = np.zeros((len(points), len(PARTS)), bool)
    near = np.diff(times) <= _STEP
    far = np.broadcast_to(least, len(points))
    for part, name in enumerate(PARTS):
        order = [index for pair in pairs[name] for index in pair]
        own = np.array(points[:, order])
        mirror = np.arange(len(order)).reshape(-1, 2)[:, ::-1].ravel()
        for length in range(1, min(_LONGEST, len(points) - 2) + 1):
            step = np.linalg.norm(np.diff(own, axis=0), axis=2).mean(1)
            crossed = np.linalg.norm(own[1:, mirror] - own[:-1], axis=2).mean(1)
            odd = near & (step > far[1:]) & (crossed < _FIT * step)
            starts = np.flatnonzero(odd[:-length] & odd[length:])
            for start in _apart(starts, length):
                run = slice(start + 1, start + 1 + length)
                found[run, part] ^= True
                own[run] = own[run][:, mirror]
    return found


def exchanged(values: NDArray[Any], flags: Flags, pairs: Mapping[str, Pairs]) -> NDArray[Any]:
    """Returns values (n, k, …) whose left and right are exchanged in the frames and parts of `flags`."""
    result: NDArray[Any] = np.array(values)
    for part, name in enumerate(PARTS):
        rows = np.flatnonzero(flags[:, part])[:, None]
        if len(rows) and len(pairs[name]):
            left, right = np.array(pairs[name]).T
            result[rows, np.r_[left, right]] = result[rows, np.r_[right, left]]
    return result


def restored(poses: Poses, joints: Floats | None = None) -> Poses:
    """Returns poses in which frames whose left and right were exchanged are put back, and listed in
    `exchanged`.

    Joints and both kinds of keypoints are judged on their own. Where joints are exchanged, the rotations of
    the neighbours are aimed at the exchanged joints: an exchange leaves no twist to keep.
    `unfiltered_joints3d` stays as it is.

    Args:
        poses: of one clip, finite.
        joints: (n, 24, 3) SMPL's joints as the network saw them, root-relative, world axes; None: those of
            the rotations, with elbows, wrists, knees and ankles where the keypoints are.
    """
    times = poses.times[poses.found]
    if len(times) < 3:
        return poses
    if joints is None:
        joints = seen_joints(forward_kinematics(poses.rotations, poses.scaling), poses.keypoints3d)
    size = np.maximum((poses.bbox[:, 2:] - poses.bbox[:, :2]).max(1), 1.0)
    turned = exchanges(joints, times, SMPL_SIDES)
    in_space = exchanges(poses.keypoints3d, times, COCO_SIDES)
    in_picture = exchanges(poses.keypoints2d, times, COCO_SIDES, _SHARE * size)
    anywhere = (turned | in_space | in_picture).any(1)
    if not anywhere.any():
        return poses
    return replace(
        poses,
        rotations=_aimed(poses.rotations, joints, turned, times),
        keypoints3d=exchanged(poses.keypoints3d, in_space, KEYPOINT_SIDES),
        keypoints2d=exchanged(poses.keypoints2d, in_picture, KEYPOINT_SIDES),
        scores=exchanged(poses.scores, turned, SCORE_SIDES),
        observed=exchanged(poses.observed, turned, SMPL_SIDES),
        exchanged=poses.exchanged_also(times[anywhere]),
    )


def seen_joints(joints: Floats, keypoints3d: Floats) -> Floats:
    """Returns SMPL's joints (n, 24, 3) whose limbs are where the keypoints (n, 17, 3) are.

    Bones of constant length do not show where the limbs of the other side were seen. Hands and feet move
    along.
    """
    shift = keypoints3d[:, _LIMB_KEYPOINTS] - joints[:, _LIMB_JOINTS]
    result = np.array(joints)
    result[:, _LIMB_JOINTS] += shift
    result[:, _ENDS] += shift[:, _END_SHIFTS]
    return result


def _apart(starts: NDArray[np.intp], length: int) -> list[int]:
    """Leaves out runs that touch the one before them: what a run fits stays as it is."""
    kept: list[int] = []
    for start in starts.tolist():
        if not kept or start > kept[-1] + length:
            kept.append(start)
    return kept


def _aimed(rotations: Floats, joints: Floats, flags: Flags, times: Floats) -> Floats:
    """Rotations (n, 24, 3, 3) whose exchanged parts are the neighbours', aimed at the exchanged joints."""
    rows = np.flatnonzero(flags.any(1))
    if not len(rows):
        return rotations
    good = np.flatnonzero(~flags.any(1))
    after = np.searchsorted(good, rows)
    low, high = good[after - 1], good[after]
    share = (times[rows] - times[low]) / (times[high] - times[low])
    between = slerp(rotations[low], rotations[high], share)
    local = np.array(rotations[rows])
    trunk, arms, legs = flags[rows].T
    limbs = {"arms": arms, "legs": legs}
    local[trunk] = between[trunk]
    for name, chosen in limbs.items():
        chain = [joint for side in _CHAINS[name] for joint in side]
        local[np.ix_(chosen, chain)] = between[np.ix_(chosen, chain)]
    target = exchanged(joints[rows], flags[rows], SMPL_SIDES)
    for name, chosen in limbs.items():
        moved = chosen | trunk
        for side in _CHAINS[name]:
            for joint, child in pairwise(side):
                turns = global_rotations(local)
                now = turns[:, joint] @ SMPL_OFFSETS[child]
                aim = rotation_between(now, target[:, child] - target[:, joint])
                parent = turns[:, SMPL_PARENTS[joint]]
                aimed = inverse(parent) @ aim @ turns[:, joint]
                local[moved, joint] = aimed[moved]
    result = np.array(rotations)
    result[rows] = local
    return result

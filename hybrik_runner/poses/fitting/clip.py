"""The fit of a clip: rotations and root that explain the keypoints of all frames together.

Unlike smoothing, which averages neighbours, it weighs for each frame how well the picture determines it: each
point by its score, and less the farther it lies off. Bones keep their length, knees and elbows bend one way,
and accelerations are small.

Robust Gauss-Newton steps (iteratively reweighted with Cauchy's loss) from the smoothed poses; the equations
of all frames are banded (`motion`).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hybrik_runner.poses import camera
from hybrik_runner.poses.fitting.motion import Accelerations, step
from hybrik_runner.poses.fitting.points import (
    APART,
    CARRIERS,
    POINT_JOINTS,
    POINTS,
    TURNED,
    UNKNOWNS,
    Points,
    Skeleton,
    points,
    turned,
)
from popdanceset.motion.forward_kinematics import global_rotations, local_rotations
from popdanceset.rotations.arrays import axis_angle_to_matrix, inverse, matrix_to_axis_angle
from popdanceset.skeleton import SMPL_OFFSETS

if TYPE_CHECKING:
    from hybrik_runner.estimator import Poses

Floats = NDArray[np.float64]

log = logging.getLogger(__name__)

METHOD = "banded gauss-newton over the clip, cauchy loss"

_STEPS = 4

# Standard deviations: the smaller, the more it counts. Chosen on two views of a real person and ten rendered
# films; with the first three 1.3 times as large, the joints' mean error changes by less than 1 %.
_ACROSS = 0.04
"""Metres, of a point across the line of sight, at the root's distance."""
_IN_SPACE = 0.2
"""Metres, of a point from its neighbour towards the trunk."""
_TURN = 0.16
"""Radians, of a rotation from the smoothed one."""
_PLACE = 0.3
"""Metres, of the root from the smoothed one."""
_LIMIT = 0.05
"""Radians, of knees and elbows beyond their range."""
_TURNING = 40.0
"""rad/s²."""
_MOVING = np.array([15.0, 15.0, 5.0])
"""m/s², of the root; along the line of sight a single view knows least."""
_OUTLIER = 2.0
"""Standard deviations from which a point counts less than half."""
_ROUGH = 0.2
"""Weight in the picture of shoulders, which a shrug moves and SMPL's chest does not."""

_NEAREST = 0.1
"""Metres. Nothing nearer to the camera is seen."""
_LARGEST = 0.5
"""Radians or metres of one step."""

_SHOULDERS, _HIPS = [0, 1], [6, 7]
_BASES = {2: 0, 3: 1, 4: 2, 5: 3, 8: 6, 9: 7, 10: 8, 11: 9}
"""Points of limbs, and their neighbours towards the trunk."""

_HINGES = np.array([4, 5, 18, 19])
_UPPER = np.array([1, 2, 16, 17])
_LOW = np.array([[0, -0.3, -0.3], [0, -0.3, -0.3], [-1.6, -2.7, -0.3], [-1.6, 0, -0.3]])
_HIGH = np.array([[2.7, 0.3, 0.3], [2.7, 0.3, 0.3], [1.6, 0, 0.3], [1.6, 2.7, 0.3]])
"""(4, 3) rotation vectors of knees and elbows: knees bend about x, elbows about y; forearms twist about x."""

_TO_CAMERA = camera.to_camera(np.eye(3)).T
"""(3, 3) from world axes."""


def _relative() -> Floats:
    """(12, 12) each point's difference from its neighbour towards the trunk; shoulders' and hips' from the
    middle of the hips."""
    result = np.eye(12)
    for point in range(12):
        if point in _BASES:
            result[point, _BASES[point]] -= 1
        else:
            result[point, _HIPS] -= 0.5
    return result


_RELATIVE = _relative()


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the camera saw: `rays` (n, 12, 2) x/z and y/z; `relative` (n, 12, 3) each point from its
    neighbour, camera axes; `scores` (n, 12)."""

    rays: Floats
    relative: Floats
    scores: Floats


def fitted(poses: Poses, start: Poses) -> Poses:
    """Returns poses whose rotations and roots are fitted to the keypoints of the whole clip.

    `start` itself comes back, with a warning, where numbers are too large for the equations: no person has
    limbs of a hundred thousand kilometres.

    Args:
        poses: of one clip, finite, not smoothed.
        start: the same, smoothed; the result is like it in all else.
    """
    if not len(start.rotations):
        return start
    in_space = camera.to_camera(poses.keypoints3d[:, POINTS])
    seen = _Seen(
        (poses.keypoints2d[:, POINTS] - np.array(poses.size) / 2) / camera.focal_length(poses.size),
        np.einsum("kj,njd->nkd", _RELATIVE, in_space),
        poses.scores[:, POINT_JOINTS],
    )
    first, start_root = global_rotations(start.rotations), np.array(start.cam_root)
    first = _TO_CAMERA @ first
    turns, root = first, start_root
    skeleton = _skeleton(turns, in_space, poses.scaling)
    accelerations = Accelerations.at(poses.times[poses.found])
    smooth = 1 / np.concatenate([_MOVING, np.full(UNKNOWNS - 3, _TURNING)]) ** 2
    for _ in range(_STEPS):
        frames, gradient = _of_points(points(turns, root, skeleton), root, seen)
        _hold(frames, gradient, slice(0, 3), root - start_root, _PLACE)
        _hold(frames, gradient, slice(3, None), _between(first, turns), _TURN)
        _limit(frames, gradient, turns)
        if len(root) > 2:
            steps = np.concatenate([np.diff(root, axis=0), _between(turns[:-1], turns[1:])], axis=1)
            gradient += accelerations.gradient(accelerations.of_steps(steps), smooth)
        try:
            change = step(frames, gradient, accelerations, smooth)
        except np.linalg.LinAlgError:
            farthest = np.abs(poses.keypoints3d).max()
            log.warning("poses stay as smoothed: their keypoints, %.0e m away, cannot be fitted", farthest)
            return start
        change = np.clip(change, -_LARGEST, _LARGEST)
        root = root + change[:, :3]
        turns = turned(turns, axis_angle_to_matrix(change[:, 3:].reshape(len(change), -1, 3)))
    return replace(start, rotations=local_rotations(_TO_CAMERA.T @ turns), cam_root=root)


def _skeleton(turns: Floats, in_space: Floats, scaling: float) -> Skeleton:
    """The scaled mean skeleton, with points as far apart from their joints as in most frames."""
    bare = Skeleton(SMPL_OFFSETS * scaling)
    at_rest = points(turns, np.zeros((len(turns), 3)), bare)
    local = np.einsum("nkba,nkb->nka", at_rest.turns[:, CARRIERS], in_space - at_rest.places)
    apart = np.zeros((12, 3))
    apart[APART] = np.median(local[:, APART], axis=0)
    return replace(bare, apart=apart)


def _of_points(now: Points, root: Floats, seen: _Seen) -> tuple[Floats, Floats]:
    """Normal equations (n, p, p) of the points in picture and space, and their gradient (n, p)."""
    count = len(root)
    derivatives = now.derivatives()
    depth = np.maximum(now.places[..., 2:], _NEAREST)
    distance = np.maximum(root[:, None, 2:], _NEAREST)
    rays = now.places[..., :2] / depth
    across = (rays - seen.rays) * distance
    by_across = derivatives[:, :, :2] - rays[..., None] * derivatives[:, :, 2:]
    by_across *= (distance / depth)[..., None]
    weights = seen.scores * _robust(across, _ACROSS)
    weights[:, _SHOULDERS] *= _ROUGH

    off = np.einsum("kj,njd->nkd", _RELATIVE, now.places) - seen.relative
    by_off = np.tensordot(_RELATIVE, derivatives, axes=(1, 1)).swapaxes(0, 1)
    in_space = seen.scores * _robust(off, 2 * _IN_SPACE) * 4  # outliers count from twice as far off

    roots = np.sqrt(np.concatenate([np.repeat(weights, 2, axis=1), np.repeat(in_space, 3, axis=1)], axis=1))
    rows = np.concatenate([by_across.reshape(count, 24, -1), by_off.reshape(count, 36, -1)], axis=1)
    rows *= roots[..., None]
    missed = np.concatenate([across.reshape(count, -1), off.reshape(count, -1)], axis=1) * roots
    return rows.swapaxes(1, 2) @ rows, np.einsum("nr,nrp->np", missed, rows)


def _robust(missed: Floats, sigma: float) -> Floats:
    """(n, k) weights of residuals (n, k, d) with Cauchy's loss, 1/m²."""
    square: Floats = (missed**2).sum(-1)
    return 1 / sigma**2 / (1 + square / (_OUTLIER * sigma) ** 2)


def _between(first: Floats, second: Floats) -> Floats:
    """(n, 3 joints) rotation vectors from orientations (n, 24, 3, 3) of TURNED to others."""
    vectors = matrix_to_axis_angle(inverse(first[:, TURNED]) @ second[:, TURNED])
    return vectors.reshape(len(vectors), -1)


def _hold(frames: Floats, gradient: Floats, which: slice, off: Floats, sigma: float) -> None:
    """Adds a pull of unknowns, which are `off` (n, …) from where they belong, to the equations."""
    index = np.arange(UNKNOWNS)[which]
    frames[:, index, index] += 1 / sigma**2
    gradient[:, which] += off / sigma**2


def _limit(frames: Floats, gradient: Floats, turns: Floats) -> None:
    """Adds a pull of knees and elbows back into their range to the equations."""
    local = inverse(turns[:, _UPPER]) @ turns[:, _HINGES]
    vectors = matrix_to_axis_angle(local)
    beyond = vectors - np.clip(vectors, _LOW, _HIGH)
    outside = beyond.any((1, 2))
    if not outside.any():
        return
    rows = np.zeros((int(outside.sum()), len(_HINGES), 3, UNKNOWNS))
    for hinge in range(len(_HINGES)):
        rows[:, hinge, :, _place(_HINGES[hinge])] = np.eye(3)
        rows[:, hinge, :, _place(_UPPER[hinge])] = -inverse(local[outside, hinge])
    rows = (rows * (beyond[outside] != 0)[..., None] / _LIMIT).reshape(len(rows), -1, UNKNOWNS)
    missed = beyond[outside].reshape(len(rows), -1) / _LIMIT
    frames[outside] += rows.swapaxes(1, 2) @ rows
    gradient[outside] += np.einsum("nr,nrp->np", missed, rows)


def _place(joint: int) -> slice:
    """Where the rotation of a joint is among the unknowns."""
    first = 3 + 3 * TURNED.tolist().index(joint)
    return slice(first, first + 3)

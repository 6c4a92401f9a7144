"""The fit of a clip: rotations and root of SMPL's mean skeleton that bring it closest to the limbs.

First the limbs' points are settled as those of one body whose bones keep their length (`limbs`). People have
other proportions than the mean skeleton; so the rotations of all frames, the root and one scale are found
together that bring its joints close to these points, while knees and elbows bend one way and accelerations
are small.

Gauss-Newton steps from the smoothed poses; the equations of all frames are banded (`motion`).
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from hybrik_runner.poses import camera
from hybrik_runner.poses.fitting.limbs import Limbs, settled
from hybrik_runner.poses.fitting.motion import Accelerations, Common, step
from hybrik_runner.poses.fitting.points import POINT_JOINTS, POINTS, TURNED, UNKNOWNS, Points, points, turned
from popdanceset.motion.forward_kinematics import global_rotations, local_rotations
from popdanceset.rotations.arrays import axis_angle_to_matrix, inverse, matrix_to_axis_angle
from popdanceset.skeleton import SMPL_OFFSETS

if TYPE_CHECKING:
    from hybrik_runner.estimator import Poses

Floats = NDArray[np.float64]

log = logging.getLogger(__name__)

METHOD = "limbs of constant bones, then rotations: banded gauss-newton over the clip"

_STEPS = 3

# Standard deviations: the smaller, the more it counts. Chosen on nine rendered films.
_OFF = 0.02
"""Metres, of a joint from its point."""
_TURN = 0.5
"""Radians, of a rotation from the smoothed one: it decides about twists that no point shows."""
_PLACE = 1.0
"""Metres, of the root from where the middle of the hips says."""
_LIMIT = 0.05
"""Radians, of knees and elbows beyond their range."""
_TURNING = 40.0
"""rad/s²."""
_MOVING = np.array([15.0, 15.0, 5.0])
"""m/s², of the root; along the line of sight a single view knows least."""

_UNSURE = 0.1
"""Score of a point that counts half."""
_DAMPING = 1e-3
"""Of the scale, where no point counts."""
_GUESSED = 0.05
"""Least score of a point that says where the body is."""
_LARGEST = 0.5
"""Radians, metres or logarithm of one step."""

_HIPS = [6, 7]
_HINGES = np.array([4, 5, 18, 19])
_UPPER = np.array([1, 2, 16, 17])
_LOW = np.array([[0, -0.3, -0.3], [0, -0.3, -0.3], [-1.6, -2.7, -0.3], [-1.6, 0, -0.3]])
_HIGH = np.array([[2.7, 0.3, 0.3], [2.7, 0.3, 0.3], [1.6, 0, 0.3], [1.6, 2.7, 0.3]])
"""(4, 3) rotation vectors of knees and elbows: knees bend about x, elbows about y; forearms twist about x."""

_TO_CAMERA = camera.to_camera(np.eye(3)).T
"""(3, 3) from world axes."""


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
    # Rows of a hundred numbers are too short to share: threads that wait for each other take two to three
    # times as long.
    with threadpool_limits(1, user_api="blas"):
        return _fitted(poses, start)


def _fitted(poses: Poses, start: Poses) -> Poses:
    times, scores = poses.times[poses.found], poses.scores[:, POINT_JOINTS]
    sure = scores / (scores + _UNSURE)
    accelerations = Accelerations.at(times)
    smooth = 1 / np.concatenate([_MOVING, np.full(UNKNOWNS - 3, _TURNING)]) ** 2
    turns = first = _TO_CAMERA @ global_rotations(start.rotations)
    try:
        limbs = _limbs(poses, scores, times)
        bones = SMPL_OFFSETS * limbs.scaling
        still = points(turns, np.zeros((len(turns), 3)), bones)
        root = start_root = (limbs.points - still.places)[:, _HIPS].mean(1)
        growth = 0.0
        for _ in range(_STEPS):
            now = points(turns, root, bones * np.exp(growth))
            frames, gradient, common = _of_points(now, limbs.points, sure)
            _hold(frames, gradient, slice(0, 3), root - start_root, _PLACE)
            _hold(frames, gradient, slice(3, None), _between(first, turns), _TURN)
            _limit(frames, gradient, turns)
            if len(root) > 2:
                steps = np.concatenate([np.diff(root, axis=0), _between(turns[:-1], turns[1:])], axis=1)
                gradient += accelerations.gradient(accelerations.of_steps(steps), smooth)
            change, larger = step(frames, gradient, accelerations, smooth, common)
            change = np.clip(change, -_LARGEST, _LARGEST)
            root = root + change[:, :3]
            turns = turned(turns, axis_angle_to_matrix(change[:, 3:].reshape(len(change), -1, 3)))
            growth += float(np.clip(larger[0], -_LARGEST, _LARGEST))
    except np.linalg.LinAlgError:
        farthest = np.abs(poses.keypoints3d).max()
        log.warning("poses stay as smoothed: their keypoints, %.0e m away, cannot be fitted", farthest)
        return start
    rotations = local_rotations(_TO_CAMERA.T @ turns)
    return replace(start, rotations=rotations, cam_root=root, scaling=limbs.scaling * float(np.exp(growth)))


def _limbs(poses: Poses, scores: Floats, times: Floats) -> Limbs:
    """The limbs of a clip."""
    seen = camera.to_camera(poses.keypoints3d[:, POINTS])
    seen -= seen[:, _HIPS].mean(1, keepdims=True)
    pixels = poses.keypoints2d[:, POINTS]
    rays = poses.calibration.across(pixels)
    place = camera.locate(seen, pixels, np.maximum(scores, _GUESSED), poses.calibration)
    return settled(rays, seen, place[:, 2], scores, times)


def _of_points(now: Points, limbs: Floats, sure: Floats) -> tuple[Floats, Floats, Common]:
    """Normal equations (n, p, p) of the joints' distances from the limbs' points (n, 12, 3), which count as
    `sure` (n, 12) says; their gradient (n, p); and those of the scale's logarithm, which all frames share."""
    count = len(limbs)
    larger = now.places - now.joints[:, :1]
    roots = np.sqrt(sure)[..., None] / _OFF
    rows = np.concatenate([now.derivatives(), larger[..., None]], axis=3) * roots[..., None]
    rows = rows.reshape(count, 36, -1)
    missed = ((now.places - limbs) * roots).reshape(count, 36)
    whole, gradient = rows.swapaxes(1, 2) @ rows, np.einsum("nr,nrp->np", missed, rows)
    own = whole[:, -1:, -1:].sum(0) + _DAMPING
    common = Common(whole[:, :-1, -1:], own, gradient[:, -1:].sum(0))
    return whole[:, :-1, :-1], gradient[:, :-1], common


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

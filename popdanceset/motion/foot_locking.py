"""Feet that stand: they neither slide nor sink nor float while they are in contact with the floor.

Three steps, each bounded by what a single camera leaves uncertain:

1. Contacts of ankles and toes are detected (`popdanceset.motion.contact`). Smoothed poses leave the floor too
   early and come back too late; so a contact goes on while the point is near its place.
2. The root is moved along a smooth path by least squares: points in contact should keep still and lie on the
   floor, and the root should stay where it was seen, within the standard deviations of a single view. This
   changes no pose.
3. The legs reach for what remains (`popdanceset.motion.two_bone`): points in contact stay where they are on
   average, and on the floor; before and after, they are blended into the seen motion. Knees keep their
   bending planes. A foot that stands on its ball, or on its heel, keeps its orientation and may turn.

World axes: x right, y away from the camera, z up; the floor is z = 0 (`popdanceset.motion.floor`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solveh_banded

from popdanceset.motion.contact import UNKNOWN, Noise, contacts, measured_noise
from popdanceset.motion.floor import heights
from popdanceset.motion.forward_kinematics import forward_kinematics, global_rotations, local_rotations
from popdanceset.motion.two_bone import reach
from popdanceset.rotations.arrays import rotation_between
from popdanceset.runs import runs_of
from popdanceset.skeleton import FOOT_JOINTS

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

METHOD = "lock-3"
"""Name and version of this method, for the metadata of tables."""

_HIPS, _KNEES, _ANKLES, _TOES = [1, 2], [4, 5], [7, 8], [10, 11]

_PASSES = 3
"""Contacts are detected again after the root was corrected, since its depth wavers, and after the noise of
the clip was measured."""
_STEP = np.array([0.05, 0.1])
"""Metres from its mean place, across the picture and along the line of sight, beyond which a point has not
stood all the time, but has stepped in between. With 0.2 m, short steps in a calm clip are taken for one
stand, which costs 2 mm of PA-MPJPE there."""
_STAND_SECONDS, _STEP_SECONDS = 0.15, 0.2
"""Least time of a stand before and after such a step, and the time of the step itself."""

_NEAR, _SMEARED_SECONDS = np.array([0.1, 0.1, 0.07]), 0.07
"""Metres along the floor and upwards from its place within which a point still stands, and for how long at
most, before its contact was detected and after. Smoothing spreads a swing over about that much of a stand."""

_ROOT_SIGMA = np.array([0.03, 0.1, 0.2])
"""Metres: errors of the root across the picture and along the line of sight, as on rendered dances with known
truth (20 and 60 to 80 mm), with a margin. Its height is determined by the feet."""
_ERROR_SECONDS = 0.1
"""Errors of the root last about as long, so that not every frame counts as an observation of its own."""
_PUSH_SIGMA = np.array([2.0, 2.0, 3.0])
"""m/s²: acceleration of the correction, small beside a dancer's. What trembles faster is left to the legs."""
_FIRM, _LOOSE = 0.2, 0.4
"""m/s: how fast points in contact may still move after the root was corrected, while contacts are detected
and in the end. Contacts are found best about a root that follows them closely. Where the result does so, too,
the root follows feet that really slide, and its path gets worse on most of the clips with known truth."""
_LEVEL_SIGMA = 0.02
"""Metres: how far the lowest points in contact may be off the floor after the root was corrected."""
_LEVEL = 0.04
"""Metres above the lowest point in contact within which others determine the root's height too. A foot that
seems higher does not: more often than not the camera is tilted, or the foot is at another depth."""

_REACH = np.array([0.03, 0.12])
"""Metres across the picture and along the line of sight by which a leg moves its foot at most. That is what
one camera leaves uncertain: ankles relative to the hips err by 28 and 108 mm (root mean square, median of ten
clips with known truth). What is beyond stays as it was seen."""
_SHARE = np.array([0.5, 1.0])
"""Share of the way to its place, across the picture and along the line of sight, that a leg moves its foot.
Across the picture a foot is seen so well that the other half of the way costs more PA-MPJPE, 0.1 mm, than it
saves sliding feet, none."""
_FOLLOW = _REACH / 8
"""Metres by which a foot follows its ball at most. With all its reach, PA-MPJPE is 0.5 mm higher."""
_TILT = 0.06
"""Metres by which toes in contact are brought to the height of the floor at most, by turning the foot. They
err by 57 mm upwards or downwards."""
_SINK, _LIFT = 0.01, 0.06
"""Metres below the floor from which ankles in contact are lifted, and by how much at most. Above it they keep
their heights: shoes and bodies differ by more, and 10 mm of all ankles cost half a millimetre of PA-MPJPE."""
_BLEND_SECONDS = 0.3
"""Seconds over which a foot is led from the seen motion to its place, and back."""


@dataclass(frozen=True, slots=True)
class Locked:
    """A motion whose feet stand.

    Attributes:
        rotations: (n, 24, 3, 3) parent-relative; only hips, knees and ankles differ from what was given.
        root: (n, 3) metres.
        contacts: (n, 4) which of the FOOT_JOINTS are in contact.
        root_moved: (n,) how far the root was moved, metres.
        feet_moved: (n, 4) how far the legs moved each of the FOOT_JOINTS, metres.
        left: (n, 4) how far points in contact still are from their places along the floor, metres; others 0.
    """

    rotations: Floats
    root: Floats
    contacts: Flags
    root_moved: Floats
    feet_moved: Floats
    left: Floats


def lock(rotations: Floats, root: Floats, scale: float, fps: float, scores: Floats | None = None) -> Locked:
    """Makes the feet of a motion stand.

    Args:
        rotations: (n, 24, 3, 3) parent-relative, n ≥ 1; the root's leads into the world.
        root: (n, 3) metres, the floor at z = 0.
        scale: scale of the mean SMPL skeleton.
        fps: 1/s.
        scores: (n, 4) confidence of the FOOT_JOINTS, 0..1; None: 1. Points with 0 are in contact where they
            are in the frames before and after.
    """
    joints = forward_kinematics(rotations, scale)
    shift = np.zeros_like(root)
    standing = np.zeros((len(root), len(FOOT_JOINTS)), bool)
    if len(root) > 1:
        noise = UNKNOWN
        for _ in range(_PASSES):
            standing, noise = _standing(root + shift, joints, scale, fps, scores, noise)
            shift = _root_shift(root, joints, scale, fps, standing, _FIRM)
        shift = _root_shift(root, joints, scale, fps, standing, _LOOSE)
    corrected = root + shift
    feet = corrected[:, None] + joints[:, FOOT_JOINTS]
    places = _to_places(feet, heights(corrected, joints, scale), standing)
    turned = _reached(rotations, joints, _led(_within_reach(places), standing, fps))
    turned = _on_their_balls(turned, corrected, scale, fps, standing)
    moved = forward_kinematics(turned, scale)[:, FOOT_JOINTS] - joints[:, FOOT_JOINTS]
    left = np.where(standing, np.linalg.norm((places - moved)[..., :2], axis=2), 0.0)
    return Locked(
        turned, corrected, standing, np.linalg.norm(shift, axis=1), np.linalg.norm(moved, axis=2), left
    )


def _standing(
    root: Floats, joints: Floats, scale: float, fps: float, scores: Floats | None, noise: Noise
) -> tuple[Flags, Noise]:
    """(n, 4) contacts, without the steps in them, and the noise that they show."""
    feet = root[:, None] + joints[:, FOOT_JOINTS]
    velocities = np.gradient(feet, 1 / fps, axis=0)
    standing = contacts(heights(root, joints, scale), velocities, fps, scores, noise)
    speeds = np.linalg.norm(velocities[..., :2], axis=2)
    for point in range(standing.shape[1]):
        runs = runs_of(standing[:, point]).tolist()
        for start, end in _steps(feet[:, point, :2], speeds[:, point], runs, fps):
            standing[start:end, point] = False
    return _extended(feet, standing, fps), measured_noise(velocities, standing)


def _steps(path: Floats, speed: Floats, runs: list[list[int]], fps: float) -> list[tuple[int, int]]:
    """Frames within runs of contact (first frame, frame after the last) in which a point changes its place.

    A run that wanders too far is cut where the point is fastest, until its parts keep still or are short.
    """
    least, half = max(round(_STAND_SECONDS * fps), 1), max(round(_STEP_SECONDS * fps / 2), 1)
    steps = []
    while runs:
        start, end = runs.pop()
        inside = path[start:end]
        wandered = np.linalg.norm((inside - inside.mean(0)) / _STEP, axis=1).max()
        if wandered < 1 or end - start < 2 * (least + half):
            continue
        early, late = start + least + half, end - least - half
        fastest = early + int(np.argmax(speed[early : late + 1]))
        steps.append((fastest - half, fastest + half))
        runs += [[start, fastest - half], [fastest + half, end]]
    return steps


def _extended(paths: Floats, standing: Flags, fps: float) -> Flags:
    """(n, 4) the same contacts, begun earlier and ended later while points (n, 4, 3) are near their places,
    and nearer to them than to those before and after."""
    longest = round(_SMEARED_SECONDS * fps)
    result = standing.copy()
    for point in range(standing.shape[1]):
        path, runs = paths[:, point] / _NEAR, runs_of(standing[:, point])
        places = np.array([path[start:end].mean(0) for start, end in runs]).reshape(-1, 3)
        halfway = np.linalg.norm(np.diff(places, axis=0), axis=1) / 2
        near = np.minimum([1.0, *halfway, 1.0], 1.0)
        for (start, end), place, before, after in zip(runs, places, near, near[1:], strict=False):
            off = np.linalg.norm(path - place, axis=1)
            first = start - _leading(off[max(start - longest, 0) : start][::-1] <= before)
            result[first : end + _leading(off[end : end + longest] <= after), point] = True
    return result


def _leading(flags: Flags) -> int:
    """How many flags are true before the first that is not."""
    return int(np.append(~flags, True).argmax())


def _root_shift(
    root: Floats, joints: Floats, scale: float, fps: float, standing: Flags, steady_sigma: float
) -> Floats:
    """(n, 3) the smooth shift of the root after which points in contact keep still, on the floor.

    Each axis is a linear least-squares problem of its own. Its normal equations are a symmetric matrix with
    two bands beside the diagonal: velocities couple neighbours, accelerations also the frames after those.
    """
    count = len(root)
    feet = root[:, None] + joints[:, FOOT_JOINTS]
    height = heights(root, joints, scale)
    still = standing[1:] & standing[:-1]
    steady = (fps / steady_sigma) ** 2
    slid = steady * np.where(still[..., None], np.diff(feet, axis=0), 0.0).sum(1)
    lowest = np.where(standing, height, np.inf).min(1, keepdims=True)
    bearing = (standing & (height <= lowest + _LEVEL)) | (height < 0)
    result = np.empty((count, 3))
    for axis in range(3):
        bands = np.zeros((3, count))  # upper triangle: second, first, diagonal
        target = np.zeros(count)
        bands[2] += 1 / (_ROOT_SIGMA[axis] ** 2 * max(_ERROR_SECONDS * fps, 1.0))
        _add_differences(bands, steady * still.sum(1))
        target[:-1] += slid[:, axis]
        target[1:] -= slid[:, axis]
        _add_second_differences(bands, (fps**2 / _PUSH_SIGMA[axis]) ** 2)
        if axis == 2:
            bands[2] += bearing.sum(1) / _LEVEL_SIGMA**2
            target -= np.where(bearing, height, 0.0).sum(1) / _LEVEL_SIGMA**2
        result[:, axis] = solveh_banded(bands, target)
    return result


def _add_differences(bands: Floats, weights: Floats) -> None:
    """Adds Σ w[t] (x[t+1] - x[t])² to the bands of a quadratic form in x."""
    bands[2, :-1] += weights
    bands[2, 1:] += weights
    bands[1, 1:] -= weights


def _add_second_differences(bands: Floats, weight: float) -> None:
    """Adds w Σ (x[t+2] - 2 x[t+1] + x[t])² to the bands of a quadratic form in x."""
    inner = max(bands.shape[1] - 2, 0)
    for start, factor in ((0, 1), (1, 4), (2, 1)):
        bands[2, start : start + inner] += factor * weight
    for start in (1, 2):
        bands[1, start : start + inner] -= 2 * weight
    bands[0, 2:] += weight


def _to_places(feet: Floats, height: Floats, standing: Flags) -> Floats:
    """(n, 4, 3) from each point in contact to its place: its mean over the contact, on the floor; else 0."""
    offset = np.zeros_like(feet)
    for point in range(standing.shape[1]):
        for start, end in runs_of(standing[:, point]):
            path = feet[start:end, point, :2]
            offset[start:end, point, :2] = path.mean(0) - path
    offset[..., 2] = np.where(standing, -height, 0.0)
    return offset


def _within_reach(places: Floats) -> Floats:
    """(n, 4, 3) the same, no longer than the legs may reach."""
    length = np.linalg.norm(places[..., :2] / _REACH, axis=2, keepdims=True)
    reached: Floats = places / np.maximum(length, 1.0)
    reached[..., :2] *= _SHARE
    ankles, toes = places[:, :2, 2], places[:, 2:, 2]
    reached[:, :2, 2] = np.clip(ankles - _SINK, 0, _LIFT)
    reached[:, 2:, 2] = np.clip(toes, -_TILT, _TILT)
    return reached


def _led(offsets: Floats, standing: Flags, fps: float) -> Floats:
    """(n, 4, 3) how far each point moves in every frame.

    Before and after a contact, its first and last offsets fade. Where only one end of a foot is led, the
    other end moves along with it.
    """
    count = len(standing)
    frame = np.arange(count)[:, None]
    before = np.maximum.accumulate(np.where(standing, frame, -count), axis=0)
    after = np.minimum.accumulate(np.where(standing, frame, 2 * count)[::-1], axis=0)[::-1]
    # Between two contacts that are close, the offset goes from the one's to the other's.
    width = np.clip(after - before, 1, max(_BLEND_SECONDS * fps, 1))
    past = np.where(before >= 0, _smooth_step(1 - (frame - before) / width), 0.0)
    future = np.where((after < count) & ~standing, _smooth_step(1 - (after - frame) / width), 0.0)
    led = past[..., None] * np.take_along_axis(offsets, np.maximum(before, 0)[..., None], 0)
    led += future[..., None] * np.take_along_axis(offsets, np.minimum(after, count - 1)[..., None], 0)
    free = (1 - np.clip(past + future, 0, 1))[..., None]
    other_end = [2, 3, 0, 1]
    moved: Floats = led + free * led[:, other_end]
    return moved


def _smooth_step(share: Floats) -> Floats:
    """0..1, with a slope of 0 at both ends."""
    share = np.clip(share, 0, 1)
    eased: Floats = share * share * (3 - 2 * share)
    return eased


def _reached(rotations: Floats, joints: Floats, offsets: Floats) -> Floats:
    """Rotations (n, 24, 3, 3) of a body whose legs move ankles and toes by offsets (n, 4, 3)."""
    count = len(rotations)
    turns = global_rotations(rotations)
    thigh, shin = joints[:, _KNEES] - joints[:, _HIPS], joints[:, _ANKLES] - joints[:, _KNEES]
    foot = joints[:, _TOES] - joints[:, _ANKLES]
    # Knees bend about the x axis of their thighs.
    given = (thigh, shin, thigh + shin + offsets[:, :2], turns[:, _HIPS, :, 0])
    upper, lower = reach(*(vectors.reshape(-1, 3) for vectors in given))
    aimed = _as_long(foot + offsets[:, 2:] - offsets[:, :2], np.linalg.norm(foot, axis=2))
    ankle = rotation_between(foot.reshape(-1, 3), aimed.reshape(-1, 3))
    for joint, turn in ((_HIPS, upper), (_KNEES, lower), (_ANKLES, ankle)):
        turns[:, joint] = turn.reshape(count, 2, 3, 3) @ turns[:, joint]
    legs = [*_HIPS, *_KNEES, *_ANKLES]
    result = np.array(rotations)
    result[:, legs] = local_rotations(turns)[:, legs]
    return result


def _on_their_balls(rotations: Floats, root: Floats, scale: float, fps: float, standing: Flags) -> Floats:
    """Rotations of a body whose balls in contact keep still though feet turned to meet the floor.

    A foot whose ankle keeps its place draws its ball in while its heel rises; the foot follows the ball.
    """
    joints = forward_kinematics(rotations, scale)
    balls = [2, 3, 2, 3]
    toes = root[:, None] + joints[:, FOOT_JOINTS][:, balls]
    slips = _to_places(toes, np.zeros(toes.shape[:2]), standing[:, balls])
    slips /= np.maximum(np.linalg.norm(slips[..., :2] / _FOLLOW, axis=2, keepdims=True), 1.0)
    return _reached(rotations, joints, _led(slips, standing[:, balls], fps))


def _as_long(vectors: Floats, length: Floats) -> Floats:
    """Vectors (n, k, 3) drawn out or in along the floor to lengths (n, k); they rise as before."""
    rise = np.clip(vectors[..., 2], -length, length)
    flat = np.linalg.norm(vectors[..., :2], axis=2)
    share = np.sqrt(length**2 - rise**2) / np.maximum(flat, 1e-9)
    drawn: Floats = np.concatenate([vectors[..., :2] * share[..., None], rise[..., None]], axis=2)
    return drawn

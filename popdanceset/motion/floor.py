"""The floor: where it is, how far from it the feet are, and how they slide on it.

A single camera locates the root in its own axes, with a noisy depth. The floor is found by feet in contact:
the lowest points of the body that neither rise nor fall. Whether they slide does not matter, and depth hardly
does. The floor's height is where most of them are. Its slope is that of the camera; where that is unknown,
contacts tell it, if they lie far enough apart to determine it. Where contacts drift slowly off the plane, the
root is lifted or lowered with them, so that feet neither sink nor float.

Heights are those of SMPL's foot joints: z = 0 is where the balls of the feet rest (the sole's skin lies some
20 mm below), and ankles count from their height above it in the rest pose.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from popdanceset.rotations.arrays import rotation_between
from popdanceset.runs import runs_of
from popdanceset.skeleton import FOOT_JOINTS, SMPL_OFFSETS

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

METHOD = "contacts-2"
"""Name and version of this method, for the metadata of tables."""

_REST_HEIGHTS = np.array([-SMPL_OFFSETS[10, 1], -SMPL_OFFSETS[11, 1], 0.0, 0.0])
"""Metres: heights of FOOT_JOINTS above the balls of flat feet."""

_SLOW = 0.2
"""m/s, upwards or downwards. Feet that step move by a metre a second and more."""
_LEVEL = 0.03
"""Metres by which a second point may lie above the lowest one and still bear weight."""
_LEAST_CONTACTS = 5  # frames
_LEAST_SPREAD = 0.02  # metres, of heights: joints are never seen more precisely

_DRIFT_SIGMA = 1.0
"""Seconds over which the root follows its contacts: slower than steps and jumps. On two rendered dances with
known truth, a quarter of it makes the pelvis' height worse; this value leaves it as good as it was."""
_DRIFT_REACH = 0.08  # metres; a point farther off the floor was not in contact

_LEAST_EPISODES = 8
_LEAST_EXTENT = 0.3
"""Metres: standard deviation of contacts that a slope in their direction needs."""
_CERTAIN = 4.0
"""Standard errors by which a slope must differ from zero."""
_TILTS = (np.tan(np.radians(1.5)), np.tan(np.radians(15.0)))
_NOT_DEPTH = 0.7
"""Errors of depth move a contact along its ray and make all contacts lie in a plane through the camera. A
floor misses the camera by nearly the camera's height; a plane that comes nearer than this share of it is not
believed."""

_ON_FLOOR = 0.05
SKATING = 0.5
"""Height (m) below which a foot is on the floor, and speed (m/s) above which it skates: 2.5 cm per frame at
20 frames a second in the foot skating ratio of Karunratanakul et al., "Guided Motion Diffusion" (ICCV
2023)."""


@dataclass(frozen=True, slots=True)
class Ground:
    """A body on its floor.

    Attributes:
        root: (n, 3) metres; the floor is at z = 0, the first root above the origin.
        turn: (3, 3) rotation applied to everything to make the floor level; mostly the identity.
        tilt: its angle, degrees.
        contacts: frames that showed the floor; 0 if there were none, and it was put at the lowest feet.
    """

    root: Floats
    turn: Floats
    tilt: float
    contacts: int


@dataclass(frozen=True, slots=True)
class Footing:
    """How feet stand on the floor z = 0.

    Attributes:
        contact: share of the frames with a foot on the floor.
        skate: mean horizontal speed of feet on the floor, m/s.
        skating: share of feet on the floor that skate.
        penetration: mean depth of the lowest point below the floor, metres.
        floating: mean height of the lowest point above the floor where it bears weight, metres.
        deviation: mean distance of the lowest point from the floor, above or below, where it bears weight,
            metres.
    """

    contact: float = 0.0
    skate: float = 0.0
    skating: float = 0.0
    penetration: float = 0.0
    floating: float = 0.0
    deviation: float = 0.0


def heights(root: Floats, joints: Floats, scale: float) -> Floats:
    """Returns the heights (n, 4) of the FOOT_JOINTS as though they were points of the sole.

    Args:
        root: (n, 3) world axes.
        joints: (n, 24, 3) relative to the root.
        scale: scale of the mean SMPL skeleton.
    """
    result: Floats = root[:, None, 2] + joints[:, FOOT_JOINTS, 2] - scale * _REST_HEIGHTS
    return result


def contacts(height: Floats, fps: float) -> Flags:
    """Returns which points (n, 4) bear weight: the lowest ones that neither rise nor fall.

    Args:
        height: (n, 4) of `heights`.
        fps: 1/s.
    """
    lowest = height <= height.min(1, keepdims=True) + _LEVEL
    bearing: Flags = np.asarray(lowest & (_speeds(height[..., None], fps) < _SLOW))
    return bearing


def on_floor(height: Floats) -> Flags:
    """Returns whether the left and the right foot (n, 2) are on the floor z = 0, still or not.

    Args:
        height: (n, 4) of `heights`.
    """
    # A foot stands on its ankle or its ball, whichever is lower.
    on: Flags = np.asarray(np.minimum(height[:, :2], height[:, 2:]) < _ON_FLOOR)
    return on


def ground(
    root: Floats,
    joints: Floats,
    scale: float,
    fps: float,
    seen: Flags | None = None,
    up: Floats | None = None,
) -> Ground:
    """Puts a body on its floor.

    Args:
        root: (n, 3) world axes as the camera sees them, the camera at the origin, n ≥ 1.
        joints: (n, 24, 3) relative to the root.
        scale: scale of the mean SMPL skeleton.
        fps: 1/s.
        seen: (n,) frames that count; None: all.
        up: (3,) unit vector, world axes, if it is known which way is up; None: contacts tell the slope.
    """
    seen = np.ones(len(root), bool) if seen is None else seen
    turn = np.eye(3) if up is None else _levelling(up)
    root, joints = root @ turn.T, joints @ turn.T
    height = heights(root, joints, scale)
    bearing = contacts(height, fps) & seen[:, None]
    standing = np.any(bearing, axis=1)
    if standing.sum() >= _LEAST_CONTACTS:
        if up is None:
            feet = root[:, None] + joints[:, FOOT_JOINTS]
            turn = _levelling(_normal(np.concatenate([feet[..., :2], height[..., None]], axis=2), bearing))
            root, joints = root @ turn.T, joints @ turn.T
            height = heights(root, joints, scale)
        root = root - [0, 0, _centre(_lowest(height, bearing)[standing])]
        height = heights(root, joints, scale)
        root = root - _drift(height, bearing, fps)[:, None] * [0, 0, 1]
    else:
        standing[:] = False
        root = root - [0, 0, _lowest_feet(height[seen] if seen.any() else height)]
    first = np.array([root[0, 0], root[0, 1], 0.0])
    tilt = float(np.degrees(np.arccos(np.clip(turn[2, 2], -1, 1))))
    return Ground(root - first, turn, tilt, int(standing.sum()))


def floor_height(root: Floats, joints: Floats, scale: float, fps: float) -> tuple[float, int]:
    """Measures how high the floor of a motion lies whose axes are level; arguments as for `ground`.

    Returns:
        The height, and the frames that show it: 0 if no feet are in contact, and it is that of the lowest
        feet.
    """
    height = heights(root, joints, scale)
    bearing = contacts(height, fps)
    standing = np.any(bearing, axis=1)
    if standing.sum() < _LEAST_CONTACTS:
        return _lowest_feet(height), 0
    return _centre(_lowest(height, bearing)[standing]), int(standing.sum())


def footing(root: Floats, joints: Floats, scale: float, fps: float, seen: Flags | None = None) -> Footing:
    """Measures how a body's feet stand on the floor z = 0; arguments as for `ground`."""
    seen = np.ones(len(root), bool) if seen is None else seen
    if not seen.any():
        return Footing()
    feet = root[:, None] + joints[:, FOOT_JOINTS]
    height = heights(root, joints, scale)
    still = contacts(height, fps)
    flat = _speeds(feet[..., :2], fps)
    lower = np.array([0, 1]) + 2 * (height[:, 2:] <= height[:, :2])
    speed = np.take_along_axis(flat, lower, 1)
    on = on_floor(height) & seen[:, None]
    lowest = height.min(1)
    resting = np.any(still, axis=1) & seen
    return Footing(
        contact=float(np.any(on, axis=1)[seen].mean()),
        skate=float(speed[on].mean()) if on.any() else 0.0,
        skating=float((speed[on] > SKATING).mean()) if on.any() else 0.0,
        penetration=float(np.maximum(-lowest[seen], 0).mean()),
        floating=float(np.maximum(lowest[resting], 0).mean()) if resting.any() else 0.0,
        deviation=float(np.abs(lowest[resting]).mean()) if resting.any() else 0.0,
    )


def _levelling(normal: Floats) -> Floats:
    """(3, 3) the shortest rotation after which a direction (3,) points upwards."""
    turn: Floats = rotation_between(normal[None], np.array([[0.0, 0, 1]]))[0]
    return turn


def _speeds(points: Floats, fps: float) -> Floats:
    """(n, k) speeds of points (n, k, dimensions)."""
    if len(points) < 2:
        return np.zeros(points.shape[:2])
    speed: Floats = np.linalg.norm(np.gradient(points, 1 / fps, axis=0), axis=2)
    return speed


def _lowest(height: Floats, bearing: Flags) -> Floats:
    """(n,) height of the lowest point that bears weight, infinite if none does."""
    result: Floats = np.where(bearing, height, np.inf).min(1)
    return result


def _lowest_feet(height: Floats) -> float:
    """Height of the lowest feet, without the few frames in which they are seen too low."""
    return float(np.quantile(height.min(1), 0.02, method="lower"))


def _centre(values: Floats) -> float:
    """Mean of the densest half (the shorth, Andrews et al. 1972): false contacts lie above the floor, never
    below, and would draw a median upwards."""
    ordered = np.sort(values)
    half = len(ordered) // 2 + 1
    start = int(np.argmin(ordered[half - 1 :] - ordered[: len(ordered) - half + 1]))
    return float(ordered[start : start + half].mean())


def _drift(height: Floats, bearing: Flags, fps: float) -> Floats:
    """(n,) how far contacts near in time lie off the floor; fades to zero far from any contact."""
    off = _lowest(height, bearing)
    near = np.abs(off) < _DRIFT_REACH
    weight, off = near.astype(float), np.where(near, off, 0)
    sigma = _DRIFT_SIGMA * fps
    total = gaussian_filter1d(weight, sigma, mode="constant")
    # At its own time, a single contact counts by nine tenths.
    believed: Floats = gaussian_filter1d(weight * off, sigma, mode="constant") / (total + 0.04 / sigma)
    return believed


def _normal(points: Floats, bearing: Flags) -> Floats:
    """(3,) the floor's normal, as far as contacts determine it.

    Args:
        points: (n, 4, 3) points of the soles, the camera at the origin.
        bearing: (n, 4) which of them bear weight.
    """
    level = np.array([0.0, 0, 1])
    places = _episodes(points, bearing)
    if len(places) < _LEAST_EPISODES:
        return level
    spread = 1.4826 * np.median(np.abs(places[:, 2] - np.median(places[:, 2])))
    slope = np.zeros(2)
    # Twice, so that the first axis' line is drawn with the second one's slope taken out.
    for axis in (0, 1, 0, 1):
        if places[:, axis].std() < _LEAST_EXTENT:
            continue
        rest = places[:, 2] - places[:, 1 - axis] * slope[1 - axis]
        found, error, offset = _line(places[:, axis], rest, max(float(spread), _LEAST_SPREAD))
        certain = abs(found) > _CERTAIN * error and _TILTS[0] < abs(found) < _TILTS[1]
        if certain and abs(offset) > _NOT_DEPTH * abs(float(np.median(rest))):
            slope[axis] = found
    normal = np.array([-slope[0], -slope[1], 1.0])
    unit: Floats = normal / np.linalg.norm(normal)
    return unit


def _episodes(points: Floats, bearing: Flags) -> Floats:
    """(k, 3) one place for each time that a point bears weight without a break: the frames of one contact are
    not independent observations."""
    places = [
        np.median(points[start:end, point], axis=0)
        for point in range(bearing.shape[1])
        for start, end in runs_of(bearing[:, point])
    ]
    return np.array(places).reshape(-1, 3)


def _line(x: Floats, z: Floats, spread: float) -> tuple[float, float, float]:
    """Slope of z over x, its standard error, and z at x = 0: Huber's M-estimate by reweighting."""
    weight = np.ones_like(x)
    design = np.column_stack([x, np.ones_like(x)])
    for _ in range(20):
        root = np.sqrt(weight)[:, None]
        slope, offset = np.linalg.lstsq(design * root, z * root[:, 0], rcond=None)[0]
        residual = z - design @ [slope, offset]
        scale = max(float(1.4826 * np.median(np.abs(residual))), _LEAST_SPREAD / 4)
        weight = 1 / np.maximum(1, np.abs(residual) / (1.345 * scale))
    mean = (weight * x).sum() / weight.sum()
    variance = (weight * residual**2).sum() / max(weight.sum() - 2, 1)
    variance = max(float(variance), (_LEAST_SPREAD / 2) ** 2)
    error = np.sqrt(variance / np.maximum((weight * (x - mean) ** 2).sum(), 1e-12))
    return float(slope), float(error), float(offset)

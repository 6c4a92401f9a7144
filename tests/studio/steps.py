"""Written dances: where the feet stand on each count, and what the arms and the trunk do meanwhile.

Captured motion decides for itself; a written dance asks for what captures lack, and its feet stand exactly.
Poses have the columns of `tests.studio.motion`: y up, the dancer facing x, its left to −z.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation, Slerp

from tests.studio.motion import QUATERNIONS, mirror

Floats = NDArray[np.float64]

_LIFT, _SWING = 0.11, 0.75
"""Height in metres by which a foot that steps is lifted, and the share of a count that it takes."""
_SPREAD = 0.13  # metres from the middle to each foot where a count does not say otherwise
_ARM_COLUMNS = {"right": (slice(24, 28), 28), "left": (slice(38, 42), 42)}


@dataclass(frozen=True)
class Arm:
    """An arm's pose, degrees: forwards, sideways and across the chest from hanging; turned inwards about its
    own length; the elbow bent."""

    forward: float = 0.0
    sideways: float = 0.0
    across: float = 0.0
    inward: float = 0.0
    elbow: float = 10.0


ARMS = {
    "down": (Arm(sideways=8), Arm(sideways=8)),
    "open": (Arm(sideways=92, elbow=8), Arm(sideways=92, elbow=8)),
    "up": (Arm(sideways=165, elbow=12), Arm(sideways=165, elbow=12)),
    "front": (Arm(forward=88, elbow=6), Arm(forward=88, elbow=6)),
    "crossed": (Arm(forward=42, inward=68, elbow=105), Arm(forward=55, inward=62, elbow=100)),
    "hugged": (
        Arm(forward=62, across=38, inward=35, elbow=125),
        Arm(forward=50, across=38, inward=35, elbow=120),
    ),
    "scissors": (Arm(forward=72, across=34, elbow=12), Arm(forward=86, across=34, elbow=12)),
    "low": (Arm(forward=32, across=30, inward=15, elbow=18), Arm(forward=26, across=30, inward=15, elbow=18)),
    "wave": (Arm(sideways=150, elbow=45), Arm(sideways=40, elbow=60)),
    "point": (Arm(forward=120, sideways=15, elbow=5), Arm(sideways=25, inward=60, elbow=85)),
    "flex": (Arm(sideways=85, inward=-80, elbow=95), Arm(sideways=85, inward=-80, elbow=95)),
    "pump": (Arm(forward=60, elbow=110), Arm(forward=-35, elbow=80)),
}
"""Poses of the right and the left arm by name; `name'` exchanges them."""


@dataclass(frozen=True)
class Count:
    """What the dancer has reached at a count.

    Attributes:
        left, right: (forwards, leftwards) metres of each foot from where the dance begins; None: in place.
        turn: degrees to the left that the body has turned in all.
        arms: a name of `ARMS`.
        drop: metres by which the hips are lowered.
        lean, twist: degrees of the trunk, forwards and to the left.
    """

    left: tuple[float, float] | None = None
    right: tuple[float, float] | None = None
    turn: float = 0.0
    arms: str = "down"
    drop: float = 0.03
    lean: float = 0.0
    twist: float = 0.0


@dataclass(frozen=True)
class Build:
    """The measures of a dancer, metres, right and left alike.

    Attributes:
        hip: (3,) from the root to the right hip, capture axes.
        thigh, shin: lengths.
        ankle, toe: heights of the ankle, and of where the second toe begins, of a flat foot.
    """

    hip: Floats
    thigh: float
    shin: float
    ankle: float
    toe: float = 0.03


def walk_through(counts: Sequence[Count], bpm: float, seconds: float, fps: int, build: Build) -> Floats:
    """Dances counts over and over: returns poses (frames, 43) whose planted feet do not move.

    Args:
        counts: reached one beat after the other. Turns go on from round to round by whole turns.
        bpm: counts a minute.
        build: of the dancer, for the inverse kinematics of the legs.
    """
    beat = np.arange(round(seconds * fps)) / fps * bpm / 60
    rounds = int(beat[-1] // len(counts)) + 2
    whole = np.round(counts[-1].turn / 360) * 360
    keys = [counts[-1], *(count for _ in range(rounds) for count in counts)]
    turns = np.array([c.turn + whole * ((k - 1) // len(counts)) for k, c in enumerate(keys)])
    index = beat.astype(int)
    share = beat - index

    feet = {side: _foot(keys, side, index, share) for side in ("right", "left")}
    yaw = _eased(np.radians(turns), index, share)
    middle = gaussian_filter1d((feet["right"] + feet["left"]) / 2, 0.12 * fps, axis=0, mode="nearest")
    drop = _eased(np.array([c.drop for c in keys]), index, share)
    bounce = 0.012 * (1 - np.cos(2 * np.pi * beat))
    upright = build.thigh + build.shin + build.ankle - build.hip[1]
    root = np.column_stack([middle[:, 0], upright - drop - bounce, middle[:, 2]])
    turn = Rotation.from_rotvec(yaw[:, None] * [0.0, 1.0, 0.0])

    poses = np.zeros((len(beat), 43))
    poses[:, list(QUATERNIONS.values())] = 1.0
    poses[:, :3], poses[:, 3:7] = root, turn.as_quat(scalar_first=True)
    lean = _eased(np.array([c.lean for c in keys]), index, share)
    twist = _eased(np.array([c.twist for c in keys]), index, share)
    chest = Rotation.from_euler("YZ", np.column_stack([twist, -lean]), degrees=True)
    poses[:, 7:11] = chest.as_quat(scalar_first=True)
    for side, first in (("right", 15), ("left", 29)):
        hip, knee, ankle = _leg(root, turn, feet[side], yaw, build, -1.0 if side == "left" else 1.0)
        poses[:, first : first + 4] = hip.as_quat(scalar_first=True)
        poses[:, first + 4] = knee
        poses[:, first + 5 : first + 9] = ankle.as_quat(scalar_first=True)
    return _with_arms(poses, [c.arms for c in keys], index, share)


def wave_arms(poses: Floats, names: Sequence[str], bpm: float, fps: int) -> Floats:
    """Returns poses (frames, 43) whose arms go through poses of `ARMS` over and over instead, one a count."""
    beat = np.arange(len(poses)) / fps * bpm / 60
    index = beat.astype(int)
    rounds = int(beat[-1] // len(names)) + 2
    return _with_arms(poses.copy(), [names[-1], *list(names) * rounds], index, beat - index)


def _foot(keys: Sequence[Count], side: str, index: NDArray[np.int_], share: Floats) -> Floats:
    """(frames, 3) a foot's place, with its lift as y."""
    default = (0.0, _SPREAD if side == "left" else -_SPREAD)
    places = np.array([getattr(key, side) or default for key in keys])
    before, after = places[index], places[index + 1]
    begun = np.clip((share - (1 - _SWING) / 2) / _SWING, 0, 1)
    moved = before + _smoothstep(begun)[:, None] * (after - before)
    far = np.minimum(np.linalg.norm(after - before, axis=1) / 0.25, 1)
    lift = _LIFT * far * np.sin(np.pi * begun) ** 2
    return np.column_stack([moved[:, 0], lift, -moved[:, 1]])


def _leg(
    root: Floats, turn: Rotation, foot: Floats, yaw: Floats, build: Build, sign: float
) -> tuple[Rotation, Floats, Rotation]:
    """Hip, knee and ankle that put an ankle above its foot, the knee pointing ahead and a little outwards."""
    hip = root + turn.apply(build.hip * [1.0, 1.0, sign])
    away = foot + np.array([0.0, build.ankle, 0.0]) - hip
    reach = np.linalg.norm(away, axis=1)
    length = np.clip(reach, 0.3, 0.9995 * (build.thigh + build.shin))
    cosine = (build.thigh**2 + build.shin**2 - length**2) / (2 * build.thigh * build.shin)
    knee = np.pi - np.arccos(np.clip(cosine, -1, 1))
    local = np.column_stack(
        [-build.shin * np.sin(knee), -build.thigh - build.shin * np.cos(knee), np.zeros_like(knee)]
    )
    heading = Rotation.from_rotvec(yaw[:, None] * [0.0, 1.0, 0.0])
    ahead = heading.apply([1.0, 0.0, 0.25 * sign])
    world = _frame(away, np.cross(away, ahead)) @ np.swapaxes(
        _frame(local, np.tile([0, 0, 1.0], (len(local), 1))), 1, 2
    )
    thigh = Rotation.from_matrix(world)
    bent = Rotation.from_rotvec(-knee[:, None] * [0.0, 0.0, 1.0])
    # The toes of a lifted foot hang.
    flat = heading * Rotation.from_rotvec(-foot[:, 1:2] * 4.0 * [0.0, 0.0, 1.0])
    return turn.inv() * thigh, -knee, (thigh * bent).inv() * flat


def _frame(first: Floats, second: Floats) -> Floats:
    """(n, 3, 3) orthonormal axes as columns, for perpendicular directions (n, 3)."""
    a = first / np.linalg.norm(first, axis=1, keepdims=True)
    b = second / np.linalg.norm(second, axis=1, keepdims=True)
    return np.stack([a, b, np.cross(b, a)], axis=2)


def _with_arms(poses: Floats, names: Sequence[str], index: NDArray[np.int_], share: Floats) -> Floats:
    chosen = [_arm_pose(name) for name in names]
    when = index + _smoothstep(share)
    for turns, bend in _ARM_COLUMNS.values():
        shoulders = Rotation.from_quat([pose[turns] for pose in chosen], scalar_first=True)
        poses[:, turns] = Slerp(np.arange(len(chosen)), shoulders)(when).as_quat(scalar_first=True)
        poses[:, bend] = np.interp(when, np.arange(len(chosen)), [pose[bend] for pose in chosen])
    return poses


def _arm_pose(name: str) -> Floats:
    """(43,) of which only the arms count."""
    right, left = ARMS[name.rstrip("'")][:: -1 if name.endswith("'") else 1]
    sides = []
    for arm in (right, left):
        pose = np.zeros(43)
        pose[list(QUATERNIONS.values())] = 1.0
        angles = [arm.across, arm.forward, -arm.sideways, arm.inward]
        shoulder = Rotation.identity()
        for axis, angle in zip("YZXY", angles, strict=True):
            shoulder = shoulder * Rotation.from_euler(axis, angle, degrees=True)
        pose[24:28] = shoulder.as_quat(scalar_first=True)
        pose[28] = np.radians(arm.elbow)
        sides.append(pose)
    both = sides[0]
    # Both are written as right arms; the second one is mirrored.
    both[38:43] = mirror(sides[1][None])[0, 38:43]
    return both


def _eased(values: Floats, index: NDArray[np.int_], share: Floats) -> Floats:
    return np.asarray(values[index] + _smoothstep(share) * (values[index + 1] - values[index]))


def _smoothstep(share: Floats) -> Floats:
    return np.asarray(share * share * (3 - 2 * share))

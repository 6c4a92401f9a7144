"""Checks that a motion has the 24 SMPL joints, in metres, z up, at the stated frame rate.

Swapped axes, centimetres and repeated frames change every metric without a trace in the table; each check
looks for one such mistake. A motion is corrected before the next check, so that each mistake is reported
once. Limits
are wide: other bodies and wild dances pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popdanceset.motion.joint_motion import JointMotion
from popdanceset.motion.posture import UPRIGHT, body_axis
from popdanceset.runs import runs_of
from popdanceset.skeleton import SMPL_JOINTS, SMPL_OFFSETS, SMPL_PARENTS
from training.motion.music import Music
from training.motion.sides import OTHER_SIDE

Floats = NDArray[np.float64]

_CHILDREN, _PARENTS = np.arange(1, 24), np.array(SMPL_PARENTS[1:])
_REST = np.linalg.norm(SMPL_OFFSETS[1:], axis=1)
_OTHER_SIDE = np.array(OTHER_SIDE)

_UNITS = {"millimetres": 1000.0, "centimetres": 100.0, "inches": 39.37, "feet": 3.281, "kilometres": 0.001}

SIZE = (0.5, 2.0)
"""Smallest and largest size of a person, relative to the mean body."""
BONE_SPREAD = 0.4
"""Largest root mean square of log(bone length / length in the mean body), at the same size."""
FRONT = -0.2
"""Mean cosine between toes and front of the body below which left and right must be swapped."""
REPEATED = 0.05
"""Largest share of frames that equal the previous frame."""
FLOOR = 0.25
"""Largest distance of the floor from 0, metres."""
SPEED = 4.0
"""Metres a second, mean over joints and frames, above which nobody dances."""


class Mistake(StrEnum):
    """Kinds of mistakes in a motion."""

    NOT_FINITE = "not_finite"
    UNIT = "unit"
    JOINT_ORDER = "joint_order"
    UP_AXIS = "up_axis"
    MIRRORED = "mirrored"
    LEFT_RIGHT = "left_right"
    STILL = "still"
    REPEATED_FRAMES = "repeated_frames"
    ROOT_FIXED = "root_fixed"
    FLOOR = "floor"
    SPEED = "speed"
    LONGER_THAN_MUSIC = "longer_than_music"


@dataclass(frozen=True, slots=True)
class Finding:
    """A mistake in a motion.

    Attributes:
        clip: name of the motion.
        mistake: its kind.
        evidence: the observation, with numbers.
        advice: how to correct it.
    """

    clip: str
    mistake: Mistake
    evidence: str
    advice: str

    def __str__(self) -> str:
        return f"{self.clip}: {self.evidence} ({self.advice})"


def check(motion: JointMotion, music: Music | None = None) -> list[Finding]:
    """Mistakes in a motion, in the order in which to correct them."""
    found = [
        Finding(motion.name, *observation)
        for observation in _observe(np.asarray(motion.joints, np.float64), motion.fps)
    ]
    if music is not None and motion.seconds > 1.2 * music.frames / music.fps:
        evidence = f"lasts {motion.seconds:.1f} s, its music {music.frames / music.fps:.1f} s"
        found.append(
            Finding(
                motion.name,
                Mistake.LONGER_THAN_MUSIC,
                evidence,
                f"check the rate of {motion.fps:g} fps, and the name of the music",
            )
        )
    return found


_Observation = tuple[Mistake, str, str]


def _observe(joints: Floats, fps: float) -> Iterator[_Observation]:
    whole = np.asarray(np.isfinite(joints).all(axis=(1, 2)))
    if not whole.all():
        first = int(np.flatnonzero(~whole)[0])
        yield (
            Mistake.NOT_FINITE,
            f"{(~whole).sum()} of {len(whole)} frames contain NaN or infinity, the first is {first}",
            "repair the motion",
        )
        joints = joints[whole]
    if len(joints) < 2:
        return
    yield from _repetition(joints, fps)
    lengths = np.median(np.linalg.norm(joints[:, _CHILDREN] - joints[:, _PARENTS], axis=-1), axis=0)
    if (lengths <= 0).any():
        bone = int(np.argmin(lengths))
        yield _order(f"{_bone(bone)} have the same position")
        return
    size = float(np.exp(np.median(np.log(lengths / _REST))))
    spread = _misfit(lengths / size)
    if spread > BONE_SPREAD:
        worst = int(np.argmax(np.abs(np.log(lengths / size / _REST))))
        yield _order(
            f"bone lengths do not fit: {_bone(worst)} are {lengths[worst] / size:.2f} apart, "
            f"in SMPL {_REST[worst]:.2f}, at the same size"
        )
        return
    if not SIZE[0] < size < SIZE[1]:
        nearest = min(_UNITS, key=lambda unit: abs(np.log(size / _UNITS[unit])))
        close = abs(np.log(size / _UNITS[nearest])) < np.log(1.6)
        yield (
            Mistake.UNIT,
            f"the body is {size:.3g} times as large as the mean body",
            f"the unit looks like {nearest}: divide by {_UNITS[nearest]:g}" if close else "give metres",
        )
        joints = joints / size
    facing = _facing(joints)
    upright, up_observations = _upright(joints, mirrored=facing < FRONT)
    yield from up_observations
    if facing < FRONT and not up_observations:
        yield _sides(lengths, facing)
    yield from _place(upright, fps)


def _bone(number: int) -> str:
    return f"{SMPL_JOINTS[_PARENTS[number]]} and {SMPL_JOINTS[_CHILDREN[number]]}"


def _misfit(lengths: Floats) -> float:
    """Root mean square of log(length / length in the mean body), weighted by the length of the bone."""
    return float(np.sqrt(np.average(np.log(lengths / _REST) ** 2, weights=_REST)))


def _order(evidence: str) -> _Observation:
    advice = "give positions of the 24 SMPL joints in SMPL's order; rotations need content=poses"
    return Mistake.JOINT_ORDER, evidence, advice


def _unit(vectors: Floats) -> Floats:
    unit: Floats = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
    return unit


def _at(joints: Floats, name: str) -> Floats:
    place: Floats = joints[:, SMPL_JOINTS.index(name)]
    return place


def _facing(joints: Floats) -> float:
    """Mean cosine between the toes and the front, which follows from left and up of the body."""
    up = _unit(_at(joints, "neck") - _at(joints, "root"))
    left = _unit(
        _at(joints, "lhip") - _at(joints, "rhip") + _at(joints, "lshoulder") - _at(joints, "rshoulder")
    )
    toes = _unit(
        _unit(_at(joints, "ltoes") - _at(joints, "lankle"))
        + _unit(_at(joints, "rtoes") - _at(joints, "rankle"))
    )
    return float(np.mean(np.sum(_unit(np.cross(left, up)) * toes, axis=-1)))


def _upright(joints: Floats, mirrored: bool) -> tuple[Floats, list[_Observation]]:
    """The joints with z up, and the observations about the up axis."""
    mean = body_axis(joints)
    axis = int(np.argmax(np.abs(mean)))
    down = mean[axis] < 0
    if abs(mean[axis]) < UPRIGHT or (axis == 2 and not down):
        return joints, []
    name = f"{'−' if down else ''}{'xyz'[axis]}"
    upright = np.roll(joints, 2 - axis, axis=-1)
    if down:
        upright = upright * [1, -1, -1]
    if mirrored:  # reflected: two axes were swapped, or the sign of one
        advice = "negate z" if axis == 2 else f"swap {'xyz'[axis]} and z{' and negate' if down else ''}"
    elif axis == 2:
        advice = "rotate by 180° about x"
    else:
        about, angle = ("x", -90 if down else 90) if axis == 1 else ("y", 90 if down else -90)
        advice = f"rotate by {angle}° about {about}"
        if axis == 1:
            advice += f", or give up={'-' if down else ''}y"
    evidence = f"the body stands along {name} (mean cosine {abs(mean[axis]):.2f}), not along z"
    return upright, [(Mistake.UP_AXIS, evidence, advice)]


def _sides(lengths: Floats, facing: float) -> _Observation:
    """Mirrored positions and swapped names differ only by the small asymmetry of the mean body."""
    evidence = f"the toes point backwards (mean cosine {facing:.2f})"
    other = np.empty_like(lengths)
    other[_OTHER_SIDE[1:] - 1] = lengths
    as_named, swapped = _misfit(lengths), _misfit(other)
    if as_named < 0.5 * swapped:
        return (
            Mistake.MIRRORED,
            f"{evidence}, while each bone has the length of its own side: the axes are left-handed",
            "negate x",
        )
    if swapped < 0.5 * as_named:
        return (
            Mistake.LEFT_RIGHT,
            f"{evidence}, and each bone has the length of the other side",
            "swap the left and right joints",
        )
    return (
        Mistake.MIRRORED,
        f"{evidence}: the axes are left-handed, or left and right joints are swapped",
        "negate x, or swap the left and right joints",
    )


def _repetition(joints: Floats, fps: float) -> Iterator[_Observation]:
    scale = max(float(np.ptp(joints, axis=0).max()), 1e-12)
    still = np.abs(np.diff(joints, axis=0)).max((1, 2)) <= 1e-6 * scale
    extent = float(np.linalg.norm(joints - joints.mean(1, keepdims=True), axis=-1).mean())
    if still.all() or scale < 1e-4 * extent:
        yield Mistake.STILL, f"no joint moves in {len(joints)} frames", "remove this motion"
        return
    if still.mean() <= REPEATED:
        return
    runs = runs_of(still)
    lengths = runs[:, 1] - runs[:, 0]
    evidence = f"{still.sum()} of {len(still)} frames repeat the previous frame"
    if lengths.max() >= fps / 2:
        first = int(runs[np.argmax(lengths), 0])
        yield (
            Mistake.REPEATED_FRAMES,
            f"{evidence}, {lengths.max()} of them in a row from frame {first}",
            "cut off the padding",
        )
    else:
        rate = fps * (1 - still.sum() / len(joints))
        yield (
            Mistake.REPEATED_FRAMES,
            f"{evidence}: there are {rate:.3g} different frames a second, not {fps:g}",
            f"remove the repeated frames and give fps={rate:.3g}",
        )


def _place(joints: Floats, fps: float) -> Iterator[_Observation]:
    """Observations about root, floor and speed of an upright body in metres."""
    moves = float(np.ptp(joints - joints[:, :1], axis=0).max()) > 0.01
    if moves and float(np.ptp(joints[:, 0], axis=0).max()) < 1e-4:
        yield (
            Mistake.ROOT_FIXED,
            "the root never moves while the limbs do",
            "add the root's translation to the joints",
        )
    else:
        floor = float(np.percentile(joints[..., 2].min(1), 5))
        if abs(floor) > FLOOR:
            yield (
                Mistake.FLOOR,
                f"the lowest joint is {abs(floor):.2f} m {'above' if floor > 0 else 'below'} the floor at 0",
                f"add {-floor:.2f} to z; metrics estimate the floor themselves",
            )
    speed = float(np.linalg.norm(np.diff(joints, axis=0), axis=-1).mean()) * fps
    if speed > SPEED:
        yield (
            Mistake.SPEED,
            f"joints move at {speed:.1f} m/s on average",
            f"check the rate of {fps:g} fps",
        )


def checks(motions: list[JointMotion], music: list[Music | None] | None = None) -> list[Finding]:
    """Mistakes in the motions of a set, in the order of the motions."""
    pieces: list[Any] = list(music) if music is not None else [None] * len(motions)
    return [
        finding for motion, piece in zip(motions, pieces, strict=True) for finding in check(motion, piece)
    ]

"""Is this a motion of the 24 SMPL joints, in metres, z up, at the frame rate it is said to have?

Exchanged axes, centimetres and repeated frames change every metric without a trace in the table; each check
looks for one such mistake. Where one is found, the motion is put right before the next check, so that a
mistake is told once. Limits are wide: other bodies and wild dances pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popdanceset.skeleton import SMPL_JOINTS, SMPL_OFFSETS, SMPL_PARENTS
from training.motion.joint_motion import JointMotion
from training.motion.music import Music

Floats = NDArray[np.float64]

_CHILDREN, _PARENTS = np.arange(1, 24), np.array(SMPL_PARENTS[1:])
_REST = np.linalg.norm(SMPL_OFFSETS[1:], axis=1)
_MIRROR = np.array(
    [
        SMPL_JOINTS.index({"l": "r", "r": "l"}[name[0]] + name[1:])
        if name[0] in "lr" and name != "root"
        else number
        for number, name in enumerate(SMPL_JOINTS)
    ]
)
"""The joint on the other side."""

_UNITS = {"millimetres": 1000.0, "centimetres": 100.0, "inches": 39.37, "feet": 3.281, "kilometres": 0.001}

SIZE = (0.5, 2.0)
"""Bodies so many times as large as the mean one may be people."""
BONE_SPREAD = 0.4
"""Root mean square of the logarithms of bone lengths over the mean body's, at the same size."""
UPRIGHT = 0.7
"""Mean cosine between the body's axis and a world axis from which on that one is taken for up."""
FRONT = -0.2
"""Mean cosine between the toes and the body's front below which left and right must be exchanged."""
REPEATED = 0.05
"""Share of frames that may equal the one before."""
FLOOR = 0.25
"""Metres the floor may lie beside 0."""
SPEED = 4.0
"""Metres a second, mean over joints and frames, that nobody dances."""


class Mistake(StrEnum):
    """What may be wrong with a motion."""

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
        mistake: which.
        evidence: what was seen, with numbers.
        advice: what to do about it.
    """

    clip: str
    mistake: Mistake
    evidence: str
    advice: str

    def __str__(self) -> str:
        return f"{self.clip}: {self.evidence} ({self.advice})"


def check(motion: JointMotion, music: Music | None = None) -> list[Finding]:
    """What looks wrong with a motion, in the order in which it should be put right."""
    found = [Finding(motion.name, *told) for told in _look(np.asarray(motion.joints, np.float64), motion.fps)]
    if music is not None and motion.seconds > 1.2 * music.frames / music.fps:
        evidence = f"lasts {motion.seconds:.1f} s, its music {music.frames / music.fps:.1f} s"
        found.append(
            Finding(
                motion.name,
                Mistake.LONGER_THAN_MUSIC,
                evidence,
                f"check whether {motion.fps:g} fps is right, and the music's name",
            )
        )
    return found


_Told = tuple[Mistake, str, str]


def _look(joints: Floats, fps: float) -> Iterator[_Told]:
    whole = np.asarray(np.isfinite(joints).all(axis=(1, 2)))
    if not whole.all():
        first = int(np.flatnonzero(~whole)[0])
        yield (
            Mistake.NOT_FINITE,
            f"{(~whole).sum()} of {len(whole)} frames hold NaN or infinity, the first is {first}",
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
            f"bones are not as long as they should be: {_bone(worst)} are {lengths[worst] / size:.2f} apart, "
            f"SMPL's {_REST[worst]:.2f}, at the same size"
        )
        return
    if not SIZE[0] < size < SIZE[1]:
        nearest = min(_UNITS, key=lambda unit: abs(np.log(size / _UNITS[unit])))
        close = abs(np.log(size / _UNITS[nearest])) < np.log(1.6)
        yield (
            Mistake.UNIT,
            f"the body is {size:.3g} times as large as it should be",
            f"these look like {nearest}: divide by {_UNITS[nearest]:g}" if close else "give metres",
        )
        joints = joints / size
    facing = _facing(joints)
    upright, up_told = _upright(joints, mirrored=facing < FRONT)
    yield from up_told
    if facing < FRONT and not up_told:
        yield _sides(lengths, facing)
    yield from _place(upright, fps)


def _bone(number: int) -> str:
    return f"{SMPL_JOINTS[_PARENTS[number]]} and {SMPL_JOINTS[_CHILDREN[number]]}"


def _misfit(lengths: Floats) -> float:
    """Root mean square of the logarithms of lengths over the mean body's, the longer the bone the heavier."""
    return float(np.sqrt(np.average(np.log(lengths / _REST) ** 2, weights=_REST)))


def _order(evidence: str) -> _Told:
    advice = "give positions of the 24 SMPL joints in SMPL's order; rotations need content=poses"
    return Mistake.JOINT_ORDER, evidence, advice


def _unit(vectors: Floats) -> Floats:
    unit: Floats = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
    return unit


def _at(joints: Floats, name: str) -> Floats:
    place: Floats = joints[:, SMPL_JOINTS.index(name)]
    return place


def _facing(joints: Floats) -> float:
    """Mean cosine between where the toes point and the front, told by left and up of the body itself."""
    up = _unit(_at(joints, "neck") - _at(joints, "root"))
    left = _unit(
        _at(joints, "lhip") - _at(joints, "rhip") + _at(joints, "lshoulder") - _at(joints, "rshoulder")
    )
    toes = _unit(
        _unit(_at(joints, "ltoes") - _at(joints, "lankle"))
        + _unit(_at(joints, "rtoes") - _at(joints, "rankle"))
    )
    return float(np.mean(np.sum(_unit(np.cross(left, up)) * toes, axis=-1)))


def _upright(joints: Floats, mirrored: bool) -> tuple[Floats, list[_Told]]:
    """The joints with z up, and what is to be told about it."""
    feet = (_at(joints, "lankle") + _at(joints, "rankle")) / 2
    body = _unit(_at(joints, "head") - feet) + _unit(_at(joints, "neck") - _at(joints, "root"))
    mean = body.mean(0) / 2
    axis = int(np.argmax(np.abs(mean)))
    down = mean[axis] < 0
    if abs(mean[axis]) < UPRIGHT or (axis == 2 and not down):
        return joints, []
    name = f"{'−' if down else ''}{'xyz'[axis]}"
    upright = np.roll(joints, 2 - axis, axis=-1)
    if down:
        upright = upright * [1, -1, -1]
    if mirrored:  # reflected somewhere: the plain exchange of two axes, or of one's sign, is what happened
        advice = "negate z" if axis == 2 else f"exchange {'xyz'[axis]} and z{' and negate' if down else ''}"
    elif axis == 2:
        advice = "turn by 180° about x"
    else:
        about, angle = ("x", -90 if down else 90) if axis == 1 else ("y", 90 if down else -90)
        advice = f"turn by {angle}° about {about}" + (", or say up=y" if name == "y" else "")
    evidence = f"the body stands along {name} (mean cosine {abs(mean[axis]):.2f}), not along z"
    return upright, [(Mistake.UP_AXIS, evidence, advice)]


def _sides(lengths: Floats, facing: float) -> _Told:
    """Mirrored positions and exchanged names look the same but for the small asymmetry of the mean body."""
    evidence = f"the toes point backwards (mean cosine {facing:.2f})"
    other = np.empty_like(lengths)
    other[_MIRROR[1:] - 1] = lengths
    as_named, exchanged = _misfit(lengths), _misfit(other)
    if as_named < 0.5 * exchanged:
        return (
            Mistake.MIRRORED,
            f"{evidence}, while each bone has its side's length: the axes are left-handed",
            "negate x",
        )
    if exchanged < 0.5 * as_named:
        return (
            Mistake.LEFT_RIGHT,
            f"{evidence}, and each bone has the other side's length",
            "exchange the joints of left and right",
        )
    return (
        Mistake.MIRRORED,
        f"{evidence}: the axes are left-handed, or left and right joints exchanged",
        "negate x, or exchange the joints",
    )


def _repetition(joints: Floats, fps: float) -> Iterator[_Told]:
    scale = max(float(np.ptp(joints, axis=0).max()), 1e-12)
    still = np.abs(np.diff(joints, axis=0)).max((1, 2)) <= 1e-6 * scale
    extent = float(np.linalg.norm(joints - joints.mean(1, keepdims=True), axis=-1).mean())
    if still.all() or scale < 1e-4 * extent:
        yield Mistake.STILL, f"no joint moves in {len(joints)} frames", "leave this motion out"
        return
    if still.mean() <= REPEATED:
        return
    edges = np.flatnonzero(np.diff(np.concatenate([[0], still, [0]])))
    runs = np.diff(edges)[::2]
    evidence = f"{still.sum()} of {len(still)} frames repeat the one before"
    if runs.max() >= fps / 2:
        first = int(edges[::2][np.argmax(runs)])
        yield (
            Mistake.REPEATED_FRAMES,
            f"{evidence}, {runs.max()} of them in a row from frame {first}",
            "cut off what was padded",
        )
    else:
        rate = fps * (1 - still.sum() / len(joints))
        yield (
            Mistake.REPEATED_FRAMES,
            f"{evidence}: there are {rate:.3g} different ones a second, not {fps:g}",
            f"leave repeated frames out and say fps={rate:.3g}",
        )


def _place(joints: Floats, fps: float) -> Iterator[_Told]:
    """Root, floor and speed of an upright body in metres."""
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
                f"add {-floor:.2f} to z; metrics look for the floor themselves",
            )
    speed = float(np.linalg.norm(np.diff(joints, axis=0), axis=-1).mean()) * fps
    if speed > SPEED:
        yield (
            Mistake.SPEED,
            f"joints move at {speed:.1f} m/s on average",
            f"check whether {fps:g} fps is right",
        )


def checks(motions: list[JointMotion], music: list[Music] | None = None) -> list[Finding]:
    """What looks wrong with the motions of a set, motion after motion."""
    pieces: list[Any] = list(music) if music is not None else [None] * len(motions)
    return [
        finding for motion, piece in zip(motions, pieces, strict=True) for finding in check(motion, piece)
    ]

"""The capsules: where they lie between the joints of the SMPL skeleton, and how thick they are.

Each end of a capsule is a weighted sum of joints, so that all ends are one product with the joints, in NumPy
as in torch. Radii, and the points beyond the outermost joints (heels, toes, fingers, crown), follow an adult
of Anny (Brégier et al., 2025), whose mesh is CC0: `python -m tests.studio.girths` prints what it has and what
is used here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popdanceset.skeleton import (
    LEFT_COLOUR,
    MIDDLE_COLOUR,
    RIGHT_COLOUR,
    SMPL_JOINTS,
    SMPL_OFFSETS,
    SMPL_PARENTS,
    Colour,
)

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Capsule:
    """All points within a distance of a segment.

    Attributes:
        name: of the part of the body, with its side.
        start, end: of the segment: weights of joints by their names in `SMPL_JOINTS`, which add up to 1.
        radius: metres, on the mean SMPL body.
        beside: names of capsules that it may overlap, because it is joined to them or always rests on them.
        colour: in images.
    """

    name: str
    start: Mapping[str, float]
    end: Mapping[str, float]
    radius: float
    beside: tuple[str, ...]
    colour: Colour = MIDDLE_COLOUR


_TRUNK = ("spine", "abdomen_l", "abdomen_r", "chest_l", "chest_r")


def _side(s: str, other: str, colour: Colour) -> tuple[Capsule, ...]:
    """The capsules of a side, "l" or "r"."""
    hip, knee, ankle, toes = f"{s}hip", f"{s}knee", f"{s}ankle", f"{s}toes"
    shoulder, elbow, wrist, hand = f"{s}shoulder", f"{s}elbow", f"{s}wrist", f"{s}hand"
    inshoulder = f"{s}inshoulder"
    # Beside the spine, in the mean direction of hips and shoulders.
    waist = {"belly": 1, hip: 0.165, f"{other}hip": -0.165, inshoulder: 0.165, f"{other}inshoulder": -0.165}
    heel = {ankle: 1.3, toes: -0.18, knee: -0.12}
    toe_tip = {toes: 1.25, ankle: -0.3, knee: 0.05}
    fingers = {hand: 1.6, wrist: -0.6}
    thigh, shin, collar, upper_arm = f"thigh_{s}", f"shin_{s}", f"collar_{s}", f"upper_arm_{s}"
    return (
        Capsule(f"abdomen_{s}", {hip: 1}, waist, 0.1, _TRUNK),
        Capsule(f"chest_{s}", waist, {inshoulder: 1}, 0.1, _TRUNK),
        Capsule(collar, {inshoulder: 1}, {shoulder: 1}, 0.06, (*_TRUNK, f"collar_{other}", "neck", "head")),
        Capsule(thigh, {hip: 1}, {knee: 1}, 0.075, _TRUNK, colour),
        Capsule(shin, {knee: 1}, {ankle: 1}, 0.047, (thigh,), colour),
        Capsule(f"foot_{s}", heel, toe_tip, 0.033, (shin, thigh), colour),
        Capsule(upper_arm, {shoulder: 1}, {elbow: 1}, 0.047, (collar, f"chest_{s}", "neck"), colour),
        Capsule(f"forearm_{s}", {elbow: 1}, {wrist: 1}, 0.033, (upper_arm,), colour),
        Capsule(f"hand_{s}", {wrist: 1}, fingers, 0.03, (f"forearm_{s}", upper_arm), colour),
    )


_CROWN = {"head": 1.7, "neck": -0.4, "linshoulder": -0.15, "rinshoulder": -0.15}

CAPSULES = (
    *_side("l", "r", LEFT_COLOUR),
    *_side("r", "l", RIGHT_COLOUR),
    Capsule("spine", {"root": 1}, {"chest": 1}, 0.1, _TRUNK),
    Capsule("neck", {"neck": 1}, {"head": 1}, 0.055, (*_TRUNK, "head")),
    Capsule("head", {"head": 1}, _CROWN, 0.098, _TRUNK),
)
"""The body."""

RADII = np.array([capsule.radius for capsule in CAPSULES])
"""(capsules,) float64, metres, on the mean SMPL body."""

ENDS = np.array(
    [
        [[end.get(joint, 0.0) for joint in SMPL_JOINTS] for end in (capsule.start, capsule.end)]
        for capsule in CAPSULES
    ]
)
"""(capsules, 2, 24) float64: weights of the joints in both ends of each capsule."""

PAIRS = tuple(
    (a, b)
    for (a, one), (b, other) in combinations(enumerate(CAPSULES), 2)
    if one.name not in other.beside and other.name not in one.beside
)
"""Pairs of capsules that must not overlap, as indices of `CAPSULES`."""

_PARENTS = np.array(SMPL_PARENTS[1:])
_LENGTH = float(np.linalg.norm(SMPL_OFFSETS[1:], axis=1).sum())


def capsule_ends(joints: NDArray[np.floating[Any]]) -> Floats:
    """Returns the ends of all capsules, (…, capsules, 2, 3), in the unit and the axes of the joints.

    Args:
        joints: (…, 24, 3) SMPL joints.
    """
    ends: Floats = np.tensordot(np.asarray(joints, np.float64), ENDS, ([-2], [2]))
    return np.moveaxis(ends, -3, -1)


def body_scale(joints: NDArray[np.floating[Any]]) -> float:
    """Returns how large a body is beside the mean SMPL body: the ratio of the sums of their bones, as the
    median over frames.

    Args:
        joints: (…, 24, 3) metres.
    """
    joints = np.asarray(joints, np.float64)
    lengths = np.linalg.norm(joints[..., 1:, :] - joints[..., _PARENTS, :], axis=-1).sum(-1)
    return float(np.median(lengths)) / _LENGTH

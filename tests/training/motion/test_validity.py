"""Each common mistake, made on purpose in a good motion, is reported once as what it is."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from popdanceset.motion.files import motions_from_folder
from popdanceset.motion.joint_motion import JointMotion
from popdanceset.skeleton import LIMB_JOINTS, SMPL_JOINTS, SMPL_OFFSETS, SMPL_PARENTS
from training.motion.music import Music
from training.motion.validity import Mistake, check, checks

OTHER_SIDE = [
    SMPL_JOINTS.index({"l": "r", "r": "l"}[n[0]] + n[1:]) if n[0] in "lr" and n != "root" else k
    for k, n in enumerate(SMPL_JOINTS)
]


def turned(axis, degrees):
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    a, b = [k for k in range(3) if k != axis]
    matrix = np.eye(3)
    matrix[[a, a, b, b], [a, b, a, b]] = cos, -sin, sin, cos
    return lambda joints: joints @ matrix.T


def coco(joints):
    """The 17 joints of COCO where a reader expects the first of SMPL's 24."""
    order = [15, 15, 15, 15, 15, 16, 17, 18, 19, 20, 21, 1, 2, 4, 5, 7, 8, 7, 8, 10, 11, 20, 21, 0]
    return joints[:, order] + np.linspace(0, 0.05, 24)[:, None]


FRAME = np.arange(90)[:, None, None]

WRONG = {
    "y up": (turned(0, -90), Mistake.UP_AXIS, r"along y .*give up=y"),
    "x up": (turned(1, -90), Mistake.UP_AXIS, "along x"),
    "y down": (turned(0, 90), Mistake.UP_AXIS, "along −y"),
    "y and z exchanged": (lambda j: j[..., [0, 2, 1]], Mistake.UP_AXIS, "swap y and z"),
    "z down, turned": (lambda j: j * [1, -1, -1], Mistake.UP_AXIS, "along −z .*180°"),
    "z negated": (lambda j: j * [1, 1, -1], Mistake.UP_AXIS, "negate z"),
    "centimetres": (lambda j: j * 100, Mistake.UNIT, "looks like centimetres: divide by 100"),
    "millimetres": (lambda j: j * 1000, Mistake.UNIT, "looks like millimetres"),
    "inches": (lambda j: j * 39.37, Mistake.UNIT, "looks like inches"),
    "a doll": (lambda j: j * 0.1, Mistake.UNIT, "give metres"),
    "x mirrored": (lambda j: j * [-1, 1, 1], Mistake.MIRRORED, "left-handed.*negate x"),
    "y mirrored": (lambda j: j * [1, -1, 1], Mistake.MIRRORED, "left-handed"),
    "left and right swapped": (lambda j: j[:, OTHER_SIDE], Mistake.LEFT_RIGHT, "swap the left and right"),
    "joints in reverse": (lambda j: j[:, ::-1], Mistake.JOINT_ORDER, "SMPL's"),
    "COCO": (coco, Mistake.JOINT_ORDER, "SMPL's order"),
    "one point": (lambda j: j[:, :1].repeat(24, 1), Mistake.JOINT_ORDER, "same position"),
    "each frame twice": (lambda j: j.repeat(2, 0), Mistake.REPEATED_FRAMES, "15 different .* fps=15"),
    "24 stretched to 30": (
        lambda j: j[(np.arange(len(j)) * 0.8).astype(int)], Mistake.REPEATED_FRAMES, r"24(\.\d)? different",
    ),
    "padded": (lambda j: np.concatenate([j, j[-1:].repeat(30, 0)]), Mistake.REPEATED_FRAMES, "30 of them"),
    "still": (lambda j: j[:1].repeat(90, 0), Mistake.STILL, "no joint moves in 90"),
    "about the root": (lambda j: j - j[:, :1], Mistake.ROOT_FIXED, "translation"),
    "floating": (lambda j: j + np.array([0, 0, 0.9]), Mistake.FLOOR, "0.90 m above .*add -0.90"),
    "origin at the pelvis": (lambda j: j - [0, 0, 0.9], Mistake.FLOOR, "below"),
    "NaN": (lambda j: np.where(FRAME == 7, np.nan, j), Mistake.NOT_FINITE, "first is 7"),
    "infinity": (lambda j: np.where(FRAME > 87, np.inf, j), Mistake.NOT_FINITE, "2 of 90"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_reported_once_with_evidence_and_advice(dance, name):
    spoil, mistake, words = WRONG[name]

    (found,) = check(JointMotion("clip 1", spoil(dance().joints)))

    assert found.mistake is mistake
    assert str(found).startswith("clip 1: ")
    assert found.advice
    assert re.search(words, str(found)), str(found)


def test_a_wrong_frame_rate_shows_in_the_speed(dance):
    (found,) = check(JointMotion("a", dance(300).joints, fps=300))
    assert found.mistake is Mistake.SPEED
    assert "300 fps" in found.advice


def test_a_dance_longer_than_its_music(dance):
    motion, music = JointMotion("a", dance(120).joints), Music("a", np.arange(0, 60, 15), 60)
    (found,) = check(motion, music)
    assert found.mistake is Mistake.LONGER_THAN_MUSIC
    assert "4.0 s, its music 2.0 s" in found.evidence
    assert checks([motion], [Music("a", np.array([3]), 120)]) == []


@settings(max_examples=60)
@given(
    seed=st.integers(0, 10_000),
    yaw=st.floats(0, 360),
    place=st.tuples(st.floats(-9, 9), st.floats(-9, 9)),
    size=st.floats(0.7, 1.4),
    frames=st.integers(2, 200),
)
def test_good_motions_of_any_place_and_size_pass(dance, seed, yaw, place, size, frames):
    joints = turned(2, yaw)(dance(frames, seed).joints) * size + [*place, 0]
    assert check(JointMotion("a", joints.astype(np.float32))) == []


@settings(max_examples=40)
@given(order=st.permutations(range(24)), seed=st.integers(0, 99))
def test_joints_in_a_wrong_order_are_noticed(dance, order, seed):
    # Some orders are too similar to the right one: bones may stay in place or swap sides.
    moved = [k for k, j in enumerate(order) if j not in (k, OTHER_SIDE[k])]
    assume(len(moved) > 12)
    assert [f.mistake for f in check(JointMotion("a", dance(20, seed).joints[:, order]))] == [
        Mistake.JOINT_ORDER
    ]


@settings(max_examples=40)
@given(
    seed=st.integers(0, 10_000),
    names=st.lists(st.sampled_from(["y up", "centimetres", "each frame twice"]), unique=True),
)
def test_several_mistakes_are_all_reported(dance, seed, names):
    joints = dance(60, seed).joints
    for name in names:
        joints = WRONG[name][0](joints)
    assert {f.mistake for f in check(JointMotion("a", joints))} == {WRONG[name][1] for name in names}


def test_motions_too_short_to_check(dance):
    assert check(JointMotion("a", dance(1).joints)) == []


@pytest.mark.parametrize("part", ["real", "generated"])
def test_golden_motions_pass(shared, part):
    assert checks(motions_from_folder(shared / "golden/metrics" / part)) == []


@pytest.mark.parametrize("name", ["dance_a", "dance_b"])
def test_another_body_passes(shared, name):
    """Rendered dancers with twelve known joints; the others are added as in the mean body."""
    joints = whole_body(np.load(shared / f"media/{name}_truth.npz")["J"].astype(np.float64))

    assert check(JointMotion(name, joints)) == []
    assert [f.mistake for f in check(JointMotion(name, turned(0, -90)(joints)))] == [Mistake.UP_AXIS]
    (found,) = check(JointMotion(name, joints * [-1, 1, 1]))
    assert found.mistake is Mistake.MIRRORED


def whole_body(limbs):
    """(frames, 12, 3) in the order of LIMB_JOINTS → (frames, 24, 3)."""
    joints = np.zeros((len(limbs), 24, 3))
    joints[:, LIMB_JOINTS] = limbs
    at = {name: joints[:, number] for number, name in enumerate(SMPL_JOINTS)}
    hips, shoulders = (at["lhip"] + at["rhip"]) / 2, (at["lshoulder"] + at["rshoulder"]) / 2
    left = at["lhip"] - at["rhip"]
    left /= np.linalg.norm(left, axis=-1, keepdims=True)
    up = shoulders - hips - np.sum((shoulders - hips) * left, -1, keepdims=True) * left
    up /= np.linalg.norm(up, axis=-1, keepdims=True)
    frame = np.stack([left, up, np.cross(left, up)], axis=-1)
    rest = np.zeros((24, 3))
    for joint in range(1, 24):
        rest[joint] = rest[SMPL_PARENTS[joint]] + SMPL_OFFSETS[joint]
    middle = (rest[1] + rest[2]) / 2
    for name in ("root", "belly", "spine", "chest", "neck", "head", "linshoulder", "rinshoulder"):
        joint = SMPL_JOINTS.index(name)
        joints[:, joint] = hips + frame @ (rest[joint] - middle)
    for side in "lr":
        ankle, toes = SMPL_JOINTS.index(f"{side}ankle"), SMPL_JOINTS.index(f"{side}toes")
        joints[:, toes] = joints[:, ankle] + frame @ SMPL_OFFSETS[toes]
        joints[:, SMPL_JOINTS.index(f"{side}hand")] = 1.35 * at[f"{side}wrist"] - 0.35 * at[f"{side}elbow"]
    return joints

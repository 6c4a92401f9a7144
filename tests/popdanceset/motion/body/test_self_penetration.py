"""Bodies that are in themselves by a known amount: a hand through the chest, folded arms, crossed legs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.spatial.transform import Rotation

from popdanceset.motion.body.capsules import CAPSULES, PAIRS, RADII, body_scale, capsule_ends
from popdanceset.motion.body.self_penetration import TOLERANCE, SelfPenetration, depths, self_penetration
from popdanceset.motion.forward_kinematics import forward_kinematics
from popdanceset.skeleton import SMPL_JOINTS

JOINT = {name: number for number, name in enumerate(SMPL_JOINTS)}
CAPSULE = {capsule.name: number for number, capsule in enumerate(CAPSULES)}


def posed(**rotations: tuple[float, float, float]) -> np.ndarray:
    """(1, 24, 3) joints of the mean body with some joints rotated by Euler angles xyz, degrees."""
    matrices = np.tile(np.eye(3), (1, 24, 1, 1))
    for name, angles in rotations.items():
        matrices[0, JOINT[name]] = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    return forward_kinematics(matrices)


def depth_of(joints: np.ndarray, one: str, other: str) -> float:
    wanted = {CAPSULE[one], CAPSULE[other]}
    (number,) = [number for number, pair in enumerate(PAIRS) if set(pair) == wanted]
    return float(depths(joints)[0, number])


def through_the_chest() -> np.ndarray:
    """The left hand and half the forearm inside the chest."""
    joints = posed()
    chest = joints[0, JOINT["chest"]]
    direction = np.array([0.0, 0.0, -1.0])
    joints[0, JOINT["lelbow"]] = chest + np.array([0.05, 0.05, 0.3])
    joints[0, JOINT["lwrist"]] = joints[0, JOINT["lelbow"]] + 0.25 * direction
    joints[0, JOINT["lhand"]] = joints[0, JOINT["lwrist"]] + 0.09 * direction
    return joints


def test_a_standing_body_is_not_in_itself() -> None:
    assert depths(posed()).max() < 1e-12
    arms_down = posed(lshoulder=(0, 0, -72), rshoulder=(0, 0, 72))
    assert self_penetration(arms_down) == SelfPenetration(0.0, 0.0)


def test_a_hand_through_the_chest() -> None:
    joints = through_the_chest()
    ends = capsule_ends(joints)[0]
    scale = body_scale(joints)
    a, b = CAPSULE["forearm_l"], CAPSULE["chest_l"]

    def squared(shares: np.ndarray) -> float:
        one, other = (ends[c, 0] + s * (ends[c, 1] - ends[c, 0]) for c, s in zip((a, b), shares, strict=True))
        return float(((one - other) ** 2).sum())

    nearest = minimize(squared, (0.5, 0.5), bounds=[(0, 1), (0, 1)], tol=1e-14).fun
    expected = scale * (RADII[a] + RADII[b]) - np.sqrt(nearest)
    assert expected > 0.05
    assert depth_of(joints, "forearm_l", "chest_l") == pytest.approx(expected, abs=1e-6)
    assert self_penetration(joints).depth >= expected
    assert self_penetration(joints).share == 1


def test_depth_is_how_far_the_limbs_must_part() -> None:
    """Moved apart by its depth along the shortest way, the arm just touches."""
    joints = through_the_chest()
    before = depth_of(joints, "forearm_l", "chest_l")
    a, b = capsule_ends(joints)[0][[CAPSULE["forearm_l"], CAPSULE["chest_l"]]]
    shares = np.linspace(0, 1, 801)[:, None]
    one, other = a[0] + shares * (a[1] - a[0]), b[0] + shares * (b[1] - b[0])
    apart = np.linalg.norm(one[:, None] - other[None], axis=-1)
    i, k = np.unravel_index(apart.argmin(), apart.shape)
    way = (one[i] - other[k]) / apart[i, k]
    for name in ("lelbow", "lwrist", "lhand"):
        joints[0, JOINT[name]] += 0.99 * before * way
    # The upper arm has become longer or shorter, and with it the body's scale: hence the tolerance.
    assert 0 <= depth_of(joints, "forearm_l", "chest_l") < 0.01


def test_crossed_legs_count_beyond_what_the_thighs_always_overlap() -> None:
    assert depth_of(posed(), "thigh_l", "thigh_r") < 1e-12
    crossed = posed(lhip=(0, 0, -20), rhip=(0, 0, 20))
    assert depth_of(crossed, "thigh_l", "thigh_r") > TOLERANCE
    assert depth_of(posed(lhip=(0, 0, 20), rhip=(0, 0, -20)), "thigh_l", "thigh_r") == 0


def test_joined_parts_may_overlap() -> None:
    names = {frozenset((CAPSULES[a].name, CAPSULES[b].name)) for a, b in PAIRS}
    for pair in [("thigh_l", "shin_l"), ("upper_arm_r", "forearm_r"), ("neck", "head"), ("spine", "chest_l")]:
        assert frozenset(pair) not in names
    for pair in [("hand_l", "head"), ("forearm_r", "chest_r"), ("shin_l", "shin_r"), ("hand_l", "hand_r")]:
        assert frozenset(pair) in names


def test_size_place_and_axes_do_not_matter_but_for_the_unit() -> None:
    joints = through_the_chest()
    turn = Rotation.from_euler("xyz", [90, 20, 30], degrees=True).as_matrix()
    moved = 0.8 * (joints @ turn.T) + [3, -2, 1]
    np.testing.assert_allclose(depths(moved), 0.8 * depths(joints), atol=1e-12)


def test_means_over_a_clip() -> None:
    joints = np.concatenate([posed(), through_the_chest(), posed(), posed()])
    found = self_penetration(joints)
    deepest = depths(joints).max()
    assert found.share == 0.25
    assert found.depth == pytest.approx(deepest / 4)
    assert self_penetration(joints, tolerance=deepest + 1e-9) == SelfPenetration(0.0, 0.0)
    assert self_penetration(joints[:0]) == SelfPenetration()


def test_long_clips_are_calculated_in_parts() -> None:
    joints = np.concatenate([posed(), through_the_chest()] * 700)
    found = depths(joints)
    assert len(found) == 1400
    np.testing.assert_allclose(found[1025], found[1], atol=1e-12)

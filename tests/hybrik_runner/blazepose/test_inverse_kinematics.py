"""Inverse kinematics: the way back from joint positions to rotations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from hybrik_runner.blazepose.inverse_kinematics import bending, hinged, inverse_kinematics
from popdanceset.motion.forward_kinematics import forward_kinematics, global_rotations
from popdanceset.rotations.arrays import twist_angle
from popdanceset.skeleton import SMPL_OFFSETS


def matrices(vectors: np.ndarray) -> np.ndarray:
    return Rotation.from_rotvec(vectors.reshape(-1, 3)).as_matrix().reshape(*vectors.shape[:-1], 3, 3)


def random_poses(seed: int, count: int = 50) -> np.ndarray:
    """Axis-angle poses: any root, other joints up to about 75° from rest."""
    rng = np.random.default_rng(seed)
    axes = rng.normal(size=(count, 24, 3))
    axes /= np.linalg.norm(axes, axis=-1, keepdims=True)
    poses = axes * rng.uniform(0, 1.3, (count, 24, 1))
    poses[:, 0] *= np.pi / 1.3
    return poses


poses = st.integers(0, 10_000).map(random_poses)


@given(poses, st.floats(0.5, 2.0))
@settings(max_examples=20, deadline=None)
def test_joints_of_any_pose_are_met_again(vectors: np.ndarray, scale: float) -> None:
    joints = forward_kinematics(matrices(vectors), scale)
    found = inverse_kinematics(joints)
    assert np.abs(forward_kinematics(found, scale) - joints).max() < 1e-6
    np.testing.assert_allclose(
        found @ np.swapaxes(found, -1, -2), np.broadcast_to(np.eye(3), found.shape), atol=1e-6
    )
    assert np.linalg.det(found).min() > 0.999


@given(poses)
@settings(max_examples=10, deadline=None)
def test_turning_the_dancer_turns_only_the_root(vectors: np.ndarray) -> None:
    joints = forward_kinematics(matrices(vectors))
    turn = Rotation.from_rotvec([0.3, -1.0, 2.0]).as_matrix()
    before, after = inverse_kinematics(joints), inverse_kinematics(joints @ turn.T)
    np.testing.assert_allclose(after[:, 0], turn @ before[:, 0], atol=1e-7)
    np.testing.assert_allclose(after[:, 1:], before[:, 1:], atol=1e-6)


def test_hinges_and_root_are_recovered_exactly() -> None:
    """Limbs that flex like a person's: the twist of upper arm and thigh follows from the bending plane."""
    vectors = np.zeros((2, 24, 3))
    vectors[:, 0] = [[np.pi / 2, 0, 0], [0.2, 2.0, 0.4]]
    vectors[:, 16], vectors[:, 17] = [0.5, -0.3, -0.7], [-0.8, 0.2, 0.6]
    vectors[:, 1], vectors[:, 2] = [-0.7, 0.4, 0.2], [0.3, -0.5, -0.1]
    vectors[:, 4], vectors[:, 5] = [1.1, 0, 0], [0.8, 0, 0]
    vectors[:, 18], vectors[:, 19] = [0, -1.2, 0], [0, 1.0, 0]
    found = inverse_kinematics(forward_kinematics(matrices(vectors)))
    angle = Rotation.from_matrix(
        (np.swapaxes(matrices(vectors), -1, -2) @ found).reshape(-1, 3, 3)
    ).magnitude()
    # SMPL's limbs are a little bent in the rest pose, out of the hinges' planes, hence not zero.
    assert angle.reshape(2, 24).max(0)[[0, 1, 2, 4, 5, 16, 17, 18, 19]].max() < np.radians(9)


def test_straight_legs_turn_as_the_feet_point() -> None:
    vectors = np.zeros((1, 24, 3))
    vectors[0, 0] = [np.pi / 2, 0, 0]
    vectors[0, 1], vectors[0, 2] = [0, 0.6, 0], [0, -0.5, 0]  # feet turned out
    found = inverse_kinematics(forward_kinematics(matrices(vectors)))
    turned = Rotation.from_matrix(found[0, [1, 2]]).as_rotvec()[:, 1]
    np.testing.assert_allclose(turned, [0.6, -0.5], atol=0.05)


def test_long_clips_are_their_frames() -> None:
    """More frames than are taken at a time."""
    vectors = random_poses(9, 1500)
    joints = forward_kinematics(matrices(vectors))
    found = inverse_kinematics(joints)
    np.testing.assert_allclose(found[1000:1100], inverse_kinematics(joints[1000:1100]), atol=1e-12)
    np.testing.assert_allclose(
        found, inverse_kinematics(joints, twist_filter=lambda twist: twist), atol=1e-12
    )
    np.testing.assert_allclose(forward_kinematics(found, np.full(1500, 0.9)), 0.9 * joints, atol=1e-9)


def wringing(side: int, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """Joints (1, 24, 3) and the hands' orientations with a forearm wrung by an angle about its bone."""
    vectors = np.zeros((1, 24, 3))
    vectors[0, 18], vectors[0, 19] = [0, -1.0, 0], [0, 1.0, 0]
    wrist = 20 + side
    bone = SMPL_OFFSETS[wrist] / np.linalg.norm(SMPL_OFFSETS[wrist])
    vectors[0, wrist] = angle * bone
    turned = global_rotations(matrices(vectors))
    return forward_kinematics(matrices(vectors)), turned[:, 20:22]


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("angle", [-1.2, -0.4, 0.7, 1.3])
def test_the_forearms_twist_follows_the_hand_and_is_shared_with_the_wrist(side: int, angle: float) -> None:
    joints, hands = wringing(side, angle)
    found = inverse_kinematics(joints, hands=hands)
    np.testing.assert_allclose(forward_kinematics(found), joints, atol=1e-9)
    np.testing.assert_allclose(global_rotations(found)[:, 20 + side], hands[:, side], atol=0.15)
    bone = SMPL_OFFSETS[20 + side]
    shares = [twist_angle(found[:, joint + side], bone)[0] for joint in (18, 20)]
    np.testing.assert_allclose(shares, angle / 2, atol=0.12)


@pytest.mark.parametrize("side", [0, 1])
def test_no_hand_is_wrung_further_than_hands_go(side: int) -> None:
    """By up to half a turn: pronation ends at 76°, supination at 82°, with 15° of margin."""
    for angle in np.linspace(-np.pi, np.pi, 13):
        joints, hands = wringing(side, angle)
        found = inverse_kinematics(joints, hands=hands)
        bone = SMPL_OFFSETS[20 + side]
        shares = [twist_angle(found[:, joint + side], bone)[0] for joint in (18, 20)]
        assert np.degrees(abs(sum(shares))) < 82 + 15 + 8


def test_no_head_is_turned_or_bent_further_than_heads_go() -> None:
    standing = forward_kinematics(matrices(np.zeros((1, 24, 3))))
    for vector in ([0, 2.8, 0], [0, -2.0, 0], [2.0, 0, 0], [-1.8, 0.5, 0], [0, 0, 1.7]):
        head = matrices(np.array([vector]))
        found = inverse_kinematics(standing, head)
        np.testing.assert_allclose(forward_kinematics(found), standing, atol=1e-9)
        reached = global_rotations(found)[:, 15]
        assert np.degrees(abs(twist_angle(reached, SMPL_OFFSETS[15])[0])) < 80 + 15 + 1
        up = SMPL_OFFSETS[15] / np.linalg.norm(SMPL_OFFSETS[15])
        assert np.degrees(np.arccos(up @ reached[0] @ up)) < 60 + 15 + 1


@given(poses)
@settings(max_examples=10, deadline=None)
def test_shoulders_and_hips_turn_as_far_as_they_can(vectors: np.ndarray) -> None:
    found = inverse_kinematics(forward_kinematics(matrices(vectors)))
    for joint, hinge, inwards, outwards in ((16, 18, 69, 104), (1, 4, 47, 47)):
        for side, sign in ((0, 1), (1, -1)):
            twist = np.degrees(sign * twist_angle(found[:, joint + side], SMPL_OFFSETS[hinge + side]))
            assert -outwards - 15 - 1e-6 < twist.min()
            assert twist.max() < inwards + 15 + 1e-6


def test_limbs_that_bend_about_their_hinges_are_distinguished_from_others() -> None:
    vectors = np.zeros((2, 24, 3))
    vectors[:, 18], vectors[:, 19] = [0, -1.2, 0], [0, 1.2, 0]
    vectors[:, 4], vectors[:, 5] = [1.0, 0, 0], [1.0, 0, 0]
    vectors[1, 18], vectors[1, 5] = [0, 1.2, 0], [-0.9, 0, 0]
    joints = forward_kinematics(matrices(vectors))
    found = hinged(joints, inverse_kinematics(joints))
    np.testing.assert_array_equal(found, [[True] * 4, [False, True, True, False]])


def test_calmed_twists_move_no_joint() -> None:
    joints = forward_kinematics(matrices(random_poses(7)))
    found = inverse_kinematics(joints, twist_filter=lambda twist: np.full_like(twist, twist.mean()))
    np.testing.assert_allclose(forward_kinematics(found), joints, atol=1e-6)


def test_limbs_that_seem_to_bend_backwards_are_not_turned_round() -> None:
    """A knee seen slightly in front of the straight leg, as errors in depth show it."""
    vectors = np.zeros((1, 24, 3))
    vectors[0, 0], vectors[0, 4] = [np.pi / 2, 0, 0], [-0.7, 0, 0]
    found = inverse_kinematics(forward_kinematics(matrices(vectors)))
    assert Rotation.from_matrix(found[0, 1]).magnitude() < np.radians(40)


def test_the_heads_orientation_is_kept_and_shared_with_the_neck() -> None:
    vectors = np.zeros((1, 24, 3))
    head = matrices(np.array([[0, 0.8, 0]]))
    found = inverse_kinematics(forward_kinematics(matrices(vectors)), head)
    np.testing.assert_allclose(global_rotations(found)[:, 15], head, atol=1e-9)
    neck = Rotation.from_matrix(found[0, 12]).magnitude()
    assert 0.3 < neck < 0.5


def test_spine_twist_is_shared_evenly() -> None:
    vectors = np.zeros((1, 24, 3))
    vectors[0, 9] = [0, 0.9, 0]
    found = inverse_kinematics(forward_kinematics(matrices(vectors)))
    turned = Rotation.from_matrix(found[0, [3, 6, 9]]).magnitude()
    np.testing.assert_allclose(turned, 0.3, atol=0.1)


def test_degenerate_joints_give_rotations_and_no_nan() -> None:
    found = inverse_kinematics(np.zeros((2, 24, 3)))
    assert np.isfinite(found).all()


def test_bending_distinguishes_straight_from_bent() -> None:
    vectors = np.zeros((1, 24, 3))
    vectors[0, 4], vectors[0, 18] = [1.0, 0, 0], [0, -1.0, 0]
    left_arm, right_arm, left_leg, right_leg = bending(forward_kinematics(matrices(vectors)))[0]
    assert left_arm == left_leg == 1
    assert right_arm < 0.2
    assert right_leg < 0.2

"""Feet that stand: a walk whose stances are known, jumps, spins, glides, and motions without any contact."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from popdanceset.motion.floor import footing, heights
from popdanceset.motion.foot_locking import lock
from popdanceset.motion.forward_kinematics import forward_kinematics, global_rotations, local_rotations
from popdanceset.motion.two_bone import reach
from popdanceset.skeleton import FOOT_JOINTS, SMPL_OFFSETS

FPS = 30.0
STEP = 0.5
"""Seconds of a step, of which each foot spends one in the air and one on the floor."""
UPRIGHT = Rotation.from_rotvec([np.pi / 2, 0, 0]).as_matrix()

Motion = tuple[np.ndarray, np.ndarray]
"""Rotations (n, 24, 3, 3) and root (n, 3)."""


def standing(count: int) -> Motion:
    """The body at rest on the floor, knees slightly bent."""
    angles = np.zeros((count, 24, 3))
    for joint, angle in ((1, -0.3), (2, -0.3), (4, 0.6), (5, 0.6), (7, -0.3), (8, -0.3)):
        angles[:, joint, 0] = angle
    rotations = Rotation.from_rotvec(angles.reshape(-1, 3)).as_matrix().reshape(count, 24, 3, 3)
    rotations[:, 0] = UPRIGHT
    root = np.zeros((count, 3))
    root[:, 2] = -heights(root, forward_kinematics(rotations), 1.0).min(1)
    return rotations, root


def walking(count: int = 150) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Somebody who walks sideways before the camera: rotations, root, and which foot stands, (n, 2)."""
    rotations, root = standing(count)
    time = np.arange(count) / FPS
    root[:, 0] = 0.5 * time
    joints = forward_kinematics(rotations)
    phase = (time[:, None] / STEP + [0.0, 1.0]) % 2
    stands = phase < 1
    # Where the foot is relative to the root: it falls back while it stands, and returns through the air.
    swing = np.clip(phase - 1, 0, 1)
    along = np.where(stands, 0.5 * STEP * (0.5 - phase), 0.5 * STEP * (swing**2 * (3 - 2 * swing) - 0.5))
    offset = np.zeros((count, 2, 3))
    offset[..., 0] = along
    offset[..., 2] = 0.12 * np.sin(np.pi * swing) * ~stands
    return *moved_feet(rotations, joints, root, offset), stands


def moved_feet(rotations: np.ndarray, joints: np.ndarray, root: np.ndarray, offset: np.ndarray) -> Motion:
    """The motion with its feet moved by offsets (n, 2, 3); feet keep their orientation."""
    turns = global_rotations(rotations)
    for side in (0, 1):
        hip, knee, ankle = 1 + side, 4 + side, 7 + side
        thigh, shin = joints[:, knee] - joints[:, hip], joints[:, ankle] - joints[:, knee]
        found = reach(thigh, shin, thigh + shin + offset[:, side], turns[:, hip, :, 0])
        turns[:, hip], turns[:, knee] = found[0] @ turns[:, hip], found[1] @ turns[:, knee]
    return local_rotations(turns), root


def feet(rotations: np.ndarray, root: np.ndarray) -> np.ndarray:
    """(n, 4, 3) where ankles and toes are."""
    return root[:, None] + forward_kinematics(rotations)[:, FOOT_JOINTS]


def slips(points: np.ndarray, stands: np.ndarray) -> float:
    """Largest distance along the floor between two frames in which a foot (n, 2, 3) stands, metres."""
    both = stands[1:] & stands[:-1]
    return float(np.linalg.norm(np.diff(points[..., :2], axis=0), axis=2)[both].max())


def test_a_walk_without_faults_stays_as_it_is() -> None:
    rotations, root, stands = walking()
    assert slips(feet(rotations, root)[:, :2], stands) < 1e-6  # the walk itself is what it claims to be
    found = lock(rotations, root, 1.0, FPS)
    assert (found.contacts[:, :2] == stands).mean() > 0.85
    assert found.contacts[:, :2][stands].mean() > 0.95
    moved = np.abs(feet(found.rotations, found.root) - feet(rotations, root))
    assert moved.max() < 0.05
    assert moved.mean() < 0.01


def test_sliding_feet_stand_and_swinging_feet_swing() -> None:
    """The root wavers as depth does, and each foot slides while it stands."""
    rotations, root, stands = walking()
    time = np.arange(len(root)) / FPS
    wavering = root + np.column_stack([0.01 * np.sin(5 * time), 0.06 * np.sin(4 * time), 0 * time])
    sliding = np.zeros((len(root), 2, 3))
    sliding[..., 0] = 0.02 * np.sin(9 * time)[:, None] * [1, -1]
    seen, _ = moved_feet(rotations, forward_kinematics(rotations), root, sliding)
    before = feet(seen, wavering)
    found = lock(seen, wavering, 1.0, FPS)
    after = feet(found.rotations, found.root)
    inner = stands.copy()
    inner[1:] &= stands[:-1]
    inner[:-1] &= stands[1:]
    assert slips(before[:, :2], inner) > 0.008
    assert slips(after[:, :2], inner) < 0.004
    lifted = after[..., 2].max(0) - after[..., 2].min(0)
    assert (lifted > 0.08).all()
    assert footing(found.root, forward_kinematics(found.rotations), 1.0, FPS).deviation < 0.01


def test_strides_towards_the_camera_stand_though_they_seem_to_slide() -> None:
    """A single camera shortens what leads towards it: feet slide in depth while they keep still in the
    picture."""
    rotations, root, stands = walking()
    turn = Rotation.from_rotvec([0, 0, -np.pi / 2]).as_matrix()
    rotations[:, 0], root = turn @ rotations[:, 0], root @ turn.T  # now it leads towards the camera
    along = np.where(stands, feet(rotations, root)[:, :2, 1] - root[:, None, 1], 0.0)
    shortened = -0.4 * along[..., None] * [0, 1, 0]
    seen, _ = moved_feet(rotations, forward_kinematics(rotations), root, shortened)
    inner = stands.copy()
    inner[1:] &= stands[:-1]
    inner[:-1] &= stands[1:]
    before, found = feet(seen, root), lock(seen, root, 1.0, FPS)
    assert slips(before[:, :2], inner) > 0.006
    assert found.contacts[:, :2][inner].mean() > 0.95
    assert slips(feet(found.rotations, found.root)[:, :2], inner) < 0.003


def test_smoothed_stands_are_found_whole() -> None:
    """Filters in time smear each swing over the first and last frames of the stands beside it."""
    rotations, root, stands = walking()
    joints = forward_kinematics(rotations)
    ankles = root[:, None] + joints[:, FOOT_JOINTS[:2]]
    smeared = gaussian_filter1d(ankles, 1.5, axis=0) - ankles
    seen, _ = moved_feet(rotations, joints, root, smeared)
    found = lock(seen, root, 1.0, FPS)
    assert (found.contacts[:, :2] | found.contacts[:, 2:])[stands].mean() > 0.97


def test_short_steps_are_not_taken_for_one_stand() -> None:
    """One foot steps aside by 80 mm every second; the other one stands."""
    rotations, root = standing(150)
    time = np.arange(150) / FPS
    share = np.clip((time % 1 - 0.8) / 0.2, 0, 1)
    aside = np.zeros((150, 2, 3))
    aside[:, 0, 0] = 0.08 * ((time // 1) % 2 + np.where((time // 1) % 2 == 0, 1, -1) * share)
    aside[:, 0, 2] = 0.04 * np.sin(np.pi * share)
    seen, root = moved_feet(rotations, forward_kinematics(rotations), root, aside)
    found = lock(seen, root, 1.0, FPS)
    before, after = feet(seen, root)[:, 0, 0], feet(found.rotations, found.root)[:, 0, 0]
    assert found.contacts[:, 1].all()
    np.testing.assert_allclose((after - before)[:140], (after - before).mean(), atol=0.02)


def test_one_foot_off_the_floor_is_set_on_it_and_a_sunk_heel_is_lifted() -> None:
    rotations, root = standing(90)
    joints = forward_kinematics(rotations)
    for side, height in ((0, 0.05), (1, -0.04)):
        off = np.zeros((90, 2, 3))
        off[:, side, 2] = height
        seen, _ = moved_feet(rotations, joints, root, off)
        found = lock(seen, root, 1.0, FPS)
        after = heights(found.root, forward_kinematics(found.rotations), 1.0)
        assert np.abs(np.minimum(after[:, :2], after[:, 2:])).max() < 0.015
        assert np.abs(after[:, 2:]).max() < 0.015


def test_only_legs_and_root_change_and_bones_keep_their_length() -> None:
    rotations, root, _ = walking()
    found = lock(rotations, root + [[0.05, 0, 0.02]] * np.sin(np.arange(len(root)))[:, None], 1.0, FPS)
    legs = {1, 2, 4, 5, 7, 8}
    rest = [joint for joint in range(24) if joint not in legs]
    np.testing.assert_array_equal(found.rotations[:, rest], rotations[:, rest])
    np.testing.assert_allclose(
        found.rotations @ np.swapaxes(found.rotations, -1, -2),
        np.broadcast_to(np.eye(3), rotations.shape),
        atol=1e-9,
    )


def test_floating_and_sinking_are_corrected() -> None:
    rotations, root = standing(90)
    for height in (0.04, -0.04):
        found = lock(rotations, root + np.array([0, 0, height]), 1.0, FPS)
        low = heights(found.root, forward_kinematics(found.rotations), 1.0).min(1)
        np.testing.assert_allclose(low, 0, atol=0.006)


def test_a_jump_stays_a_jump() -> None:
    rotations, root = standing(90)
    time = np.arange(16) / FPS
    flight = np.zeros(90)
    flight[40:56] = 4.905 * time * (15 / FPS - time)
    jumping = root + flight[:, None] * [0, 0, 1] + np.clip(np.arange(90) - 40, 0, 15)[:, None] * [0.03, 0, 0]
    found = lock(rotations, jumping, 1.0, FPS)
    assert not found.contacts[44:52].any()
    assert found.contacts[:38].all()
    assert found.contacts[60:].all()
    np.testing.assert_allclose(found.root[:, 2], jumping[:, 2], atol=0.03)
    np.testing.assert_allclose(found.root[70:, 0] - found.root[10:30, 0].mean(), 0.45, atol=0.05)


def test_a_spin_on_the_ball_of_the_foot_is_not_frozen() -> None:
    rotations, root = standing(60)
    lifted = np.zeros((60, 2, 3))
    lifted[:, 1] = [0, 0.1, 0.25]
    rotations, root = moved_feet(rotations, forward_kinematics(rotations), root, lifted)
    # The left heel leaves the floor, the ball stays.
    turns = global_rotations(rotations)
    tip = Rotation.from_rotvec([0.6, 0, 0]).as_matrix()
    turns[:, [7, 10]] = tip @ turns[:, [7, 10]]
    rotations = local_rotations(turns)
    root = root - (heights(root, forward_kinematics(rotations), 1.0).min(1))[:, None] * [0, 0, 1]
    ball = feet(rotations, root)[:1, 2]
    angle = np.radians(12) * np.arange(60)  # one turn a second
    spin = Rotation.from_rotvec(angle[:, None] * [0, 0, 1]).as_matrix()
    rotations[:, 0] = spin @ rotations[:, 0]
    root = ball + np.einsum("nab,nb->na", spin, root - ball)
    np.testing.assert_allclose(feet(rotations, root)[:, 2], np.broadcast_to(ball, (60, 3)), atol=1e-9)
    found = lock(rotations, root, 1.0, FPS)
    after = feet(found.rotations, found.root)
    np.testing.assert_allclose(after[:, 2], np.broadcast_to(ball, (60, 3)), atol=0.02)
    foot = after[:, 2] - after[:, 0]
    turned = np.unwrap(np.arctan2(foot[:, 1], foot[:, 0]))
    assert turned[-1] - turned[0] == pytest.approx(angle[-1], abs=0.15)
    np.testing.assert_allclose(after[:, 0], feet(rotations, root)[:, 0], atol=0.03)


def test_a_glide_is_not_pinned() -> None:
    """A foot that is carried over the floor by 3 m/s does not stand, and legs are not torn."""
    rotations, root = standing(60)
    carried = root + np.arange(60)[:, None] * [0.1, 0, 0]
    found = lock(rotations, carried, 1.0, FPS)
    assert np.abs(found.feet_moved).max() < 0.08
    assert found.root[-1, 0] - found.root[0, 0] > 4


def test_legs_move_their_feet_no_farther_than_their_reach() -> None:
    """30 mm across the picture, 120 mm in depth, 60 mm upwards or downwards."""
    rng = np.random.default_rng(0)
    noise = Rotation.from_rotvec(rng.normal(0, 0.15, (90 * 24, 3))).as_matrix().reshape(90, 24, 3, 3)
    rotations, root = standing(90)
    found = lock(rotations @ noise, root + rng.normal(0, 0.1, (90, 3)), 1.0, FPS)
    moved = feet(found.rotations, found.root) - feet(rotations @ noise, found.root)
    assert (np.abs(moved[:, :2]).max((0, 1)) < [0.0301, 0.1201, 0.0601]).all()
    assert np.isfinite(found.rotations).all()
    assert (found.left[~found.contacts] == 0).all()


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_few_frames(count: int) -> None:
    found = lock(*standing(count), 1.0, FPS)
    assert np.isfinite(found.rotations).all()
    assert np.isfinite(found.root).all()


def test_no_contact_and_unseen_feet_change_nothing() -> None:
    rotations, root, _ = walking(60)
    high = root + np.array([0, 0, 2.0])
    aloft = lock(rotations, high, 1.0, FPS)
    unseen = lock(rotations, root, 1.0, FPS, np.zeros((60, 4)))
    for found, given in ((aloft, high), (unseen, root)):
        assert not found.contacts.any()
        np.testing.assert_allclose(found.rotations, rotations, atol=1e-9)
        np.testing.assert_allclose(found.root, given, atol=0.01)


def test_straight_and_folded_legs_stay_finite() -> None:
    rotations = np.tile(np.eye(3), (30, 24, 1, 1))
    rotations[:, 0] = UPRIGHT
    rotations[15:, [4, 5]] = Rotation.from_rotvec([np.pi, 0, 0]).as_matrix()
    found = lock(rotations, np.zeros((30, 3)), 1.0, FPS)
    assert np.isfinite(found.rotations).all()
    assert np.linalg.norm(SMPL_OFFSETS[4]) == pytest.approx(
        np.linalg.norm(np.diff(forward_kinematics(found.rotations)[:, [1, 4]], axis=1), axis=2).max()
    )

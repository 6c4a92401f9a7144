"""Rotations fitted to positions give these positions back."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from popdanceset.motion.joint_motion import mean_body
from training.motion.inverse_kinematics import fit_rotations


@given(seed=st.integers(0, 10_000), spread=st.floats(0, 1.5))
def test_positions_of_the_mean_body_are_met(seed, spread):
    draw = np.random.default_rng(seed)
    joints = mean_body(draw.normal(0, spread, (3, 24, 3)), draw.normal(0, 1, (3, 3)))
    again = mean_body(fit_rotations(joints), joints[:, 0])
    np.testing.assert_allclose(again, joints, atol=2e-5)


def test_directions_of_another_body_are_met(dance):
    made = dance(10)
    again = mean_body(fit_rotations(2 * made.joints), 2 * made.joints[:, 0])
    limbs = [(1, 4), (4, 7), (16, 18), (18, 20), (12, 15)]
    for start, end in limbs:
        ours, theirs = again[:, end] - again[:, start], made.joints[:, end] - made.joints[:, start]
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_limbs_that_turn_round_are_met():
    """An elbow that folds right back: the shortest way is not unique."""
    poses = np.zeros((1, 24, 3))
    poses[0, 18] = Rotation.from_euler("z", 180, degrees=True).as_rotvec()
    joints = mean_body(poses, np.zeros((1, 3)))
    np.testing.assert_allclose(mean_body(fit_rotations(joints), np.zeros((1, 3))), joints, atol=1e-5)


def test_a_body_in_one_point_gives_rotations():
    assert np.isfinite(fit_rotations(np.zeros((2, 24, 3)))).all()

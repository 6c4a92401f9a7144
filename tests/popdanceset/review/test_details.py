"""The curves of the timeline are what their definitions say."""

import numpy as np
import pytest

from popdanceset.motion.floor import footing
from popdanceset.review.details import jerk, timeline
from popdanceset.review.rooms import Motion


def motion(dance, scores=None):
    joints = dance.joints.astype(np.float64)
    root = joints[:, 0]
    return Motion(root, joints - root[:, None], 1.0, None, scores)


def test_jerk_is_the_third_derivative():
    time = np.arange(40) / 30
    joints = np.zeros((40, 24, 3))
    joints[:, 5] = time[:, None] ** 3 * [1.0, 2.0, 2.0]  # 6·(1, 2, 2) m/s³, of one joint in 24
    np.testing.assert_allclose(jerk(joints), 18 / 24, rtol=1e-6)


def test_a_jolt_shows_where_it_is():
    joints = np.zeros((60, 24, 3))
    joints[30:] += 0.01
    found = jerk(joints)
    assert found.argmax() in (28, 29, 30, 31)
    assert found[:27].max() == found[33:].max() == 0


@pytest.mark.parametrize("frames", [1, 2, 3, 4])
def test_short_clips_have_curves_too(dance, frames):
    short = motion(dance(frames))
    assert {len(curve) for curve in timeline(short).values() if curve is not None} == {frames}


def test_feet_on_the_floor_are_those_of_the_measured_contact(dance):
    moving = motion(dance(120, seed=3))
    found = timeline(moving)
    either = np.maximum(found["contact_left"], found["contact_right"])
    measured = footing(moving.root, moving.relative, 1.0, 30)
    assert either.mean() == pytest.approx(measured.contact)
    assert either.mean() > 0


def test_a_foot_that_is_lifted_is_not_on_the_floor(dance):
    still = motion(dance(30))
    flying = Motion(still.root + np.array([0, 0, 1]), still.relative, 1.0, None, None)
    assert set(timeline(flying)["contact_left"]) == {0}
    left = still.relative.copy()
    left[:, [7, 10], 2] += 0.5
    found = timeline(Motion(still.root, left, 1.0, None, None))
    assert set(found["contact_left"]) == {0}


def test_confidence_leaves_out_the_points_that_are_no_joints(dance):
    scores = np.full((30, 29), 0.5)
    scores[:, 24:] = 0.0
    assert set(timeline(motion(dance(30), scores))["confidence"]) == {0.5}
    assert timeline(motion(dance(30)))["confidence"] is None

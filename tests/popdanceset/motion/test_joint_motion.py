"""Frame rates of joint motions, and the motions of a release."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from popdanceset.motion.joint_motion import JointMotion, motions_from_release, resampled
from popdanceset.release.reader import Release


@given(fps=st.sampled_from([24.0, 25.0, 29.97, 48.0, 50.0, 60.0, 120.0]), frames=st.integers(2, 200))
def test_a_straight_line_stays_one_at_any_rate(fps, frames):
    time = np.arange(frames) / fps
    joints = np.broadcast_to(time[:, None, None], (frames, 24, 3))

    motion = resampled(JointMotion("a", joints, fps), 30)

    assert motion.fps == 30
    np.testing.assert_allclose(motion.joints[:, 0, 0], np.arange(len(motion.joints)) / 30, atol=1e-6)
    assert len(motion.joints) / 30 == pytest.approx(frames / fps, abs=1 / 30 + 1 / fps)


def test_every_second_frame_of_60_fps_is_unchanged(dance):
    joints = dance(41, fps=60).joints
    np.testing.assert_array_equal(resampled(JointMotion("a", joints, 60), 30).joints, joints[::2])
    assert resampled(JointMotion("a", joints[:1], 60), 30).fps == 60


def test_a_release_is_read_on_bodies_of_mean_size(release_dir, synthetic):
    with Release(release_dir) as release:
        for split in ("train", "test"):
            motions = motions_from_release(release, split)
            assert [m.name for m in motions] == release.clip_ids(split)
        frames = release.frames(motions[0].name)
    # Root positions of a body 1.1 times as large.
    np.testing.assert_allclose(motions[0].joints[:, 0], frames["smpl_trans"] / 1.1, rtol=1e-6)
    lengths = np.linalg.norm(motions[0].joints[:, 1] - motions[0].joints[:, 0], axis=-1)
    np.testing.assert_allclose(lengths, 0.1026, atol=1e-3)

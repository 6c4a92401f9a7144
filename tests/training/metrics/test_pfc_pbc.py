"""PFC and PBC on bodies whose contacts are known, and against the released code."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from popdanceset.errors import InputError
from training.metrics.pbc import pbc
from training.metrics.pfc import pfc

FRAMES = 5


def slides(speed: float = 0.02) -> np.ndarray:
    """A body whose root jerks after frame 2 and whose feet slide `speed` per frame; the rest is fixed."""
    joints = np.zeros((FRAMES, 24, 3))
    joints[3:, 0, 0] = 0.1
    joints[:, [7, 10, 8, 11], 1] = speed * np.arange(FRAMES)[:, None]
    return joints


def test_pfc_by_hand() -> None:
    # Second differences of the root: 0, 0.1, −0.1; over their maximum: 0, 1, 1; feet move 0.02 each frame.
    assert pfc(slides(), 30).value == pytest.approx(1e4 * 2 / 3 * 0.02 * 0.02)


def test_one_standing_foot_is_enough() -> None:
    joints = slides()
    joints[:, 11] = 0  # the right toe stands, whatever its ankle does
    assert pfc(joints, 30).value == 0


def test_falling_needs_no_foot() -> None:
    joints = slides()
    joints[:, 0] = 0
    joints[:, 0, 2] = -0.01 * np.arange(FRAMES) ** 2
    assert pfc(joints, 30).value == 0
    assert pfc(-joints, 30).value > 0


def test_pbc_by_hand() -> None:
    joints = np.zeros((FRAMES, 24, 3))
    joints[3:, 13, 0] = 0.1  # left collar jerks at frame 2: shares 0, 1, 1
    joints[:, 20, 2] = 0.03 * np.arange(FRAMES)
    joints[:, 22, 2] = 0.05 * np.arange(FRAMES)
    joints[:, 15, 2] = 0.04 * np.arange(FRAMES)  # the head moves, but the neck does not drive it
    assert pbc(joints, 30).value == pytest.approx(1e4 * 0.01 * 0.03 * 2 / 3)
    assert pbc(joints, 30, weighted=False).value == pytest.approx(1e4 * 0.03 * 2 / 3)
    assert (
        pbc(joints, 30).flag
        == "motionless root; motionless base of the right hand; motionless base of the head"
    )


def test_pbc_subtracts_pfc() -> None:
    assert pbc(slides(), 30).value == pytest.approx(-pfc(slides(), 30).value)


@pytest.mark.parametrize("mode", ["corrected", "released"])
def test_a_motionless_root_is_flagged(mode: str, dance: np.ndarray) -> None:
    still = dance.copy()
    still[:, 0] = [1, 2, 3]
    assert pfc(still, 30, mode).value == 0
    assert pfc(still, 30, mode).flag == "motionless root"
    motionless = np.tile(dance[:1], (20, 1, 1))
    assert pbc(motionless, 30, mode).value == 0
    assert "motionless base of the head" in pbc(motionless, 30, mode).flag


def test_rounding_errors_do_not_count_as_acceleration(dance: np.ndarray) -> None:
    trembling = dance.copy()
    trembling[:, 0] = [3.0, 3.0, 1.0]
    trembling[::2, 0] += 1e-7
    assert pfc(trembling, 30).flag == "motionless root"


@given(yaw=st.floats(-np.pi, np.pi), x=st.floats(-5, 5), y=st.floats(-5, 5), seed=st.integers(0, 50))
def test_rotated_and_shifted_dances_have_the_same_score(yaw: float, x: float, y: float, seed: int) -> None:
    joints = np.random.default_rng(seed).normal(size=(12, 24, 3)).cumsum(axis=0)
    moved = Rotation.from_euler("z", yaw).apply(joints.reshape(-1, 3)).reshape(joints.shape) + np.array(
        [x, y, 0]
    )
    assert pfc(moved, 30).value == pytest.approx(pfc(joints, 30).value, rel=1e-9)
    assert pbc(moved, 30).value == pytest.approx(pbc(joints, 30).value, rel=1e-9)


def test_the_frame_rate_hardly_matters_when_corrected() -> None:
    seconds = np.arange(0, 4, 1 / 30), np.arange(0, 4, 1 / 60)
    swings = [
        np.sin(2 * t[:, None, None] + np.arange(24)[:, None] + np.array([0, 1, 2]) * 0.7) * 0.3
        for t in seconds
    ]
    for score in (pfc, pbc):
        at_30, at_60 = score(swings[0], 30).value, score(swings[1], 60).value
        assert at_60 == pytest.approx(at_30, rel=0.01)
        assert abs(score(swings[1], 60, "released").value) < 0.6 * abs(at_30)


def test_bad_motions_get_one_line(dance: np.ndarray) -> None:
    with pytest.raises(InputError, match="2 frames are too few, 3 are needed"):
        pfc(dance[:2], 30)
    with pytest.raises(InputError, match=r"joints are \(frames, 24, 3\), not \(90, 22, 3\)"):
        pbc(dance[:, :22], 30)
    spoilt = dance.copy()
    spoilt[5:8, 3] = np.nan
    with pytest.raises(InputError, match="3 frames hold NaN or infinity, the first is 5"):
        pfc(spoilt, 30)
    with pytest.raises(InputError, match="fps is 0"):
        pfc(dance, 0)
    with pytest.raises(InputError, match="int64, not floating point"):
        pfc(dance.astype(int), 30)


def test_the_released_codes_numbers(golden, expected) -> None:
    for part, clips in golden.items():
        for clip in clips:
            numbers = expected[part]["per_motion"][clip.name]
            assert pfc(clip.joints, 30, "released").value == pytest.approx(numbers["PFC"], rel=1e-12)
            assert pbc(clip.joints, 30, "released").value == pytest.approx(numbers["PBC"], rel=1e-6)

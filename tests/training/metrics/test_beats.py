"""Beats of invented pauses, their alignment, and the beats of the released code."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import argrelmin
from scipy.spatial.transform import Rotation

from popdanceset.errors import InputError
from training.metrics.beats import (
    beat_align_score,
    beat_coverage,
    beat_hit_rate,
    motion_beats,
    nearest,
)


def pausing(frames: int, pauses: list[int], width: float = 4.0) -> np.ndarray:
    """A body that moves forwards and slows down around some frames."""
    places = np.arange(frames)
    speed = np.full(frames, 0.1)
    for pause in pauses:
        speed -= 0.09 * np.exp(-(((places - pause) / width) ** 2))
    speed[0] = 0
    joints = np.zeros((frames, 24, 3))
    joints[..., 0] = np.cumsum(speed)[:, None]
    return joints


def test_pauses_are_beats() -> None:
    assert motion_beats(pausing(100, [20, 45, 80]), 30.0).tolist() == [20, 45, 80]


def test_early_pauses_are_beats_except_in_released_mode() -> None:
    joints = pausing(100, [6, 45])
    assert motion_beats(joints, 30.0).tolist() == [6, 45]
    assert motion_beats(joints, 30.0, "released").tolist() == [45]


def test_neighbours_are_counted_in_seconds() -> None:
    joints = pausing(200, [40, 52, 120], width=3)
    joints[52:, :, 0] += 0.001  # the second of two close pauses is less deep
    assert motion_beats(joints, 30.0).tolist() == [40, 52, 120]  # 10 frames on each side
    assert motion_beats(joints, 60.0).tolist() == [40, 120]  # 20 frames on each side


def test_a_long_pause_is_one_beat_in_its_middle() -> None:
    speed = np.full(60, 0.1)
    speed[25:30] = 0.02
    joints = np.tile(np.cumsum(speed)[:, None, None], (1, 24, 3))
    assert motion_beats(joints, 30.0).tolist() == [27]
    assert motion_beats(joints, 30.0, "released").tolist() == []


def test_a_motionless_dancer_has_no_beats() -> None:
    for mode in ("corrected", "released"):
        assert motion_beats(np.ones((60, 24, 3)), 30.0, mode).tolist() == []
        assert motion_beats(np.ones((3, 24, 3)), 30.0, mode).tolist() == []


@given(seed=st.integers(0, 200), frames=st.integers(3, 120))
def test_strict_minima_are_those_of_scipy(seed: int, frames: int) -> None:
    joints = np.random.default_rng(seed).normal(size=(frames, 24, 3))
    speeds = np.linalg.norm(np.diff(joints, axis=0), axis=2).sum(axis=1)
    assert motion_beats(joints, 30.0).tolist() == (argrelmin(speeds, order=10)[0] + 1).tolist()


@given(yaw=st.floats(-np.pi, np.pi), x=st.floats(-5, 5), y=st.floats(-5, 5), seed=st.integers(0, 50))
def test_rotated_and_shifted_dances_have_the_same_score(yaw: float, x: float, y: float, seed: int) -> None:
    joints = np.random.default_rng(seed).normal(size=(80, 24, 3)).cumsum(axis=0)
    moved = Rotation.from_euler("z", yaw).apply(joints.reshape(-1, 3)).reshape(joints.shape) + np.array(
        [x, y, 0]
    )
    music = np.arange(4, 80, 15)
    scores = [beat_align_score(motion_beats(each, 30.0), music).value for each in (joints, moved)]
    assert scores[0] == scores[1]


@given(st.lists(st.integers(0, 500), min_size=1, unique=True).map(sorted).map(np.array))
def test_beats_that_coincide_align_perfectly(beats: np.ndarray) -> None:
    for direction in ("motion", "music"):
        assert beat_align_score(beats, beats, direction=direction).value == 1
    assert beat_align_score(beats, beats, mode="released").value == 1
    assert beat_hit_rate(beats, beats, 30.0).value == 1


def test_a_dance_on_the_beat_scores_1() -> None:
    joints = pausing(120, [20, 50, 80])
    assert beat_align_score(motion_beats(joints, 30.0), np.array([20, 50, 80])).value == 1


def test_alignment_by_hand() -> None:
    motion, music = np.array([10, 33]), np.array([10, 30, 100])
    assert beat_align_score(motion, music).value == pytest.approx((1 + np.exp(-0.5)) / 2)
    by_music = (1 + np.exp(-0.5) + np.exp(-(67**2) / 18)) / 3
    assert beat_align_score(motion, music, direction="music").value == pytest.approx(by_music)
    # The same 0.1 s at twice the rate; the released code does not know the rate.
    assert beat_align_score(2 * motion, 2 * music, 60.0).value == pytest.approx((1 + np.exp(-0.5)) / 2)
    assert beat_align_score(2 * motion, 2 * music, 60.0, "released").value == pytest.approx(
        (1 + np.exp(-2)) / 2
    )


def test_hits_and_coverage_by_hand() -> None:
    motion, music = np.array([10, 33, 64]), np.array([10, 30, 60, 90])
    assert beat_hit_rate(motion, music, 30.0).value == pytest.approx(2 / 3)
    assert beat_hit_rate(motion, music, 30.0, tolerance=0.05).value == pytest.approx(1 / 3)
    # 10 and 30 are danced, 60 is missed by 4 frames, 90 by far.
    assert beat_hit_rate(motion, music, 30.0, direction="music").value == pytest.approx(2 / 4)
    assert beat_hit_rate(np.array([10]), music, 30.0).value == 1  # one pause, on a beat
    assert beat_hit_rate(np.array([10]), music, 30.0, direction="music").value == pytest.approx(1 / 4)
    assert beat_coverage(motion, music).value == 0.75


@given(
    st.lists(st.integers(0, 99), min_size=1).map(np.array),
    st.lists(st.integers(0, 99), min_size=1).map(np.array),
)
def test_nearest_is_the_least_distance(beats: np.ndarray, others: np.ndarray) -> None:
    assert nearest(beats, others).tolist() == np.abs(beats[:, None] - others).min(axis=1).tolist()


def test_missing_beats_are_flagged() -> None:
    some, none = np.array([10, 20]), np.array([], dtype=int)
    for mode in ("corrected", "released"):
        assert beat_align_score(none, some, mode=mode).flag == "no motion beats"
        assert beat_align_score(some, none, mode=mode).flag == "no music beats"
        assert beat_align_score(none, some, mode=mode).value == 0
    assert beat_hit_rate(none, some, 30.0).flag == "no motion beats"
    assert beat_hit_rate(some, none, 30.0).flag == "no music beats"
    assert beat_coverage(none, some).flag == "no motion beats"
    assert beat_coverage(some, none).flag == "no music beats"


def test_an_unknown_direction_is_an_error() -> None:
    with pytest.raises(InputError, match="direction of the beat alignment is 'sideways'"):
        beat_align_score(np.array([1]), np.array([1]), direction="sideways")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("protocol", "music_frames"), [("beat_align_300", 300), ("beat_align_music_truncated_150", 150)]
)
def test_the_released_codes_beats(protocol: str, music_frames: int, golden, expected) -> None:
    for part, clips in golden.items():
        numbers = expected[part][protocol]
        for clip in clips:
            name = clip.name.removeprefix("test_").removesuffix("_Clip_1.pkl")
            found = motion_beats(clip.joints, 30.0, "released")
            assert found.tolist() == numbers["motion_beat_frames"][name]
            music = clip.music_beats[clip.music_beats < music_frames]
            assert beat_align_score(found, music, mode="released").value == numbers["per_file"][name]

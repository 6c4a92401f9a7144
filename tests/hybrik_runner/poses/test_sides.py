"""Left and right exchanged for a frame are put back; what is right stays as it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from hybrik_runner.blazepose.inverse_kinematics import inverse_kinematics
from hybrik_runner.estimator import Poses
from hybrik_runner.poses.sides import COCO_SIDES, PARTS, SMPL_SIDES, exchanged, exchanges, restored
from hybrik_runner.poses.table import build, put_back
from popdanceset.motion.forward_kinematics import forward_kinematics
from popdanceset.settings import Settings

PAIRS = {"trunk": ((0, 1),), "arms": ((2, 3),), "legs": ((4, 5),)}


def walk(count: int = 30) -> np.ndarray:
    """(count, 6, 3): three pairs that sway, half a metre apart."""
    times = np.arange(count) / 30
    points = np.zeros((count, 6, 3))
    points[:, ::2, 0], points[:, 1::2, 0] = -0.25, 0.25
    points[:, :, 1] = 0.3 * np.sin(2 * times)[:, None]
    points[:, :, 2] = np.repeat([1.4, 1.1, 0.5], 2)
    return points


def flags(count: int, runs: dict[int, tuple[int, ...]]) -> np.ndarray:
    result = np.zeros((count, 3), bool)
    for frame, parts in runs.items():
        result[frame, list(parts)] = True
    return result


@pytest.mark.parametrize(
    "runs",
    [
        {10: (0, 1, 2)},
        {5: (1,), 20: (2,)},
        {10: (0,), 12: (0,), 14: (0,)},
        {10: (2,), 11: (2,)},
        {10: (1,), 11: (1,), 12: (1,)},
        {1: (0,), 28: (1,)},
    ],
)
def test_exchanged_frames_are_found_in_their_part(runs: dict[int, tuple[int, ...]]) -> None:
    points, times = walk(), np.arange(30) / 30
    wrong = exchanged(points, flags(30, runs), PAIRS)
    found = exchanges(wrong, times, PAIRS)
    assert (found == flags(30, runs)).all()
    assert (exchanged(wrong, found, PAIRS) == points).all()


@pytest.mark.parametrize(
    "runs", [{}, dict.fromkeys(range(10, 20), (0, 1, 2)), dict.fromkeys(range(15, 30), (0,))]
)
def test_what_is_right_or_cannot_be_known_stays(runs: dict[int, tuple[int, ...]]) -> None:
    wrong = exchanged(walk(), flags(30, runs), PAIRS)
    assert not exchanges(wrong, np.arange(30) / 30, PAIRS).any()


def test_a_dancer_who_spins_twice_a_second_is_never_exchanged() -> None:
    for fps in (12, 24, 30, 60):
        times = np.arange(2 * fps) / fps
        angle = 4 * np.pi * times
        points = walk(len(times))
        radius = points[..., 0].copy()
        points[..., 0], points[..., 1] = radius * np.cos(angle)[:, None], radius * np.sin(angle)[:, None]
        assert not exchanges(points, times, PAIRS).any()


def test_frames_that_lie_far_apart_in_time_prove_nothing() -> None:
    wrong = exchanged(walk(), flags(30, {10: (0, 1, 2)}), PAIRS)
    assert not exchanges(wrong, np.arange(30) / 5, PAIRS).any()


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_frames(count: int) -> None:
    assert not exchanges(walk(count), np.arange(count) / 30, PAIRS).any()


def angles(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    cosine = (np.einsum("nkab,nkab->nk", a, b) - 1) / 2
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


@pytest.mark.parametrize("parts", [PARTS, ("arms",), ("legs",)])
def test_poses_of_any_estimator(sway: Callable[..., Poses], parts: tuple[str, ...]) -> None:
    """The rotations of an exchanged frame come back to within a few degrees, its keypoints exactly."""
    times = np.arange(60) / 30
    right = sway(times, np.ones(60, bool))
    wrong_frames = np.zeros((60, 3), bool)
    wrong_frames[np.ix_([20, 40], [PARTS.index(part) for part in parts])] = True
    joints = exchanged(forward_kinematics(right.rotations, right.scaling), wrong_frames, SMPL_SIDES)
    rotations = np.array(right.rotations)
    rotations[[20, 40]] = inverse_kinematics(joints[[20, 40]])
    wrong = replace(
        right,
        rotations=rotations,
        keypoints3d=exchanged(right.keypoints3d, wrong_frames, COCO_SIDES),
        keypoints2d=exchanged(right.keypoints2d, wrong_frames, COCO_SIDES),
    )
    assert angles(wrong.rotations, right.rotations).max() > 25
    again = restored(wrong)
    assert again.exchanged == (20 / 30, 40 / 30)
    assert angles(again.rotations, right.rotations).max() < 20
    assert np.abs(again.keypoints3d - right.keypoints3d).max() < 1e-9
    assert np.abs(again.keypoints2d - right.keypoints2d).max() < 1e-9
    assert restored(right) is right


def test_the_table_marks_them(sway: Callable[..., Poses], settings: Settings) -> None:
    poses = sway(np.arange(60) / 30, np.ones(60, bool))
    wrong_frames = flags(60, {30: (0, 1, 2)})
    wrong = replace(poses, keypoints2d=exchanged(poses.keypoints2d, wrong_frames, COCO_SIDES))
    quality = build("c", wrong, "fake", settings)
    assert quality.exchanged == (1.0,)
    assert quality.table is not None
    assert put_back(quality.table) == [30]
    earlier = build("c", replace(poses, exchanged=(0.5, 2.5)), "fake", settings)
    assert earlier.exchanged == (0.5,)  # the clip ends before the other one
    assert earlier.table is not None
    assert put_back(earlier.table) == [15]

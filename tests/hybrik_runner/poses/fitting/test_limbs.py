"""Limbs whose depths a network draws towards the picture come back with the lengths of their bones."""

from __future__ import annotations

import numpy as np
import pytest

from hybrik_runner.poses.fitting.limbs import BONES, GROUPS, LENGTHS, settled
from popdanceset.motion.accuracy import pa_mpjpe

TIMES = np.arange(60) / 30
DISTANCE = np.full(60, 4.0)


def moving(lengths: np.ndarray = LENGTHS) -> np.ndarray:
    """(60, 12, 3) shoulders, elbows, wrists, hips, knees, ankles about the hips, camera axes (y down): limbs
    swing to and fro."""
    phase = 2 * np.pi * TIMES
    joints = np.zeros((60, 12, 3))
    for side, sign in ((0, 1), (1, -1)):
        joints[:, side] = [sign * lengths[4] / 2, -np.sqrt(lengths[6] ** 2 - 0.005), 0.0]
        joints[:, 6 + side] = [sign * lengths[5] / 2, 0.0, 0.0]
        for start, upper, lower, reach in ((side, 0, 1, 0.9), (6 + side, 2, 3, 0.6)):
            swing, bend = reach * np.sin(phase + sign), 0.5 + 0.4 * np.sin(2 * phase)
            for joint, length, angle in ((start, upper, swing), (start + 2, lower, swing + bend)):
                step = np.stack([0.3 * np.cos(angle), np.cos(angle), -np.sin(angle)], axis=1)
                step *= lengths[length] / np.linalg.norm(step, axis=1, keepdims=True)
                joints[:, joint + 2] = joints[:, joint] + step
    return joints


def rays(joints: np.ndarray) -> np.ndarray:
    return np.asarray(joints[..., :2] / (joints[..., 2:] + DISTANCE[:, None, None]))


def drawn(joints: np.ndarray, share: float) -> np.ndarray:
    """Joints with a share of their depths, and noise."""
    noise = np.random.default_rng(0).normal(0, [0.005, 0.005, 0.02], joints.shape)
    return joints * [1, 1, share] + noise


def test_depths_come_back() -> None:
    truth = moving()
    seen = drawn(truth, 0.5)
    found = settled(rays(truth), seen, DISTANCE, np.ones((60, 12)), TIMES)
    assert pa_mpjpe(found.points, truth) < 0.6 * pa_mpjpe(seen, truth)
    long = np.linalg.norm(found.points[:, BONES[:8, 1]] - found.points[:, BONES[:8, 0]], axis=2)
    assert long.std(0).max() < 0.02


def test_lengths_are_found() -> None:
    """Of somebody with long legs and short arms; people's proportions hold them back."""
    lengths = LENGTHS * [0.95, 0.95, 1.06, 1.06, 1.0, 1.0, 1.0]
    truth = moving(lengths)
    found = settled(rays(truth), drawn(truth, 0.8), DISTANCE, np.ones((60, 12)), TIMES)
    ratio = found.lengths / LENGTHS
    assert 1.04 < ratio[2] / ratio[0] < 1.06 / 0.95


def test_lengths_that_an_estimator_keeps_are_believed() -> None:
    lengths = LENGTHS * [1.2, 1.0, 1.0, 0.8, 1.0, 0.7, 1.0]
    truth = moving(lengths)
    found = settled(rays(truth), truth, DISTANCE, np.ones((60, 12)), TIMES)
    assert found.lengths / lengths == pytest.approx(np.ones(len(LENGTHS)), abs=0.04)


def test_both_sides_are_alike() -> None:
    sides = BONES[:8].reshape(4, 2, 2)
    assert (GROUPS[:8].reshape(4, 2) == np.arange(4)[:, None]).all()
    assert (sides[:, 1] == sides[:, 0] + 1).all()


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_frames(count: int) -> None:
    truth = moving()[:count]
    found = settled(rays(moving())[:count], truth, DISTANCE[:count], np.ones((count, 12)), TIMES[:count])
    assert np.isfinite(found.points).all()
    assert 0.5 < found.scaling < 2

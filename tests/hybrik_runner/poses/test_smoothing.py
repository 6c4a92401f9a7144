"""Smoothing against a direct weighted sum."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from hybrik_runner.poses.smoothing import smooth, smooth_rotations


def test_direct_weighted_mean_at_uneven_times() -> None:
    rng = np.random.default_rng(0)
    times = np.cumsum(rng.uniform(0.01, 0.09, 40))
    values = rng.normal(size=(40, 2))
    sigma = 0.08
    distance = np.abs(times[:, None] - times)
    weights = np.where(distance <= 3 * sigma, np.exp(-(distance**2) / (2 * sigma**2)), 0)
    expected = weights @ values / weights.sum(1, keepdims=True)
    np.testing.assert_allclose(smooth(values, times, sigma), expected, atol=1e-12)


def test_nothing_is_smoothed_with_no_window() -> None:
    values = np.random.default_rng(1).normal(size=(10, 3))
    np.testing.assert_array_equal(smooth(values, np.arange(10.0), 0.0), values)


def test_a_gap_is_not_smeared_over() -> None:
    times = np.array([0.0, 0.03, 0.06, 2.0, 2.03, 2.06])
    values = np.array([0.0, 0, 0, 1, 1, 1])
    np.testing.assert_array_equal(smooth(values, times, 0.05), values)


def test_rotations_about_one_axis_are_smoothed_like_their_angles() -> None:
    times = np.arange(60) / 30
    angles = 3 * times + 0.02 * np.random.default_rng(2).normal(size=60)
    matrices = Rotation.from_rotvec(angles[:, None] * [0, 0, 1.0]).as_matrix()[:, None]
    found = Rotation.from_matrix(smooth_rotations(matrices, times, 0.04)[:, 0]).as_rotvec()[:, 2]
    expected = smooth(angles, times, 0.04)
    np.testing.assert_allclose(np.exp(1j * found), np.exp(1j * expected), atol=2e-3)


def test_results_are_rotations() -> None:
    matrices = Rotation.random(50, random_state=3).as_matrix().reshape(10, 5, 3, 3)
    found = smooth_rotations(matrices, np.arange(10) / 30, 0.05)
    np.testing.assert_allclose(
        found @ np.swapaxes(found, -1, -2), np.broadcast_to(np.eye(3), found.shape), atol=1e-9
    )
    np.testing.assert_allclose(np.linalg.det(found), 1)

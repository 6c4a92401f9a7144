"""Figures of merit on cases whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.spatial.transform import Rotation

from popdanceset.motion import accuracy


def test_a_similarity_costs_nothing() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(20, 12, 3))
    turns = Rotation.random(20, random_state=1).as_matrix()
    points = np.einsum("nab,nkb->nka", turns, truth) * rng.uniform(0.2, 3, (20, 1, 1)) + rng.normal(
        size=(20, 1, 3)
    )
    assert accuracy.pa_mpjpe(points, truth) == pytest.approx(0, abs=1e-9)


def test_a_mirror_image_does_cost() -> None:
    truth = np.random.default_rng(1).normal(size=(5, 12, 3))
    assert accuracy.pa_mpjpe(truth * [-1, 1, 1], truth) > 0.1


def test_no_rigid_motion_does_better() -> None:
    rng = np.random.default_rng(2)
    truth = rng.normal(size=(1, 12, 3))
    points = truth + 0.1 * rng.normal(size=truth.shape)
    best = ((accuracy.procrustes(points, truth) - truth) ** 2).sum()
    for seed in range(30):
        turn = Rotation.from_rotvec(0.05 * np.random.default_rng(seed).normal(size=3)).as_matrix()
        moved = accuracy.procrustes(points, truth) @ turn.T + 0.01 * rng.normal(size=3)
        assert ((moved - truth) ** 2).sum() >= best


def test_jitter_of_constant_acceleration_at_uneven_times() -> None:
    times = np.cumsum(np.random.default_rng(3).uniform(0.01, 0.1, 30))
    points = 0.5 * 9.81 * times[:, None, None] ** 2 * np.array([0, 0, -1.0])
    assert accuracy.jitter(points, times) == pytest.approx(9.81)


def test_jitter_of_too_few_frames_is_zero() -> None:
    assert accuracy.jitter(np.zeros((2, 24, 3)), np.array([0, 1 / 30])) == 0


def test_acceleration_error() -> None:
    times = np.arange(30)[:, None, None] / 30
    truth = np.zeros((30, 12, 3))
    assert accuracy.acceleration_error(truth + 2.0 * times**2 * [1, 0, 0], truth, 30) == pytest.approx(4.0)
    assert accuracy.acceleration_error(truth + times, truth, 30) == pytest.approx(0, abs=1e-9)


def test_root_translation_error_is_a_share_of_the_path_and_knows_no_scale() -> None:
    path = np.zeros((101, 3))
    path[:, 0] = np.linspace(0, 2, 101)
    moved = path @ Rotation.from_rotvec([0, 0, 1.2]).as_matrix().T + [3, 4, 5]
    assert accuracy.root_translation_error(moved, path) == pytest.approx(0, abs=1e-9)
    # Twice the way: points of a path of 2 m lie 0 … 1 m from where they belong, half a metre in the mean.
    assert accuracy.root_translation_error(2 * path, path) == pytest.approx(0.25, rel=0.02)


def path_of(count: int, seed: int = 5) -> np.ndarray:
    return np.cumsum(np.random.default_rng(seed).normal(0, 0.02, (count, 3)), axis=0)


def test_root_translation_error_is_what_no_rigid_motion_removes() -> None:
    """Compared with a search over rotations and shifts by a general optimiser."""
    truth = path_of(40)
    seen = 1.1 * path_of(40) @ Rotation.from_euler("xyz", [20, -40, 70], degrees=True).as_matrix().T + 3.0
    seen += np.random.default_rng(6).normal(0, 0.01, seen.shape)

    def distance(motion: np.ndarray) -> np.ndarray:
        return Rotation.from_rotvec(motion[:3]).apply(seen) + motion[3:] - truth

    tries = [
        minimize(lambda motion: (distance(motion) ** 2).sum(), [*start, *-seen.mean(0)], method="BFGS")
        for start in np.random.default_rng(7).normal(0, 1.5, (12, 3))
    ]
    best = min(tries, key=lambda found: found.fun)
    length = sum(np.linalg.norm(truth[i + 1] - truth[i]) for i in range(39))
    expected = np.linalg.norm(distance(best.x), axis=1).mean() / length
    assert accuracy.root_translation_error(seen, truth) == pytest.approx(expected, rel=1e-3)


def test_foot_sliding_counts_where_the_truth_stands() -> None:
    """Frame by frame and point by point; at twice the rate, steps are half as long."""
    rng = np.random.default_rng(8)
    truth = np.cumsum(rng.uniform(0, 0.009, (50, 4, 3)), axis=0)
    seen = truth + np.cumsum(rng.normal(0, 0.004, truth.shape), axis=0)
    for fps, limit in ((30.0, 0.01), (60.0, 0.005)):
        moved = [
            np.linalg.norm(seen[t + 1, k] - seen[t, k]) * fps / 30
            for t in range(49)
            for k in range(4)
            if np.linalg.norm(truth[t + 1, k] - truth[t, k]) < limit
        ]
        assert moved
        assert accuracy.foot_sliding(seen, truth, fps) == pytest.approx(np.mean(moved))
    assert accuracy.foot_sliding(seen, 10 * truth + np.arange(50)[:, None, None], 30.0) == 0

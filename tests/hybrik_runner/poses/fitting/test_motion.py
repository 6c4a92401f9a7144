"""Banded equations are those of the whole matrix; accelerations are those of uneven steps too."""

from __future__ import annotations

import numpy as np
import pytest

from hybrik_runner.poses.fitting.motion import Accelerations, Common, step

TIMES = np.array([0, 0.03, 0.05, 0.09, 0.5, 0.53, 0.57])


def test_constant_accelerations_at_uneven_times() -> None:
    falling = np.column_stack([3 + 2 * TIMES - 4.905 * TIMES**2, TIMES])
    found = Accelerations.at(TIMES).of_steps(np.diff(falling, axis=0))
    assert found[[0, 1, 4]] == pytest.approx(np.tile([-9.81, 0], (3, 1)))
    assert not found[[2, 3]].any(), "0.4 s without frames"


@pytest.mark.parametrize("shared", [0, 2])
@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_the_step_solves_the_whole_system(count: int, shared: int) -> None:
    random = np.random.default_rng(count)
    unknowns, times = 4, TIMES[:count]
    roots = random.normal(size=(count, 6, unknowns))
    frames = roots.swapaxes(1, 2) @ roots + np.eye(unknowns)
    gradient, weights = random.normal(size=(count, unknowns)), random.random(unknowns) * 1e-3
    accelerations = Accelerations.at(times)

    whole = np.zeros((count, unknowns, count, unknowns))
    for frame in range(count):
        whole[frame, :, frame] = frames[frame]
    for first, (before, after) in enumerate(zip(accelerations.before, accelerations.after, strict=True)):
        row = np.zeros(count)
        row[first : first + 3] = before, -before - after, after
        for unknown in range(unknowns):
            whole[:, unknown, :, unknown] += weights[unknown] * np.outer(row, row)
    matrix, right = whole.reshape(count * unknowns, -1), gradient.ravel()
    common = None
    if shared:
        border, slope = random.normal(size=(count, unknowns, shared)), random.normal(size=shared)
        own = 100 * np.eye(shared)
        side = border.reshape(-1, shared)
        matrix = np.block([[matrix, side], [side.T, own]])
        right = np.concatenate([right, slope])
        common = Common(border, own, slope)
    expected = -np.linalg.solve(matrix, right)
    change, together = step(frames, gradient, accelerations, weights, common)
    assert np.concatenate([change.ravel(), together]) == pytest.approx(expected)


def test_the_gradient_is_that_of_the_cost() -> None:
    random = np.random.default_rng(0)
    values, weights = random.normal(size=(7, 3)), random.random(3)
    accelerations = Accelerations.at(TIMES)

    def cost(values: np.ndarray) -> float:
        return float((accelerations.of_steps(np.diff(values, axis=0)) ** 2 * weights).sum() / 2)

    found = accelerations.gradient(accelerations.of_steps(np.diff(values, axis=0)), weights)
    for frame in range(7):
        for column in range(3):
            moved = values.copy()
            moved[frame, column] += 1e-5
            slope = (cost(moved) - cost(2 * values - moved)) / 2e-5
            assert found[frame, column] == pytest.approx(slope, rel=1e-4, abs=1e-4)

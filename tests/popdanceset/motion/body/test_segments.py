"""Distances of segments beside a numerical minimum over both segments."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from popdanceset.motion.body.segments import segment_distances


def searched(first: np.ndarray, second: np.ndarray) -> float:
    """The least distance that a bounded search from several places finds."""

    def squared(shares: np.ndarray) -> float:
        one = first[0] + shares[0] * (first[1] - first[0])
        other = second[0] + shares[1] * (second[1] - second[0])
        return float(((one - other) ** 2).sum())

    starts = [(a, b) for a in (0.1, 0.9) for b in (0.1, 0.9)]
    found = [minimize(squared, start, bounds=[(0, 1), (0, 1)], tol=1e-14).fun for start in starts]
    return float(np.sqrt(min(found)))


def test_random_segments() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 150, 2, 3))
    second[50:100] *= 0.05  # short ones, often beyond the ends of the others
    second[100:] = first[100:] + 0.3 * rng.normal(size=(50, 2, 3))  # nearly parallel
    expected = [searched(a, b) for a, b in zip(first, second, strict=True)]
    np.testing.assert_allclose(segment_distances(first, second), expected, atol=2e-6)
    np.testing.assert_allclose(segment_distances(second, first), expected, atol=2e-6)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([[0, 0, 0], [1, 0, 0]], [[0.5, -1, 2], [0.5, 1, 2]], 2),  # one above the other, crosswise
        ([[0, 0, 0], [1, 0, 0]], [[0.5, -1, 0], [0.5, 1, 0]], 0),  # through each other
        ([[0, 0, 0], [1, 0, 0]], [[0.2, 3, 0], [0.7, 3, 0]], 3),  # parallel, side by side
        ([[0, 0, 0], [1, 0, 0]], [[3, 0, 0], [2, 0, 0]], 1),  # in one line
        ([[0, 0, 0], [1, 0, 0]], [[0.5, 0, 0], [2, 0, 0]], 0),  # in one line, overlapping
        ([[0, 0, 0], [1, 0, 0]], [[4, 4, 0], [4, 9, 0]], 5),  # end to end
        ([[0, 0, 0], [0, 0, 0]], [[3, 4, -1], [3, 4, 1]], 5),  # a point and a segment
        ([[1, 2, 3], [1, 2, 3]], [[1, 2, 5], [1, 2, 5]], 2),  # two points
    ],
)
def test_known_distances(first: list[list[float]], second: list[list[float]], expected: float) -> None:
    found = segment_distances(np.array(first, float), np.array(second, float))
    assert found == pytest.approx(expected, abs=1e-12)


def test_any_number_of_leading_axes() -> None:
    first, second = np.random.default_rng(1).normal(size=(2, 4, 5, 2, 3))
    found = segment_distances(first, second)
    assert found.shape == (4, 5)
    assert found[2, 3] == segment_distances(first[2, 3], second[2, 3])

"""The cheapest sequence is the one that trying them all finds."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from hybrik_runner.poses.hypotheses import cheapest, distances, linked


@pytest.mark.parametrize("count", [1, 2, 3, 6])
@pytest.mark.parametrize("seed", range(3))
def test_every_sequence_tried(count: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    single, follows, skips = random.random((count, 3)), *random.random((2, count, 3, 3))

    def cost(path: tuple[int, ...]) -> float:
        total = sum(single[frame, state] for frame, state in enumerate(path))
        total += sum(follows[frame, path[frame - 1], path[frame]] for frame in range(1, count))
        return float(total + sum(skips[frame, path[frame - 2], path[frame]] for frame in range(2, count)))

    best = min(product(range(3), repeat=count), key=cost)
    assert tuple(cheapest(single, follows, skips)) == best


def test_distances_between_hypotheses() -> None:
    here, there = np.zeros((3, 1, 3)), np.full((3, 1, 3), [3.0, 4.0, 0.0])
    costs = distances([here, there], np.array([0, 0.03, 0.2]), scale=1e6)
    assert np.allclose(costs[1], [[0, 5], [5, 0]], atol=1e-3)
    assert not costs[0].any()
    assert not costs[2].any(), "0.17 s later they say nothing about each other"
    assert distances([here, there], np.array([0, 0.03, 0.06]), 1.0, back=2)[2, 0, 1] == pytest.approx(
        np.log(6)
    )


def test_links() -> None:
    times = np.array([0, 0.05, 0.1, 0.4])
    assert linked(times).tolist() == [False, True, True, False]
    assert linked(times, 2).tolist() == [False, False, True, False]

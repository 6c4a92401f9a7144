"""The sum nearest to a target, against all subsets."""

from __future__ import annotations

import itertools
import time

from hypothesis import given
from hypothesis import strategies as st

from popdanceset.release import nearest_subset as module
from popdanceset.release.nearest_subset import nearest_subset


@given(st.lists(st.integers(0, 60), max_size=10), st.integers(0, 200))
def test_no_subset_is_nearer(sizes: list[int], target: int) -> None:
    chosen = nearest_subset(sizes, target)
    assert chosen == sorted(set(chosen))
    total = sum(sizes[n] for n in chosen)
    sums = {sum(some) for count in range(len(sizes) + 1) for some in itertools.combinations(sizes, count)}
    nearest = min(abs(each - target) for each in sums)
    assert abs(total - target) == nearest
    assert total == min(each for each in sums if abs(each - target) == nearest)


def test_the_first_sizes_are_preferred() -> None:
    assert nearest_subset([5] * 100, 25) == [0, 1, 2, 3, 4]
    assert nearest_subset([7, 5, 3, 5, 7], 10) == [0, 2]
    assert nearest_subset([4, 9], 1) == []


def test_a_hundred_hours_take_no_time() -> None:
    sizes = [700 + (n * 7919) % 601 for n in range(10_800)]
    began = time.perf_counter()
    chosen = nearest_subset(sizes, 1_080_000)
    assert time.perf_counter() - began < 5
    assert sum(sizes[n] for n in chosen) == 1_080_000
    assert max(chosen) < 1_300  # about the first tenth
    assert module._FINE < 1_080_000

"""Even rates out of uneven ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation, Slerp

from popdanceset.motion.resample import grid


def all_found(times: np.ndarray) -> np.ndarray:
    return np.ones(len(times), bool)


def test_the_same_rate_keeps_every_sample() -> None:
    times = np.round(np.arange(50) / 30, 3)  # as a container with milliseconds has them
    even = grid(times, all_found(times), 30)
    values = np.random.default_rng(0).normal(size=(50, 3))
    np.testing.assert_array_equal(even.linear(values), values)
    assert even.seen.all()
    assert even.longest_gap() == 0


def test_film_rate_to_thirty() -> None:
    times = np.arange(412) * 1001 / 24000
    even = grid(times, all_found(times), 30)
    assert len(even.times) == 515
    values = np.column_stack([np.sin(times), times])
    expected = np.column_stack([np.interp(even.times, times, values[:, k]) for k in (0, 1)])
    np.testing.assert_allclose(even.linear(values), expected, atol=1e-3)
    np.testing.assert_allclose(even.linear(values)[:, 1], even.times, atol=6e-4)


def test_slerp_of_scipy() -> None:
    times = np.arange(20) / 24
    rotations = Rotation.random(20, random_state=0)
    even = grid(times, all_found(times), 30)
    inside = even.times <= times[-1]
    expected = Slerp(times, rotations)(even.times[inside]).as_matrix()
    found = even.slerp(rotations.as_matrix()[:, None])[inside, 0]
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_a_gap_is_filled_and_reported() -> None:
    times = np.arange(30) / 30
    found = all_found(times)
    found[10:14] = False
    even = grid(times, found, 30)
    values = even.linear(times[found])
    np.testing.assert_allclose(values, times, atol=1e-12)
    assert list(np.flatnonzero(~even.seen)) == [10, 11, 12, 13]
    assert even.longest_gap() == pytest.approx(4 / 30)
    flags = even.both(np.ones((26, 24), bool))
    assert not flags[10:14].any()
    assert flags[:10].all()


def test_ends_without_samples_hold_the_nearest() -> None:
    times = np.arange(10) / 30
    found = all_found(times)
    found[:3] = found[8:] = False
    even = grid(times, found, 30)
    np.testing.assert_allclose(even.linear(times[found]), np.clip(times, 3 / 30, 7 / 30))
    assert list(even.seen) == [False] * 3 + [True] * 5 + [False] * 2


def test_one_frame() -> None:
    even = grid(np.zeros(1), np.ones(1, bool), 30)
    assert len(even.times) == 1
    np.testing.assert_array_equal(even.linear(np.array([[5.0]])), [[5.0]])


@given(
    st.lists(st.floats(0.005, 0.2), min_size=1, max_size=60),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=60, deadline=None)
def test_any_times_any_gaps(steps: list[float], seed: int) -> None:
    times = np.concatenate([[0.0], np.cumsum(steps)])
    rng = np.random.default_rng(seed)
    found = rng.random(len(times)) < 0.7
    found[rng.integers(len(times))] = True
    even = grid(times, found, 30)
    assert len(even.times) == int((times[-1] + 5e-4) * 30) + 1
    expected = np.interp(even.times, times[found], times[found])
    np.testing.assert_allclose(even.linear(times[found]), expected, atol=6e-4)
    for time, seen in zip(even.times, even.seen, strict=True):
        before = np.flatnonzero(times <= time + 5e-4)[-1]
        hit = abs(times[before] - time) <= 5e-4
        after = before if hit or before + 1 == len(times) else before + 1
        if not hit and np.abs(times - time).min() > 1e-3 and np.diff(times).min() > 2e-3 and time < times[-1]:
            assert seen == (found[before] and found[after])


def test_the_first_long_gap_ends_the_stretch() -> None:
    found = np.ones(90, bool)
    found[20:24] = found[50:60] = found[70:85] = False
    even = grid(np.arange(90) / 30, found, 30)
    assert even.until_gap(0.45) == 70
    assert even.until_gap(0.2) == 50
    assert even.until_gap(0.1) == 20
    assert even.until_gap(1.0) == 90
    assert even.longest_gap() == pytest.approx(0.5)


def test_a_gap_at_the_start_leaves_no_stretch() -> None:
    even = grid(np.arange(60) / 30, np.arange(60) >= 30, 30)
    assert even.until_gap(0.5) == 0

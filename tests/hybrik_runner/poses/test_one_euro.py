"""The filter against the algorithm as published, number by number."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hybrik_runner.poses.one_euro import OneEuro, one_euro


def published(
    values: list[float], times: list[float], min_cutoff: float, beta: float, d_cutoff: float
) -> list[float]:
    """Casiez et al. 2012, algorithm 1, for one number."""

    def alpha(rate: float, cutoff: float) -> float:
        tau = 1 / (2 * math.pi * cutoff)
        return 1 / (1 + tau * rate)

    out, dx = [values[0]], 0.0
    for k in range(1, len(values)):
        rate = 1 / (times[k] - times[k - 1])
        speed = (values[k] - out[-1]) * rate
        a = alpha(rate, d_cutoff)
        dx = a * speed + (1 - a) * dx
        a = alpha(rate, min_cutoff + beta * abs(dx))
        out.append(a * values[k] + (1 - a) * out[-1])
    return out


def test_published_recursion() -> None:
    rng = np.random.default_rng(0)
    times = np.cumsum(rng.uniform(0.02, 0.05, 60))
    values = np.sin(3 * times) + 0.05 * rng.normal(size=60)
    running = OneEuro(0.8, 2.5, 1.3)
    found = [float(running(np.array(v), t)) for v, t in zip(values, times, strict=True)]
    np.testing.assert_allclose(found, published(list(values), list(times), 0.8, 2.5, 1.3), atol=1e-12)


def test_each_number_of_an_array_is_filtered_by_itself() -> None:
    times = np.arange(20) / 30
    values = np.random.default_rng(1).normal(size=(20, 2, 3))
    running = OneEuro(1.0, 1.0)
    found = np.array([running(v, t) for v, t in zip(values, times, strict=True)])
    np.testing.assert_allclose(found[:, 1, 2], published(list(values[:, 1, 2]), list(times), 1.0, 1.0, 1.0))


def test_unit_scales_the_speed_only() -> None:
    times, values = np.arange(30) / 30, np.random.default_rng(2).normal(size=30)
    small = one_euro(values, times, 1.0, 5.0)
    large = one_euro(values * 100, times, 1.0, 5.0, units=np.full(30, 100.0))
    np.testing.assert_allclose(large, small * 100)


def test_both_ways_do_not_lag() -> None:
    times = np.arange(300) / 30
    clean = np.sin(2 * np.pi * times / 2)
    noisy = clean + 0.1 * np.random.default_rng(3).normal(size=300)
    calm = one_euro(noisy, times, 1.0, 0.5)
    assert np.abs(calm - clean)[20:-20].mean() < 0.6 * np.abs(noisy - clean).mean()
    lag = [np.abs(np.roll(calm, -shift) - clean)[20:-20].mean() for shift in (-2, -1, 0, 1, 2)]
    assert int(np.argmin(lag)) == 2


def test_repeated_time_stamp_keeps_the_value() -> None:
    running = OneEuro(1.0, 1.0)
    running(np.array(1.0), 0.0)
    assert running(np.array(9.0), 0.0) == pytest.approx(1.0)


def test_empty_recording() -> None:
    assert one_euro(np.empty((0, 3)), np.empty(0), 1.0, 1.0).shape == (0, 3)

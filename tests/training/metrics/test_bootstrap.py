"""Bootstrap intervals against theory and against drawing clips one by one."""

from __future__ import annotations

import numpy as np
import pytest

from popdanceset.errors import InputError
from training.metrics.bootstrap import bootstrap_confidence_interval, centred_interval, resampling_counts


def test_the_interval_of_a_mean_matches_the_textbook() -> None:
    values = np.random.default_rng(0).normal(10, 2, size=400)
    found = bootstrap_confidence_interval(values, seed=1, replicates=4000)
    half = 1.96 * values.std() / np.sqrt(400)
    assert found.value == values.mean()
    assert found.low == pytest.approx(values.mean() - half, abs=0.02)
    assert found.high == pytest.approx(values.mean() + half, abs=0.02)


def test_the_interval_covers_the_mean_as_often_as_its_level() -> None:
    rng = np.random.default_rng(2)
    found = [
        bootstrap_confidence_interval(rng.normal(3, 1, size=60), seed, replicates=400) for seed in range(300)
    ]
    assert 0.91 < np.mean([each.low <= 3 <= each.high for each in found]) < 0.98


def test_a_function_of_resampled_clips_gives_the_same_interval() -> None:
    values = np.random.default_rng(3).normal(size=80)
    one = bootstrap_confidence_interval(
        lambda rng: float(rng.choice(values, size=80).mean()), 4, 3000, value=float(values.mean())
    )
    other = bootstrap_confidence_interval(values, seed=5, replicates=3000)
    assert one.low == pytest.approx(other.low, abs=0.02)
    assert one.high == pytest.approx(other.high, abs=0.02)


def test_the_same_seed_gives_the_same_interval() -> None:
    values = np.arange(10.0)
    assert bootstrap_confidence_interval(values, seed=6) == bootstrap_confidence_interval(values, seed=6)
    assert bootstrap_confidence_interval(values, seed=6) != bootstrap_confidence_interval(values, seed=7)


def test_biased_replicates_are_centred_on_the_value() -> None:
    replicated = np.linspace(5, 7, 1001)
    found = centred_interval(2.0, replicated, level=0.9)
    assert (found.low, found.high) == pytest.approx((1.1, 2.9))
    assert centred_interval(0.5, replicated, lowest=0.0).low == 0


def test_one_value_has_no_interval() -> None:
    found = bootstrap_confidence_interval(np.array([3.0]), seed=0)
    assert (found.value, found.low, found.high, found.flag) == (3.0, 3.0, 3.0, "no interval from one clip")
    assert bootstrap_confidence_interval(np.arange(3.0), seed=0, replicates=0).flag == "no interval asked for"


def test_each_resampling_draws_as_many_clips_as_there_are() -> None:
    drawn = resampling_counts(7, 50, np.random.default_rng(0))
    assert drawn.shape == (50, 7)
    assert (drawn.sum(axis=1) == 7).all()


def test_bad_input_gets_one_line() -> None:
    with pytest.raises(InputError, match="cannot take the mean of no values"):
        bootstrap_confidence_interval(np.array([]), seed=0)
    with pytest.raises(InputError, match="comes without the number itself"):
        bootstrap_confidence_interval(lambda rng: 0.0, seed=0)

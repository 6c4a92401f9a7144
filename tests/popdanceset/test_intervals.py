"""Wilson's interval, compared with scipy's and with the equation that defines it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from popdanceset.intervals import wilson_interval


@given(st.integers(1, 2000), st.data(), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_it_is_that_of_scipy(trials: int, data: st.DataObject, confidence: float) -> None:
    successes = data.draw(st.integers(0, trials))
    expected = binomtest(successes, trials).proportion_ci(confidence, method="wilson")
    assert wilson_interval(successes, trials, confidence) == pytest.approx(tuple(expected), abs=1e-12)


def test_its_bounds_are_the_shares_whose_score_test_just_rejects() -> None:
    for bound in wilson_interval(7, 20):
        assert abs(7 / 20 - bound) / (bound * (1 - bound) / 20) ** 0.5 == pytest.approx(1.959964, abs=1e-6)


def test_nothing_is_known_without_trials() -> None:
    assert wilson_interval(0, 0) == (0.0, 1.0)
    assert wilson_interval(0, 3)[0] == 0.0
    assert wilson_interval(3, 3)[1] == 1.0


@pytest.mark.parametrize(("successes", "trials"), [(4, 3), (-1, 3), (0, -1)])
def test_impossible_numbers_are_refused(successes: int, trials: int) -> None:
    with pytest.raises(ValueError, match="not a share"):
        wilson_interval(successes, trials)

"""Bradley–Terry scores, compared with logistic regression and with what made the comparisons."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st

from popdanceset.study.bradley_terry import bradley_terry


def by_regression(wins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores and their covariance, mean 0: each comparison is an outcome of ±1 in two columns."""
    count = len(wins)
    rows, outcomes, weights = [], [], []
    for i, j in combinations(range(count), 2):
        row = np.zeros(count)
        row[i], row[j] = 1, -1
        rows += [row, row]
        outcomes += [1, 0]
        weights += [wins[i, j], wins[j, i]]
    model = sm.GLM(
        outcomes, np.array(rows)[:, 1:], family=sm.families.Binomial(), freq_weights=np.array(weights)
    )
    fitted = model.fit(tol=1e-12)
    centre = np.eye(count) - 1 / count
    scores = centre @ np.r_[0, fitted.params]
    covariance = np.zeros((count, count))
    covariance[1:, 1:] = fitted.cov_params()
    return scores, centre @ covariance @ centre.T


def counts(models: int, largest: int = 40) -> st.SearchStrategy[np.ndarray]:
    cells = st.lists(st.integers(1, largest), min_size=models**2, max_size=models**2)
    return cells.map(lambda values: np.array(values).reshape(models, models))


@given(st.integers(2, 6).flatmap(counts))
def test_scores_and_intervals_are_those_of_logistic_regression(wins: np.ndarray) -> None:
    scores, covariance = by_regression(wins)

    found = bradley_terry(wins)

    assert found is not None
    assert found.scores == pytest.approx(scores, abs=1e-6)
    assert found.covariance == pytest.approx(covariance, abs=1e-6)
    half = 1.959964 * np.sqrt(np.diag(covariance))
    assert found.high - found.scores == pytest.approx(half, abs=1e-5)
    assert found.scores - found.low == pytest.approx(half, abs=1e-5)


def test_two_models_have_the_logit_of_the_share() -> None:
    found = bradley_terry(np.array([[0, 70], [30, 0]]))
    assert found is not None
    assert found.scores[0] - found.scores[1] == pytest.approx(np.log(70 / 30), abs=1e-9)


def test_intervals_contain_the_truth_as_often_as_they_say() -> None:
    random = np.random.default_rng(5)
    truth = np.array([1.0, 0.2, -0.4, -0.8])
    chance = 1 / (1 + np.exp(truth[None] - truth[:, None]))
    hits = []
    for _ in range(300):
        upper = np.triu(random.binomial(60, chance), 1)
        found = bradley_terry(upper + np.tril(60 - upper.T, -1))
        assert found is not None
        hits.append((found.low <= truth) & (truth <= found.high))
    assert np.mean(hits) == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize(
    "wins",
    [
        [[0, 5], [0, 0]],
        [[0, 5, 5], [0, 0, 3], [0, 3, 0]],
        [[0, 4, 0, 0], [4, 0, 0, 0], [0, 0, 0, 4], [0, 0, 4, 0]],
        [[0, 0], [0, 0]],
    ],
    ids=["won all", "one above the others", "two groups", "no comparisons"],
)
def test_without_finite_scores_there_are_none(wins: list[list[int]]) -> None:
    assert bradley_terry(np.array(wins)) is None


def test_a_chain_of_wins_is_enough_and_strong_preferences_converge() -> None:
    found = bradley_terry(np.array([[0, 500, 0], [1, 0, 500], [0, 1, 0]]))
    assert found is not None
    assert np.diff(found.scores) == pytest.approx([-np.log(500), -np.log(500)], abs=1e-6)


@pytest.mark.parametrize("wins", [[[0, 1, 2], [1, 0, 2]], [[0, -1], [1, 0]]])
def test_what_is_no_count_is_refused(wins: list[list[int]]) -> None:
    with pytest.raises(ValueError, match="square array of counts"):
        bradley_terry(np.array(wins))

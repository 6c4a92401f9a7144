"""Scores of several contestants from comparisons of two at a time.

The model of R. A. Bradley and M. E. Terry (Biometrika 39, 1952): i is preferred to j with the probability
1 / (1 + exp(s_j − s_i)). The scores are those of greatest likelihood; their sum is 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_TOLERANCE = 1e-10
_MOST_STEPS = 200


@dataclass(frozen=True)
class Scores:
    """Scores, logits; their mean is 0.

    Attributes:
        scores: (n,) of the contestants.
        low, high: (n,) ends of their confidence intervals.
        covariance: (n, n) of the scores.
    """

    scores: Floats
    low: Floats
    high: Floats
    covariance: Floats


def bradley_terry(wins: NDArray[Any], confidence: float = 0.95) -> Scores | None:
    """Fits the model by Newton's method.

    Args:
        wins: (n, n): how often the contestant of the row was preferred to that of the column.
        confidence: of the intervals, which are those of Wald.

    Returns:
        The scores; None if there are none of greatest likelihood: some contestants have won, or lost, each
        comparison with all others, or were never compared with them.

    Raises:
        ValueError: the array is not square, or has negative numbers.
    """
    wins = np.array(wins, np.float64)
    if wins.ndim != 2 or wins.shape[0] != wins.shape[1] or (wins < 0).any():
        raise ValueError("wins are a square array of counts")
    np.fill_diagonal(wins, 0)
    if not _connected(wins):
        return None
    games = wins + wins.T
    scores = np.zeros(len(wins))
    for _ in range(_MOST_STEPS):
        chance = _chances(scores)
        gradient = (wins - games * chance).sum(1)
        step = np.linalg.pinv(_information(games, chance)) @ gradient
        # A full step can overshoot where preferences are strong.
        while _log_likelihood(wins, scores + step) < _log_likelihood(wins, scores) - _TOLERANCE:
            step /= 2
        scores = scores + step
        if np.abs(step).max() < _TOLERANCE:
            break
    scores -= scores.mean()
    covariance = np.asarray(np.linalg.pinv(_information(games, _chances(scores))), np.float64)
    half = NormalDist().inv_cdf((1 + confidence) / 2) * np.sqrt(np.diag(covariance))
    return Scores(scores, scores - half, scores + half, covariance)


def _chances(scores: Floats) -> Floats:
    """(n, n): the probability that the row is preferred to the column."""
    return np.asarray(1 / (1 + np.exp(scores[None, :] - scores[:, None])), np.float64)


def _information(games: Floats, chance: Floats) -> Floats:
    """Fisher's information; its null space are equal shifts of all scores."""
    weights = games * chance * (1 - chance)
    return np.asarray(np.diag(weights.sum(1)) - weights, np.float64)


def _log_likelihood(wins: Floats, scores: Floats) -> float:
    return float(-(wins * np.logaddexp(0, scores[None, :] - scores[:, None])).sum())


def _connected(wins: Floats) -> bool:
    """Whether a chain of wins leads from every contestant to every other: then there are finite scores."""
    reached = (wins > 0) | np.eye(len(wins), dtype=bool)
    for _ in range(len(wins)):
        reached = reached @ reached
    return bool(reached.all())

"""Confidence intervals by resampling clips."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from popdanceset.errors import InputError
from training.metrics.clip import Floats
from training.metrics.score import Interval, joined

REPLICATES = 1000
LEVEL = 0.95

ONE_CLIP = "no interval from one clip"
NO_INTERVAL = "no interval asked for"


def bootstrap_confidence_interval(
    values: Floats | Callable[[np.random.Generator], float],
    seed: int | np.random.SeedSequence,
    replicates: int = REPLICATES,
    level: float = LEVEL,
    value: float | None = None,
    lowest: float = -np.inf,
) -> Interval:
    """Bootstrap interval of a mean over clips, or of any number that can be computed for resampled clips.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, Ch. 13; see `centred_interval`.

    Args:
        values: (clips,) numbers, for the interval of their mean; or a function that resamples the clips with
            the generator it receives and returns the number for the resampled clips.
        seed: seed of the resampling; the same seed gives the same interval.
        replicates: number of resamplings.
        level: share of the resamplings that the interval covers.
        value: the number itself; required with a function.
        lowest: smallest possible value of the number.

    Returns:
        The number and its interval.

    Raises:
        InputError: there are no values, or a function comes without `value`.
    """
    rng = np.random.default_rng(seed)
    if callable(values):
        if value is None:
            raise InputError("a resampling function comes without the number itself", do="give value=")
        return centred_interval(
            value, np.array([values(rng) for _ in range(replicates)]), level, lowest=lowest
        )
    if len(values) == 0:
        raise InputError("cannot take the mean of no values", do="give at least one clip")
    mean = float(np.mean(values)) if value is None else value
    if len(values) == 1:
        return Interval(mean, mean, mean, ONE_CLIP)
    means = resampling_counts(len(values), replicates, rng) @ np.asarray(values, dtype=float) / len(values)
    return centred_interval(mean, means, level, lowest=lowest)


def resampling_counts(clips: int, replicates: int, rng: np.random.Generator) -> Floats:
    """Draws clips with replacement, as many as there are.

    Returns:
        (replicates, clips) float64: how often each clip is drawn.
    """
    return rng.multinomial(clips, np.full(clips, 1 / clips), size=replicates).astype(np.float64)


def centred_interval(
    value: float, replicated: Floats, level: float = LEVEL, flag: str = "", lowest: float = -np.inf
) -> Interval:
    """Percentile interval of the replicates, shifted so that their mean lies on the value.

    The Fréchet distance of resampled clips is larger than that of the clips themselves, just as theirs is
    larger than that of all dances. Percentiles that are not shifted would exclude the value itself. The
    interval shows how much the number varies with the choice of clips at this set size; it does not show the
    bias of the set size.

    Args:
        value: the number for the clips themselves.
        replicated: (replicates,) the number for resampled clips.
        level: share of the replicates that the interval covers.
        flag: flag of the result.
        lowest: smallest possible value of the number.
    """
    if len(replicated) == 0:
        return Interval(value, value, value, joined(flag, NO_INTERVAL))
    tail = (1 - level) / 2
    low, high = np.quantile(replicated, [tail, 1 - tail]) + (value - np.mean(replicated))
    return Interval(value, float(max(min(low, value), lowest)), float(max(high, value)), flag)

"""Numbers of a model over seeds and music: intervals and paired tests.

Both rest on the variance of a mean over seeds, which has two parts. That of the choice of music comes from
resampling the pieces: the same ones for all seeds and models, because all of them dance to the same music.
That of training and dancing again comes from the values of the seeds. A few seeds say little about the second
part, so intervals and tests take Student's t with the degrees of freedom of Welch and Satterthwaite.

Sources: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, Ch. 6 and 12; Satterthwaite, An
Approximate Distribution of Estimates of Variance Components, Biometrics Bulletin 1946.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.spatial.distance import pdist, squareform
from scipy.stats import t as student_t

from popdanceset.errors import InputError
from training.bench.plan import KEYS
from training.metrics.beats import RELEASED_DIVISOR
from training.metrics.bootstrap import LEVEL, resampling_counts
from training.metrics.catalogue import METRICS, PER_CLIP
from training.metrics.clip import Floats
from training.metrics.diversity import resampled_diversity
from training.metrics.feature_standardisation import standardise_features
from training.metrics.frechet import frechet_distance
from training.metrics.measure import MeasuredSet
from training.metrics.score import ITSELF, UNDEFINED, Interval

SHARES = ("BAS", "BAS_music", "beat_hit_rate", "beat_hit_rate_music", "foot_skate_ratio")
"""Those that are at most 1."""

ONE_SEED = "one seed: the interval shows the choice of music only"


@dataclass(frozen=True, eq=False)
class Replicated:
    """A number of a model for each seed, also for resampled music.

    Attributes:
        values: (seeds,).
        replicates: (replicates,) mean over seeds; every model and the real dances have the same music in a
            replicate.
        pieces: number of pieces of music.
        flag: what a reader must know.
    """

    values: Floats
    replicates: Floats
    pieces: int
    flag: str = ""

    @property
    def value(self) -> float:
        """The mean over seeds."""
        return float(self.values.mean())

    @property
    def of_seeds(self) -> Part:
        """The variance of the mean that comes from seeds; 0 from one seed, which cannot show it."""
        seeds = len(self.values)
        return Part(float(self.values.var(ddof=1)) / seeds if seeds > 1 else 0.0, seeds - 1)


class Part(NamedTuple):
    """A part of a variance, and its degrees of freedom."""

    variance: float
    freedom: int


def of_music(replicates: Floats, pieces: int) -> Part:
    """The variance that comes from the choice of music. Resampling shows (n − 1) / n of it."""
    if len(replicates) < 2 or pieces < 2:
        return Part(0.0, max(pieces - 1, 0))
    return Part(float(replicates.var(ddof=1)) * pieces / (pieces - 1), pieces - 1)


def student(parts: Sequence[Part]) -> tuple[float, float]:
    """The standard error of a sum of independent parts, and its degrees of freedom (Satterthwaite, 1946)."""
    total = sum(part.variance for part in parts)
    if not total:
        return 0.0, 1.0
    freedom = total**2 / sum(part.variance**2 / part.freedom for part in parts if part.variance)
    return math.sqrt(total), freedom


def replicate(
    real: MeasuredSet, runs: Sequence[MeasuredSet], key: str, seed: int, replicates: int
) -> Replicated:
    """Computes a number of each run, for its dances and for resampled music.

    Args:
        real: the real dances, one to each piece of music.
        runs: of one model, one for each seed; each has as many dances to each piece as any other, in the
            order of `real`: all of the first variant, then all of the second, and so on.
        key: one of `KEYS`.
        seed: of the resampling.
        replicates: number of resamplings.

    Raises:
        InputError: there is no such key, or a run has other dances.
    """
    if key not in KEYS:
        raise InputError(f"no number is called {key!r}", do=f"choose from {', '.join(KEYS)}")
    pieces = len(real.clips)
    if any(len(run.clips) % pieces for run in runs):
        raise InputError(f"a run does not dance to all {pieces} pieces of music", do="sample it again")
    if key.startswith("FID") and all(run is real for run in runs):
        return Replicated(np.zeros(1), np.zeros(replicates), pieces, ITSELF)
    drawn = resampling_counts(pieces, replicates, np.random.default_rng(seed))
    measure = _clip_means if key in PER_CLIP else _diversities if key.startswith("Div") else _distances
    values, columns = zip(*(measure(real, run, key, pieces, drawn) for run in runs), strict=True)
    flag = ONE_SEED if len(runs) == 1 and runs[0] is not real else ""
    return Replicated(np.array(values), np.mean(columns, axis=0), pieces, flag)


def _clip_means(
    real: MeasuredSet, run: MeasuredSet, key: str, pieces: int, drawn: Floats
) -> tuple[float, Floats]:
    """The mean over dances; dances whose score is undefined do not count."""
    scores = [clip.scores[key] for clip in run.clips]
    known = np.array([score.flag not in UNDEFINED for score in scores], float).reshape(-1, pieces)
    if not known.any():
        return 0.0, np.zeros(len(drawn))
    values = np.array([score.value for score in scores]).reshape(-1, pieces) * known
    counts = drawn @ known.sum(axis=0)
    mean = float(values.sum() / known.sum())
    # A resampling may consist of dances without a score.
    means = np.where(counts > 0, drawn @ values.sum(axis=0) / np.maximum(counts, 1), mean)
    # The released script divides the sum by a constant.
    share = float(known.sum()) / RELEASED_DIVISOR if key == "BAS" and real.mode == "released" else 1.0
    return mean * share, means * share


def _features(real: MeasuredSet, run: MeasuredSet, key: str) -> tuple[Floats, Floats]:
    name = {"k": "kinetic", "g": "geometric"}[key[-1]]
    standard = standardise_features(getattr(real, name), getattr(run, name), real.mode)
    return standard.real, standard.generated


def _diversities(
    real: MeasuredSet, run: MeasuredSet, key: str, pieces: int, drawn: Floats
) -> tuple[float, Floats]:
    _, features = _features(real, run, key)
    distances = squareform(pdist(features))
    each = np.tile(drawn, len(features) // pieces)
    whole = float(resampled_diversity(distances, np.ones((1, len(features))))[0])
    # Resamplings of a single dance have no pairs; they are as the whole set.
    varied = (drawn > 0).sum(axis=1) * (len(features) // pieces) > 1
    replicated = np.full(len(drawn), whole)
    replicated[varied] = resampled_diversity(distances, each[varied])
    return whole, replicated


def _distances(
    real: MeasuredSet, run: MeasuredSet, key: str, pieces: int, drawn: Floats
) -> tuple[float, Floats]:
    ours, theirs = _features(real, run, key)
    variants = np.arange(len(theirs)).reshape(-1, pieces)
    replicated = np.empty(len(drawn))
    for number, counts in enumerate(drawn.astype(int)):
        chosen = np.repeat(np.arange(pieces), counts)
        replicated[number] = frechet_distance(ours[chosen], theirs[variants[:, chosen].ravel()])
    return frechet_distance(ours, theirs), replicated


def interval(found: Replicated, key: str) -> Interval:
    """The mean over seeds, with a 95 % interval over seeds and music."""
    error, freedom = student([of_music(found.replicates, found.pieces), found.of_seeds])
    width = error * float(student_t.ppf((1 + LEVEL) / 2, freedom))
    lowest = -math.inf if key.startswith("PBC") else 0.0
    highest = max(1.0, found.value) if key in SHARES else math.inf
    low, high = max(found.value - width, lowest), min(found.value + width, highest)
    return Interval(found.value, low, high, found.flag)


@dataclass(frozen=True)
class Test:
    """A paired test of two models in one number.

    Attributes:
        key: the number.
        first, second: the models.
        difference: of their losses: below 0 the first is better.
        p_value: two-sided, not corrected.
        seeds: of the model with fewer; with one, the test says nothing about other trainings of the models.
        adjusted: after Holm's correction over the tests of the same number.
    """

    __test__ = False  # for pytest

    key: str
    first: str
    second: str
    difference: float
    p_value: float
    seeds: int
    adjusted: float = 1.0


def loss_of(number: Any, real: Any, key: str) -> Any:
    """What is less for the better model: the number, its negative, or its distance from the real dances'."""
    better = METRICS[key].better
    return abs(number - real) if better == "real" else -number if better == "more" else number


def paired_test(first: str, second: str, found: Mapping[str, Replicated], real: Replicated, key: str) -> Test:
    """Tests whether the losses of two models to the same music differ, by Student's t.

    Args:
        first, second: the models.
        found: the number of each model.
        real: the number of the real dances.
        key: the number.
    """
    one, other = found[first], found[second]
    difference = loss_of(one.value, real.value, key) - loss_of(other.value, real.value, key)
    replicates = loss_of(one.replicates, real.replicates, key) - loss_of(
        other.replicates, real.replicates, key
    )
    error, freedom = student([of_music(replicates, one.pieces), one.of_seeds, other.of_seeds])
    p_value = 2 * float(student_t.sf(abs(difference) / error, freedom)) if error else 1.0
    return Test(key, first, second, difference, p_value, min(len(one.values), len(other.values)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Corrects p-values for their number.

    Source: Holm, A Simple Sequentially Rejective Multiple Test Procedure, Scandinavian Journal of Statistics
    1979.
    """
    order = np.argsort(p_values, kind="stable")
    factors = np.arange(len(order), 0, -1)
    stepped = np.maximum.accumulate(np.asarray(p_values, float)[order] * factors)
    adjusted = np.empty(len(order))
    adjusted[order] = np.minimum(stepped, 1.0)
    return [float(value) for value in adjusted]

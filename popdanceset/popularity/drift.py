"""Drift: how two models of popularity differ, in their coefficients and on the same videos."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy import stats

from popdanceset.errors import InputError
from popdanceset.popularity.model import PopularityModel
from popdanceset.popularity.score import score
from popdanceset.popularity.selection import READ, judge
from popdanceset.popularity.statistics import Statistics, of_table
from popdanceset.popularity.terms import BIAS
from popdanceset.schema import COUNTS, Reason
from popdanceset.settings import PopularitySettings

MOST_POINTS = 20_000
"""At most this many videos are kept for the figure."""


@dataclass(frozen=True, eq=False)
class Drift:
    """The difference between two models.

    Attributes:
        a: the first model.
        b: the second model.
        coefficients: term → its coefficient in a and in b, bias first; None where a model lacks the term.
        videos: number of public videos whose Pop is known under both models.
        spearman: rank correlation of Pop under a and under b; 1 if both rank the videos alike, NaN if one
            model gives all videos the same Pop.
        changed_share: share of the videos that one model accepts and the other does not.
        gained: number of videos that only b accepts.
        lost: number of videos that only a accepts.
        threshold: of Pop.
        pop_a: (m,) Pop under a of at most `MOST_POINTS` videos, evenly spaced in their order.
        pop_b: (m,) Pop of the same videos under b.
        changed: (m,) whether the verdicts on them differ.
    """

    a: PopularityModel
    b: PopularityModel
    coefficients: Mapping[str, tuple[float | None, float | None]]
    videos: int
    spearman: float
    changed_share: float
    gained: int
    lost: int
    threshold: float
    pop_a: NDArray[np.float64]
    pop_b: NDArray[np.float64]
    changed: NDArray[np.bool_]


def drift_between(
    a: PopularityModel, b: PopularityModel, statistics: Statistics | pa.Table, settings: PopularitySettings
) -> Drift:
    """Compares two models on the videos that both of them can score.

    Args:
        a: the first model.
        b: the second model.
        statistics: one row a video.
        settings: the thresholds, the same for both.

    Raises:
        InputError: fewer than two videos can be scored by both.
    """
    source = of_table(statistics) if isinstance(statistics, pa.Table) else statistics
    pops, verdicts = [np.empty((2, 0))], [np.empty((2, 0), np.bool_)]
    for batch in source.batches(READ):
        judged = [judge(batch, model, settings) for model in (a, b)]
        pop = np.array([score(batch, model)[0] for model in (a, b)])
        public = pc.not_equal(judged[0]["reason"], Reason.NOT_PUBLIC.value).to_numpy()
        known = public & np.isfinite(pop).all(axis=0)
        pops.append(pop[:, known])
        accepted = np.array([each["accepted"].to_numpy() for each in judged])
        verdicts.append(accepted[:, known])
    pop, accepted = np.concatenate(pops, axis=1), np.concatenate(verdicts, axis=1)
    videos = pop.shape[1]
    if videos < 2:
        raise InputError(
            f"both models can score only {videos} videos",
            source.where,
            "use statistics of more videos",
        )
    gained, lost = int((accepted[1] & ~accepted[0]).sum()), int((accepted[0] & ~accepted[1]).sum())
    shown = slice(None, None, -(-videos // MOST_POINTS))
    return Drift(
        a,
        b,
        {
            name: (_coefficient(a, name), _coefficient(b, name))
            for name in (BIAS, *COUNTS)
            if name == BIAS or name in a.coefficients or name in b.coefficients
        },
        videos,
        float(stats.spearmanr(*pop).statistic) if (np.ptp(pop, axis=1) > 0).all() else math.nan,
        (gained + lost) / videos,
        gained,
        lost,
        settings.min_pop,
        pop[0, shown],
        pop[1, shown],
        accepted[0, shown] != accepted[1, shown],
    )


def _coefficient(model: PopularityModel, name: str) -> float | None:
    return model.bias if name == BIAS else model.coefficients.get(name)

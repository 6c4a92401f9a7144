"""Fitting the popularity model: sample, two regressions, one document (POPDG, Sec. 3.1 and 7)."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from popdanceset.errors import InputError
from popdanceset.popularity.model import PopularityModel, fit_id_of, fit_name, model_of
from popdanceset.popularity.normalise import Floats, LogNormaliser
from popdanceset.popularity.regression import Regression, cautions, eliminate
from popdanceset.popularity.sample import FoundingSample, founding_sample
from popdanceset.popularity.statistics import Statistics, as_statistics
from popdanceset.popularity.terms import BIAS
from popdanceset.schema import COUNTS
from popdanceset.settings import PopularitySettings, Settings
from popdanceset.store import Store

FORMAT = 1
MOST_POINTS = 2000
"""So many residuals are kept for figures."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fit:
    """A fitted model with everything that led to it.

    Attributes:
        fit_id: twelve hexadecimal digits that the content determines.
        first: regression on all seven counts.
        dropped: counts that the t tests removed, in order.
        final: regression on the rest; Pop is its prediction.
        reference: the founding sample's maxima.
        sample: the founding sample.
        warnings: what a statistician would object to.
        document: all of it, as written to `popularity/{fit_id}.json`.
    """

    fit_id: str
    first: Regression
    dropped: tuple[str, ...]
    final: Regression
    reference: dict[str, float]
    sample: FoundingSample
    warnings: tuple[str, ...]
    document: dict[str, Any]

    @property
    def model(self) -> PopularityModel:
        """What scoring needs."""
        return model_of(self.document, self.fit_id)


def fit(settings: Settings, store: Store, statistics: Statistics | pa.Table | None = None) -> Fit:
    """Fits the model and keeps it as `popularity/{fit_id}.json` in the store.

    Args:
        settings: `popularity`.
        store: where the fit is kept.
        statistics: one row a video; None: the store's newest snapshots.

    Raises:
        InputError: no complete video, too few of them, or counts on which no regression can be made.
    """
    chosen = settings.popularity
    sample = founding_sample(as_statistics(statistics, store), chosen.sample, chosen.seed)
    result = fit_sample(sample, chosen)
    for caution in result.warnings:
        log.warning("fit: %s", caution)
    store.write_json(fit_name(result.fit_id), result.document)
    return result


def fit_sample(sample: FoundingSample, settings: PopularitySettings) -> Fit:
    """Fits the model to a founding sample; writes nothing.

    Raises:
        InputError: as `fit`.
    """
    normaliser = LogNormaliser.of_sample(sample.counts, COUNTS)
    weights: dict[str, float] = {name: getattr(settings.weights, name) for name in COUNTS}
    y, total_reference = response(sample.counts, weights)
    x = normaliser(sample.counts, COUNTS)
    chosen = eliminate(y, x, COUNTS, settings.alpha, settings.elimination, settings.errors)
    if not chosen.final.vif:
        raise InputError(
            "no count's coefficient differs from 0, so there is no Pop",
            f"regression on {chosen.first.n} videos",
            "take a larger sample, or raise popularity.alpha",
        )
    warnings = cautions(chosen.final, settings.alpha, settings.errors)
    document: dict[str, Any] = {
        "format": FORMAT,
        "n": chosen.final.n,
        "r2": chosen.final.r2,
        "dropped": list(chosen.dropped),
        "reference": {name: int(value) for name, value in normaliser.reference.items()},
        "weights": weights,
        "weighted_total_reference": total_reference,
        "alpha": settings.alpha,
        "elimination": settings.elimination,
        "errors": settings.errors,
        "vif": chosen.final.vif,
        "condition_number": chosen.final.condition_number,
        "first": chosen.first.as_document(),
        "final": chosen.final.as_document(),
        "points": _points(y, x, chosen.final),
        "warnings": list(warnings),
        "sample": sample.as_document(),
    }
    fit_id = fit_id_of(document)
    return Fit(
        fit_id,
        chosen.first,
        chosen.dropped,
        chosen.final,
        dict(normaliser.reference),
        sample,
        warnings,
        {"fit_id": fit_id, **document},
    )


def _points(y: Floats, x: Floats, regression: Regression) -> dict[str, list[float]]:
    """Predictions and residuals of the sample's videos; of a large sample, of evenly chosen ones."""
    terms = regression.terms
    predicted = np.full(len(y), terms[BIAS].coef)
    for column, name in enumerate(COUNTS):
        if name in terms:
            predicted += terms[name].coef * x[:, column]
    shown = slice(None, None, -(-len(y) // MOST_POINTS))
    return {
        "predicted": np.round(predicted[shown], 9).tolist(),
        "residual": np.round((y - predicted)[shown], 9).tolist(),
    }


def response(counts: Floats, weights: dict[str, float]) -> tuple[Floats, float]:
    """The log-normalised weighted total (numerator of the paper's Eq. 14), and the largest total, its scale.

    Args:
        counts: (n, 7), in the order of `popdanceset.schema.COUNTS`.
        weights: by count.

    Returns:
        (n,) in 0..1, and the scale.

    Raises:
        InputError: every total is 0.
    """
    total: Floats = counts @ np.array([weights[name] for name in COUNTS])
    scale = LogNormaliser.of_sample(total[:, None], ["weighted total"])
    return scale(total[:, None], ["weighted total"])[:, 0], float(scale.reference["weighted total"])

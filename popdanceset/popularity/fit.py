"""Fitting the popularity model: sample, two regressions, one document (POPDG, Sec. 3.1 and 7)."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from popdanceset import layout
from popdanceset.errors import InputError
from popdanceset.popularity.model import PopularityModel, fit_id_of, model_of
from popdanceset.popularity.normalise import Floats, LogNormaliser
from popdanceset.popularity.regression import Regression, cautions, eliminate
from popdanceset.popularity.sample import FoundingSample, founding_sample
from popdanceset.popularity.statistics import Statistics, as_statistics
from popdanceset.popularity.terms import BIAS
from popdanceset.schema import COUNTS
from popdanceset.settings import PopularitySettings, Settings
from popdanceset.store import Store
from popdanceset.withdrawal.guard import respected

FORMAT = 1
MOST_POINTS = 2000
"""At most this many residuals are kept for figures."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fit:
    """A fitted model, with its regressions and its sample.

    Attributes:
        fit_id: twelve hexadecimal digits, derived from the content.
        first: regression on all seven counts, or on those that are not left out.
        dropped: counts that the t tests removed, in order.
        left_out: counts that no regression contains, because they are constant or a setting names them.
        final: regression on the rest; Pop is its prediction.
        reference: the founding sample's maxima.
        sample: the founding sample.
        warnings: violated assumptions, and what to do about them.
        document: everything above, as the store's fit document.
    """

    fit_id: str
    first: Regression
    dropped: tuple[str, ...]
    left_out: tuple[str, ...]
    final: Regression
    reference: dict[str, float]
    sample: FoundingSample
    warnings: tuple[str, ...]
    document: dict[str, Any]

    @property
    def model(self) -> PopularityModel:
        """The model that scores videos."""
        return model_of(self.document, self.fit_id)


def fit(settings: Settings, store: Store, statistics: Statistics | pa.Table | None = None) -> Fit:
    """Fits the model and writes it to the store.

    Args:
        settings: `popularity`.
        store: where the fit is written.
        statistics: one row a video; None: the store's newest snapshots.

    Raises:
        InputError: there are too few complete videos, or a regression on their counts is impossible.
    """
    start, chosen = time.monotonic(), settings.popularity
    with respected(store):
        sample = founding_sample(as_statistics(statistics, store), chosen.sample, chosen.seed)
        result = fit_sample(sample, chosen)
        for caution in result.warnings:
            log.warning("fit: %s", caution)
        store.write_json(layout.fit(result.fit_id), result.document)
    log.info(
        "fit %s: %d videos, R2 %.4f, dropped %s; %.1f s",
        result.fit_id,
        result.final.n,
        result.final.r2,
        ", ".join(result.dropped) or "no counts",
        time.monotonic() - start,
    )
    return result


def fit_sample(sample: FoundingSample, settings: PopularitySettings) -> Fit:
    """Fits the model to a founding sample, without writing it.

    Raises:
        InputError: as `fit`.
    """
    constant = _constant(sample.counts, settings.without)
    names = tuple(name for name in COUNTS if name not in (*constant, *settings.without))
    if not names:
        raise InputError(
            f"every count of the {len(sample.bvids)} videos is constant or left out, so there is no Pop",
            "regression",
            "take a larger sample, or check popularity.without",
        )
    # Contiguous, because the last digits of a regression, and with them a fit's id, depend on the layout.
    used = np.ascontiguousarray(sample.counts[:, [COUNTS.index(name) for name in names]])
    normaliser = LogNormaliser.of_sample(used, names)
    weights: dict[str, float] = {name: getattr(settings.weights, name) for name in COUNTS}
    y, total_reference = response(sample.counts, weights)
    x = normaliser(used, names)
    chosen = eliminate(y, x, names, settings.alpha, settings.elimination, settings.errors)
    if not chosen.final.vif:
        raise InputError(
            "no count's coefficient differs from 0, so there is no Pop",
            f"regression on {chosen.first.n} videos",
            "take a larger sample, or raise popularity.alpha",
        )
    left_out = tuple(name for name in COUNTS if name not in names)
    warnings = (*_omissions(constant), *cautions(chosen.final, settings.alpha, settings.errors))
    document: dict[str, Any] = {
        "format": FORMAT,
        "n": chosen.final.n,
        "r2": chosen.final.r2,
        "dropped": list(chosen.dropped),
        # Absent where nothing is left out, so that such a fit keeps the id it always had.
        **({"left_out": list(left_out)} if left_out else {}),
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
        "points": _points(y, x, names, chosen.final),
        "warnings": list(warnings),
        "sample": sample.as_document(),
    }
    fit_id = fit_id_of(document)
    return Fit(
        fit_id,
        chosen.first,
        chosen.dropped,
        left_out,
        chosen.final,
        dict(normaliser.reference),
        sample,
        warnings,
        {"fit_id": fit_id, **document},
    )


def _constant(counts: Floats, without: Sequence[str]) -> tuple[str, ...]:
    """Returns the counts that are the same in every row, apart from those that are left out anyway."""
    same = (counts == counts[:1]).all(axis=0)
    return tuple(name for name, flag in zip(COUNTS, same, strict=True) if flag and name not in without)


def _omissions(constant: Sequence[str]) -> tuple[str, ...]:
    """Returns the warning that constant counts are left out, if there are any."""
    if not constant:
        return ()
    counts = f"{', '.join(constant)} {'is' if len(constant) == 1 else 'are'}"
    return (
        f"{counts} the same in every video, so the model leaves {'it' if len(constant) == 1 else 'them'} out",
    )


def _points(y: Floats, x: Floats, names: Sequence[str], regression: Regression) -> dict[str, list[float]]:
    """Returns predictions and residuals of the sample's videos, or of evenly spaced ones if it is large."""
    terms = regression.terms
    predicted = np.full(len(y), terms[BIAS].coefficient)
    for column, name in enumerate(names):
        if name in terms:
            predicted += terms[name].coefficient * x[:, column]
    shown = slice(None, None, -(-len(y) // MOST_POINTS))
    return {
        "predicted": np.round(predicted[shown], 9).tolist(),
        "residual": np.round((y - predicted)[shown], 9).tolist(),
    }


def response(counts: Floats, weights: dict[str, float]) -> tuple[Floats, float]:
    """Computes the response variable: the log-normalised weighted total (numerator of the paper's Eq. 14).

    Args:
        counts: (n, 7), in the order of `popdanceset.schema.COUNTS`.
        weights: by count.

    Returns:
        The response, (n,) in 0..1, and the largest total, which is its scale.

    Raises:
        InputError: every total is 0.
    """
    total: Floats = counts @ np.array([weights[name] for name in COUNTS])
    scale = LogNormaliser.of_sample(total[:, None], ["weighted total"])
    return scale(total[:, None], ["weighted total"])[:, 0], float(scale.reference["weighted total"])

"""Models of popularity: coefficients, bias and scale, from a fit or from the paper."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from popdanceset import layout
from popdanceset.errors import InputError
from popdanceset.popularity.normalise import LogNormaliser
from popdanceset.popularity.terms import BIAS
from popdanceset.schema import COUNTS
from popdanceset.settings import Settings
from popdanceset.store import Store

if TYPE_CHECKING:
    from popdanceset.popularity.statistics import Statistics

PAPER_MIDPOINTS = "paper-midpoints"

PAPER_TABLE_6: Mapping[str, tuple[float, float]] = {
    BIAS: (0.042, 0.046),
    "coin": (-0.002, 0.008),
    "favorite": (0.019, 0.030),
    "danmaku": (0.004, 0.011),
    "reply": (-0.002, 0.008),
    "view": (0.798, 0.814),
    "like": (0.086, 0.098),
    "share": (0.019, 0.027),
}
"""95 % confidence intervals of the first regression (POPDG, Table 6)."""

PAPER_BIAS = 0.0443
"""The bias of Eq. 1. Its weight vector was not published; the midpoints of Table 6 replace it."""


@dataclass(frozen=True)
class PopularityModel:
    """Pop = Σ coefficient · normalised count + bias (POPDG, Eq. 1).

    Attributes:
        name: id of the fit, or the name of an approximation.
        coefficients: by count, without the bias.
        bias: the constant.
        normaliser: the founding sample's scale.
        origin: where the numbers come from, for manifests.
        confidence_intervals: 95 % intervals of the coefficients and of the bias, where they are known.
    """

    name: str
    coefficients: Mapping[str, float]
    bias: float
    normaliser: LogNormaliser
    origin: str
    confidence_intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def terms(self) -> tuple[str, ...]:
        """The counts that Pop depends on, in the order of `popdanceset.schema.COUNTS`."""
        return tuple(name for name in COUNTS if name in self.coefficients)

    def as_document(self) -> dict[str, Any]:
        """Returns plain data for a manifest."""
        return {
            "name": self.name,
            "origin": self.origin,
            "bias": self.bias,
            "coefficients": {name: self.coefficients[name] for name in self.terms},
            "reference": {name: int(self.normaliser.reference[name]) for name in self.terms},
        }


def paper_midpoints(reference: Mapping[str, float]) -> PopularityModel:
    """Returns the midpoints of Table 6's intervals for the five counts of Eq. 1, with the bias of Eq. 1.

    This is an approximation with its own name, not the paper's weight vector.

    Args:
        reference: maxima of a founding sample; the paper does not state its own.
    """
    kept = ("favorite", "danmaku", "view", "like", "share")
    coefficients = {name: round(sum(PAPER_TABLE_6[name]) / 2, 6) for name in kept}
    origin = "midpoints of the intervals of POPDG, Table 6, on this founding sample's scale"
    confidence_intervals = {name: PAPER_TABLE_6[name] for name in (BIAS, *kept)}
    return PopularityModel(
        PAPER_MIDPOINTS,
        coefficients,
        PAPER_BIAS,
        LogNormaliser(dict(reference)),
        origin,
        confidence_intervals,
    )


def load_model(
    text: str | None, settings: Settings, store: Store, statistics: Statistics | pa.Table | None = None
) -> PopularityModel:
    """Loads a model by its name.

    Args:
        text: a fit's file, the id of a fit in the store, or `paper-midpoints`; None: the store's
            newest fit.
        settings: founding sample of `paper-midpoints`.
        store: where fits are kept.
        statistics: determine the scale of `paper-midpoints`; None: the store's.

    Raises:
        InputError: the model does not exist, or its file is not a fit.
    """
    if text is None:
        name = newest_fit(store)
        return model_of(store.read_json(name), name)
    if text == PAPER_MIDPOINTS:
        from popdanceset.popularity.sample import founding_sample
        from popdanceset.popularity.statistics import as_statistics

        source = as_statistics(statistics, store)
        sample = founding_sample(source, settings.popularity.sample, settings.popularity.seed)
        return paper_midpoints(LogNormaliser.of_sample(sample.counts, COUNTS).reference)
    if re.fullmatch(r"[0-9a-f]{12}", text) and store.exists(layout.fit(text)):
        return model_of(store.read_json(layout.fit(text)), layout.fit(text))
    path = Path(text).expanduser()
    if not path.is_file():
        known = ", ".join(map(layout.stem, store.list(layout.FITS, layout.JSON)))
        raise InputError(
            "no such model", text, f"give a fit's file, {PAPER_MIDPOINTS}, or one of: {known or 'none'}"
        )
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"not readable: {error.strerror}", path, "check its permissions") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"not JSON: {error}", path, "create it with `popdanceset fit --out`") from error
    return model_of(document, path)


def model_of(document: Any, where: object) -> PopularityModel:
    """Reads the model in a fit's JSON document.

    Raises:
        InputError: the document is not a fit.
    """
    try:
        terms = {name: _finite(term["coef"]) for name, term in document["final"]["terms"].items()}
        bias = terms.pop(BIAS)
        confidence_intervals = {
            name: (_finite(term["low"]), _finite(term["high"]))
            for name, term in document["final"]["terms"].items()
            if "low" in term and "high" in term
        }
        reference = {name: _finite(value) for name, value in document["reference"].items()}
        name, n = str(document["fit_id"]), int(document["n"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"not a fit: {error!r}", where, "create it with `popdanceset fit --out`") from error
    strangers = sorted(set(terms) - set(COUNTS)) + sorted(set(terms) - set(reference))
    if strangers or not terms:
        what = f"terms {strangers} are not counts or lack a reference" if strangers else "it has no terms"
        raise InputError(f"not a fit: {what}", where, "create it with `popdanceset fit --out`")
    origin = f"regression on {n} videos"
    return PopularityModel(name, terms, bias, LogNormaliser(reference), origin, confidence_intervals)


def newest_fit(store: Store) -> str:
    """Returns the store's name of the fit that was written last.

    Raises:
        InputError: there are no fits.
    """
    fits = store.list(layout.FITS, layout.JSON)
    if not fits:
        raise InputError("there are no fits", store, "run `popdanceset fit` first, or give --model")
    return max(fits, key=lambda name: (store.modified(name), name))


def fit_id_of(document: Mapping[str, Any]) -> str:
    """Returns twelve hexadecimal digits, derived from the content."""
    content = {key: value for key, value in document.items() if key != "fit_id"}
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{value!r} is not a finite number")
    return number

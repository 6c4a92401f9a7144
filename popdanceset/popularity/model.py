"""A model of popularity: what Pop needs to know, wherever it came from."""

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
"""95 % intervals of the first regression (POPDG, Table 6)."""

PAPER_BIAS = 0.0443
"""The bias of Eq. 1. Its weight vector is lost; the midpoints of Table 6 stand in for it."""


@dataclass(frozen=True)
class PopularityModel:
    """Pop = Σ coefficient · normalised count + bias (POPDG, Eq. 1).

    Attributes:
        name: id of the fit, or the name of an approximation.
        coefficients: by count, bias excluded.
        bias: the constant.
        normaliser: the founding sample's scale.
        origin: where the numbers come from, for a manifest.
        intervals: 95 % intervals of the coefficients and of the bias, where they are known.
    """

    name: str
    coefficients: Mapping[str, float]
    bias: float
    normaliser: LogNormaliser
    origin: str
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def terms(self) -> tuple[str, ...]:
        """The counts that Pop needs, in the order of `popdanceset.schema.COUNTS`."""
        return tuple(name for name in COUNTS if name in self.coefficients)

    def as_document(self) -> dict[str, Any]:
        """Plain data for a manifest."""
        return {
            "name": self.name,
            "origin": self.origin,
            "bias": self.bias,
            "coefficients": {name: self.coefficients[name] for name in self.terms},
            "reference": {name: int(self.normaliser.reference[name]) for name in self.terms},
        }


def paper_midpoints(reference: Mapping[str, float]) -> PopularityModel:
    """The midpoints of Table 6's intervals for the five counts that Eq. 1 keeps, and the bias of Eq. 1.

    It is an approximation under a name of its own, not the paper's weight vector.

    Args:
        reference: maxima of a founding sample; the paper does not give its own.
    """
    kept = ("favorite", "danmaku", "view", "like", "share")
    coefficients = {name: round(sum(PAPER_TABLE_6[name]) / 2, 6) for name in kept}
    origin = "midpoints of the intervals of POPDG, Table 6, on this founding sample's scale"
    intervals = {name: PAPER_TABLE_6[name] for name in (BIAS, *kept)}
    return PopularityModel(
        PAPER_MIDPOINTS, coefficients, PAPER_BIAS, LogNormaliser(dict(reference)), origin, intervals
    )


def load_model(
    text: str | None, settings: Settings, store: Store, statistics: Statistics | pa.Table | None = None
) -> PopularityModel:
    """The model that a user names.

    Args:
        text: a fit's file, the id of a fit in the store, or `paper-midpoints`; None: the store's
            newest fit.
        settings: founding sample of `paper-midpoints`.
        store: where fits are kept.
        statistics: from which `paper-midpoints` takes its scale; None: the store's.

    Raises:
        InputError: there is no such model, or its file is none.
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
    if re.fullmatch(r"[0-9a-f]{12}", text) and store.exists(fit_name(text)):
        return model_of(store.read_json(fit_name(text)), fit_name(text))
    path = Path(text)
    if not path.is_file():
        known = ", ".join(
            name.rpartition("/")[2].removesuffix(".json") for name in store.list("popularity", ".json")
        )
        raise InputError(
            "no such model", text, f"give a fit's file, {PAPER_MIDPOINTS}, or one of: {known or 'none'}"
        )
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"not readable: {error.strerror}", path, "check its permissions") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"no JSON: {error}", path, "make it with `popdanceset fit --out`") from error
    return model_of(document, path)


def model_of(document: Any, where: object) -> PopularityModel:
    """The model in a fit's JSON document.

    Raises:
        InputError: it is none.
    """
    try:
        terms = {name: _finite(term["coef"]) for name, term in document["final"]["terms"].items()}
        bias = terms.pop(BIAS)
        intervals = {
            name: (_finite(term["low"]), _finite(term["high"]))
            for name, term in document["final"]["terms"].items()
            if "low" in term and "high" in term
        }
        reference = {name: _finite(value) for name, value in document["reference"].items()}
        name, n = str(document["fit_id"]), int(document["n"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"no fit: {error!r}", where, "make it with `popdanceset fit --out`") from error
    strangers = sorted(set(terms) - set(COUNTS)) + sorted(set(terms) - set(reference))
    if strangers or not terms:
        what = f"terms {strangers} are no counts or lack a reference" if strangers else "it has no terms"
        raise InputError(f"no fit: {what}", where, "make it with `popdanceset fit --out`")
    origin = f"regression on {n} videos"
    return PopularityModel(name, terms, bias, LogNormaliser(reference), origin, intervals)


def newest_fit(store: Store) -> str:
    """The fit that was written last, as the store names it.

    Raises:
        InputError: there is none.
    """
    fits = store.list("popularity", ".json")
    if not fits:
        raise InputError("there is no fit", store, "run `popdanceset fit` first, or give --model")
    return max(fits, key=lambda name: (store.modified(name), name))


def fit_name(fit_id: str) -> str:
    """Where the store keeps a fit."""
    return f"popularity/{fit_id}.json"


def fit_id_of(document: Mapping[str, Any]) -> str:
    """Twelve hexadecimal digits that the content determines."""
    content = {key: value for key, value in document.items() if key != "fit_id"}
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{value!r} is no number")
    return number

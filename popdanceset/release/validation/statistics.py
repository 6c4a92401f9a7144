"""Compares the statistics that a release states with those of its rows, in one pass.

Quantiles need the range first. Here the stated range is taken for it: if it is wrong, that is a fault itself.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa

from popdanceset.release.statistics import BINS, QUANTILES, Histogram, Moments
from popdanceset.release.validation.faults import Faults
from popdanceset.schema import shape_of
from popdanceset.tables import Array

TOLERANCE = 1e-6
"""Of means and deviations, relative to the range: sums depend on their order."""


class StatedStatistics:
    """The statistics that a release states of one table.

    Args:
        schema: of the table.
        stated: feature → its statistics, as in `meta/stats.json`.
        where: the file and the table, for messages.
        faults: receives features whose statistics cannot be read.
    """

    def __init__(self, schema: pa.Schema, stated: Any, where: str, faults: Faults) -> None:
        self._where, self._faults = where, faults
        self._stated: dict[str, dict[str, Any]] = {}
        self._moments: dict[str, Moments] = {}
        self._histograms: dict[str, Histogram] = {}
        for field in schema:
            leaf = field.type.value_type if pa.types.is_fixed_size_list(field.type) else field.type
            if not pa.types.is_floating(leaf):
                continue
            width = math.prod(shape_of(field))
            self._moments[field.name] = Moments(width)
            numbers = _numbers(stated.get(field.name) if isinstance(stated, dict) else None, width)
            if numbers is None:
                faults.add(where, f"states no usable statistics of {field.name}")
                continue
            self._stated[field.name] = numbers
            if numbers["count"]:
                limits = Moments(width)
                limits.minimum, limits.maximum = numbers["min"], numbers["max"]
                self._histograms[field.name] = Histogram(limits)

    def update(self, name: str, values: Array) -> None:
        """Adds (rows, *shape) values of a feature, without nulls."""
        if name in self._moments and len(values):
            rows = values.reshape(len(values), -1).astype(np.float64)
            self._moments[name].update(rows)
            if name in self._histograms:
                self._histograms[name].update(rows)

    def compare(self) -> None:
        """Adds a fault for each feature whose statistics differ."""
        for name, stated in self._stated.items():
            moments = self._moments[name]
            if stated["count"] != moments.count:
                self._faults.add(
                    self._where, f"states {stated['count']} rows of {name}, but there are {moments.count}"
                )
                continue
            if not moments.count:
                continue
            span = moments.maximum - moments.minimum
            scale = np.maximum(np.abs(moments.maximum), np.abs(moments.minimum))
            right = {
                "min": (moments.minimum, TOLERANCE * scale),
                "max": (moments.maximum, TOLERANCE * scale),
                "mean": (moments.mean, TOLERANCE * (span + scale)),
                "std": (moments.std, TOLERANCE * (span + scale)),
            }
            for share in QUANTILES:
                bins = self._histograms[name].quantile(share), span * 1.01 / BINS + TOLERANCE * scale
                right[f"q{round(share * 100):02d}"] = bins
            wrong = [
                key
                for key, (value, tolerance) in right.items()
                if (np.abs(stated[key] - value) > tolerance + 1e-12).any()
            ]
            if wrong:
                self._faults.add(
                    self._where, f"states another {', '.join(wrong)} of {name} than its rows have"
                )


def _numbers(stated: Any, width: int) -> dict[str, Any] | None:
    """The stated numbers of a feature as (width,) float64; None if they are not finite numbers."""
    if not isinstance(stated, dict) or not isinstance(stated.get("count"), int):
        return None
    numbers: dict[str, Any] = {"count": stated["count"]}
    if not stated["count"]:
        return numbers
    for key in ("min", "max", "mean", "std", *(f"q{round(share * 100):02d}" for share in QUANTILES)):
        try:
            values = np.asarray(stated.get(key), np.float64).reshape(-1)
        except (TypeError, ValueError, OverflowError):
            return None
        if values.shape != (width,) or not np.isfinite(values).all():
            return None
        numbers[key] = values
    if (numbers["min"] > numbers["max"]).any():
        return None
    return numbers

"""Statistics of each feature, accumulated clip by clip: only the sums are held in memory.

Minimum, maximum, mean and standard deviation need one pass; quantiles need a second one, over the range that
is known by then.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa

from popdanceset.schema import shape_of
from popdanceset.tables import fold

Doubles = np.ndarray[Any, np.dtype[np.float64]]

QUANTILES = (0.01, 0.1, 0.5, 0.9, 0.99)
BINS = 2048


class Moments:
    """Count, minimum, maximum, mean and standard deviation of each of `width` numbers.

    Blocks are combined by the formula of Chan, Golub and LeVeque (1979), so large means cost no precision.
    """

    def __init__(self, width: int) -> None:
        self.count = 0
        self.minimum = np.full(width, np.inf)
        self.maximum = np.full(width, -np.inf)
        self.mean = np.zeros(width)
        self._squares = np.zeros(width)

    def update(self, values: Doubles) -> None:
        """Adds (n, width) values, n ≥ 1."""
        count = len(values)
        mean = values.mean(axis=0)
        shift = mean - self.mean
        total = self.count + count
        self._squares += ((values - mean) ** 2).sum(axis=0) + shift**2 * (self.count * count / total)
        self.mean += shift * (count / total)
        self.count = total
        np.minimum(self.minimum, values.min(axis=0), out=self.minimum)
        np.maximum(self.maximum, values.max(axis=0), out=self.maximum)

    @property
    def std(self) -> Doubles:
        """Standard deviation of the population, (width,)."""
        return np.sqrt(self._squares / max(self.count, 1))


class Histogram:
    """ReleaseCounts the values of each of `width` numbers in equal bins of its range, for quantiles.

    Args:
        moments: of the same values.
        bins: number of bins; the error of a quantile is at most the range divided by it.
    """

    def __init__(self, moments: Moments, bins: int = BINS) -> None:
        self._low = moments.minimum
        self._span = moments.maximum - moments.minimum
        self._bins = bins
        self._counts = np.zeros((len(self._low), bins), np.int64)

    def update(self, values: Doubles) -> None:
        """Adds (n, width) values within the range."""
        # Divide by the span first: bins / span would be infinite if the span is close to the smallest float.
        share = np.divide(values - self._low, self._span, out=np.zeros_like(values), where=self._span > 0)
        index = np.clip(share * self._bins, 0, self._bins - 1).astype(np.int64)
        index += np.arange(len(self._low)) * self._bins
        self._counts += np.bincount(index.ravel(), minlength=self._counts.size).reshape(self._counts.shape)

    def quantile(self, share: float) -> Doubles:
        """Estimates the smallest value that at least this share of the values does not exceed, (width,)."""
        reached = self._counts.cumsum(axis=1)
        wanted = share * reached[:, -1]
        bins = (reached < wanted[:, None]).sum(axis=1)
        inside = np.take_along_axis(self._counts, bins[:, None], axis=1)[:, 0]
        before = np.take_along_axis(reached, bins[:, None], axis=1)[:, 0] - inside
        part = np.clip((wanted - before) / np.maximum(inside, 1), 0, 1)
        values: Doubles = self._low + (bins + part) / self._bins * self._span
        return values


class TableStatistics:
    """Statistics of every floating-point column of a table.

    Call `update` with every part of the table, then `update_quantiles` with every part again, then `summary`.
    """

    def __init__(self, schema: pa.Schema, bins: int = BINS) -> None:
        self._shapes = {field.name: shape_of(field) for field in schema if _is_floating(field.type)}
        self._moments = {name: Moments(math.prod(shape)) for name, shape in self._shapes.items()}
        self._histograms: dict[str, Histogram] = {}
        self._bins = bins

    def update(self, table: pa.Table) -> None:
        """Adds a part of the table in the first pass."""
        for name, moments in self._moments.items():
            if len(rows := _rows(table, name)):
                moments.update(rows)

    def update_quantiles(self, table: pa.Table) -> None:
        """Adds a part of the table in the second pass."""
        for name, moments in self._moments.items():
            if not moments.count:
                continue
            if name not in self._histograms:
                self._histograms[name] = Histogram(moments, self._bins)
            self._histograms[name].update(_rows(table, name))

    def summary(self) -> dict[str, dict[str, Any]]:
        """Returns feature → min, max, mean, std, quantiles (in the feature's shape) and count of rows.

        Rows in which a feature is null do not count; a feature that is null everywhere has its count only.
        """
        summary = {}
        for name, shape in self._shapes.items():
            moments = self._moments[name]
            if not moments.count:
                summary[name] = {"count": 0}
                continue
            histogram = self._histograms[name]
            values = {
                "min": moments.minimum,
                "max": moments.maximum,
                "mean": moments.mean,
                "std": moments.std,
                **{f"q{round(share * 100):02d}": histogram.quantile(share) for share in QUANTILES},
            }
            summary[name] = {
                **{key: value.reshape(shape).tolist() for key, value in values.items()},
                "count": moments.count,
            }
        return summary


def _rows(table: pa.Table, name: str) -> Doubles:
    """Returns a column as (rows, numbers per row) float64, without its nulls."""
    column = table[name].drop_null()
    width = math.prod(shape_of(table.schema.field(name)))
    return np.asarray(fold(column, (width,)), np.float64)


def _is_floating(dtype: pa.DataType) -> bool:
    return bool(pa.types.is_floating(dtype.value_type if pa.types.is_fixed_size_list(dtype) else dtype))

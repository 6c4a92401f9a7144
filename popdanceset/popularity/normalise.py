"""Log normalisation of counts (POPDG, Sec. 3.1).

Views of top videos are orders of magnitude above the average, so counts are put on a logarithmic scale. The
paper describes the idea without a formula; this module uses

    x̃ = ln(1 + x) / ln(1 + x_ref)

where x_ref is the largest value of that variable in the founding sample: 0 stays 0, and the sample's largest
value becomes 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from popdanceset.errors import InputError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LogNormaliser:
    """Maps counts to a logarithmic scale on which the founding sample's largest value is 1.

    Attributes:
        reference: largest value of each variable in the founding sample, at least 1.
    """

    reference: Mapping[str, float]

    def __post_init__(self) -> None:
        for name, largest in self.reference.items():
            if not (np.isfinite(largest) and largest > 0):
                raise InputError(
                    f"every {name} count of the founding sample is 0 or unknown, so it has no scale",
                    "log normalisation",
                    "take a larger sample",
                )

    @classmethod
    def of_sample(cls, counts: Floats, names: Sequence[str]) -> LogNormaliser:
        """Builds the scale from the maxima of a sample.

        Args:
            counts: (n, k), NaN where unknown.
            names: k variables.

        Raises:
            InputError: the sample is empty, or a variable is 0 or unknown in every row.
        """
        known = np.where(np.isnan(counts), 0.0, counts)
        largest = known.max(axis=0, initial=0.0)
        return cls(dict(zip(names, largest.tolist(), strict=True)))

    def __call__(self, counts: ArrayLike, names: Sequence[str]) -> Floats:
        """Returns normalised counts, float64 of the same shape (…, k).

        Unknown and negative counts become NaN; counts above the reference become values above 1.

        Args:
            counts: (…, k) counts, NaN where unknown.
            names: k variables of the reference.
        """
        values = np.asarray(counts, np.float64)
        values = np.where(values >= 0, values, np.nan)
        scaled: Floats = np.log1p(values) / np.log1p(self._scale(names))
        return scaled

    def beyond(self, counts: ArrayLike, names: Sequence[str]) -> NDArray[np.bool_]:
        """Returns which rows have a count above the reference, boolean of shape (…); arguments as for
        calls.
        """
        above: NDArray[np.bool_] = np.asarray(counts, np.float64) > self._scale(names)
        return np.asarray(above.any(axis=-1), np.bool_)

    def _scale(self, names: Sequence[str]) -> Floats:
        return np.array([self.reference[name] for name in names], np.float64)


def count_matrix(table: pa.Table, names: Sequence[str]) -> Floats:
    """Returns columns of a table as float64 (rows, len(names)); null and negative numbers become NaN."""
    matrix = np.empty((len(table), len(names)), np.float64)
    for column, name in enumerate(names):
        matrix[:, column] = table[name].cast(pa.float64()).to_numpy(zero_copy_only=False)
    matrix[matrix < 0] = np.nan
    return matrix

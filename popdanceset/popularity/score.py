"""Pop of each video (POPDG, Eq. 1)."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from popdanceset.popularity.model import PopularityModel
from popdanceset.popularity.normalise import count_matrix


def score(table: pa.Table, model: PopularityModel) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Computes Pop = w · N + bias.

    Args:
        table: n rows with a column for each of the model's terms.
        model: coefficients and scale.

    Returns:
        Pop, float64 of shape (n,), NaN where a count that the model needs is unknown; and whether one of
        these counts is above the founding sample's largest, boolean of shape (n,): there Pop is
        extrapolated. A row's Pop does not depend on the other rows.
    """
    # Term by term: the last digit of a matrix product depends on a row's position in the matrix.
    pop = np.full(len(table), model.bias)
    beyond = np.zeros(len(table), np.bool_)
    for name in model.terms:
        counts = count_matrix(table, (name,))
        pop += model.coefficients[name] * model.normaliser(counts, (name,))[:, 0]
        beyond |= model.normaliser.beyond(counts, (name,))
    return pop, beyond

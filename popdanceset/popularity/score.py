"""Pop of each video (POPDG, Eq. 1)."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from popdanceset.popularity.model import PopularityModel
from popdanceset.popularity.normalise import count_matrix


def score(table: pa.Table, model: PopularityModel) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Pop = w · N + bias.

    Args:
        table: n rows with a column for each of the model's terms.
        model: coefficients and scale.

    Returns:
        Pop, float64 of shape (n,), NaN where a count that the model needs is unknown; and whether one of
        these counts lies above the founding sample's largest, boolean of shape (n,): there Pop is
        extrapolated.
    """
    counts = count_matrix(table, model.terms)
    weights = np.array([model.coefficients[name] for name in model.terms])
    pop: NDArray[np.float64] = model.normaliser(counts, model.terms) @ weights + model.bias
    return pop, model.normaliser.beyond(counts, model.terms)

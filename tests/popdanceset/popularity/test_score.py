import math

import numpy as np
import pyarrow as pa

from popdanceset.popularity.model import PopularityModel, paper_midpoints
from popdanceset.popularity.normalise import LogNormaliser
from popdanceset.popularity.score import score
from popdanceset.schema import COUNTS
from tests.popdanceset.popularity.conftest import row, table


def test_equation_1_by_hand() -> None:
    model = PopularityModel(
        "made", {"like": 0.2, "view": 0.7}, 0.05, LogNormaliser({"view": 999, "like": 9}), ""
    )
    pop, beyond = score(table(row(1, view=99, like=9), row(2, view=9999, like=0)), model)
    np.testing.assert_allclose(pop, [0.7 * 2 / 3 + 0.2 + 0.05, 0.7 * 4 / 3 + 0.05], rtol=1e-14)
    assert beyond.tolist() == [False, True]


def test_the_best_of_the_founding_sample_scores_the_sum_of_the_weights() -> None:
    best = row(1)
    pop, _ = score(table(best), paper_midpoints({name: best[name] for name in COUNTS}))
    assert math.isclose(pop[0], 0.9973)


def test_only_counts_that_matter_must_be_known() -> None:
    model = paper_midpoints(dict.fromkeys(COUNTS, 1000.0))
    pop, _ = score(table(row(1, coin=None, reply=None), row(2, like=None)), model)
    assert np.isfinite(pop[0])
    assert np.isnan(pop[1])


def test_no_videos() -> None:
    pop, beyond = score(table(), paper_midpoints(dict.fromkeys(COUNTS, 1.0)))
    assert (pop.shape, beyond.shape) == ((0,), (0,))


def test_every_row_is_scored_by_itself(dances: pa.Table) -> None:
    model = paper_midpoints(dict.fromkeys(COUNTS, 10_000.0))
    together, _ = score(dances, model)
    alone = [score(dances.slice(i, 1), model)[0][0] for i in range(0, 400, 40)]
    np.testing.assert_allclose(together[::40], alone, rtol=1e-14)

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from popdanceset.errors import InputError
from popdanceset.popularity.normalise import LogNormaliser, count_matrix

counts = st.integers(0, 2**53)


def test_the_formula_by_hand() -> None:
    scale = LogNormaliser({"view": 999.0, "coin": 9.0})
    result = scale([[0, 0], [999, 9], [99, 0], [9999, 99]], ["view", "coin"])
    expected = [[0, 0], [1, 1], [math.log(100) / math.log(1000), 0], [math.log(10_000) / math.log(1000), 2]]
    np.testing.assert_allclose(result, expected, rtol=1e-15)


def test_values_above_the_reference_are_kept_and_flagged() -> None:
    scale = LogNormaliser({"view": 100.0, "coin": 10.0})
    values = [[100, 10], [101, 10], [5, 11], [np.nan, 5]]
    assert scale.beyond(values, ["view", "coin"]).tolist() == [False, True, True, False]
    assert scale(values, ["view", "coin"])[1, 0] > 1


def test_unknown_and_negative_counts_stay_unknown() -> None:
    assert np.isnan(LogNormaliser({"view": 100.0})([[np.nan], [-1]], ["view"])).all()


def test_the_reference_is_the_samples_maximum() -> None:
    sample = np.array([[1, 7], [5, np.nan], [3, 2]], float)
    assert LogNormaliser.of_sample(sample, ["view", "coin"]).reference == {"view": 5, "coin": 7}


@pytest.mark.parametrize("column", [[0, 0], [np.nan, np.nan], [np.nan, 0]])
def test_a_count_without_a_scale_is_reported(column: list[float]) -> None:
    with pytest.raises(InputError, match=r"every coin count.*larger sample"):
        LogNormaliser.of_sample(np.array(column)[:, None], ["coin"])
    with pytest.raises(InputError):
        LogNormaliser.of_sample(np.empty((0, 1)), ["coin"])


@given(st.lists(counts, min_size=1, max_size=50), st.integers(1, 2**53))
def test_order_is_kept_and_the_sample_lies_in_0_to_1(values: list[int], reference: int) -> None:
    result = LogNormaliser({"view": reference})(np.array(values, float)[:, None], ["view"])[:, 0]
    order = np.argsort(values, kind="stable")
    assert (np.diff(result[order]) >= 0).all()
    within = np.array(values) <= reference
    assert ((result >= 0) & (result[within].max(initial=0) <= 1 + 1e-15)).all()
    assert (result[~within] >= 1).all()


@given(counts, st.integers(1, 2**53))
def test_the_count_can_be_had_back(value: int, reference: int) -> None:
    normalised = LogNormaliser({"view": reference})([[value]], ["view"])[0, 0]
    assert math.expm1(normalised * math.log1p(reference)) == pytest.approx(value, rel=1e-12, abs=1e-12)


def test_columns_become_a_matrix() -> None:
    columns = pa.table(
        {"view": pa.array([1, None, -3]), "coin": pa.array([4, 5, 6]), "title": ["a", "b", "c"]}
    )
    np.testing.assert_array_equal(count_matrix(columns, ("coin", "view")), [[4, 1], [5, np.nan], [6, np.nan]])

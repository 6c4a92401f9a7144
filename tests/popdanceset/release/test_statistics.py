"""Streamed statistics against numpy's on all values at once."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from popdanceset.release.statistics import Histogram, Moments, TableStatistics
from popdanceset.schema import music_schema

BLOCKS = st.lists(
    hnp.arrays(np.float64, st.tuples(st.integers(1, 30), st.just(2)), elements=st.floats(-1e3, 1e3)),
    min_size=1,
    max_size=5,
)


@given(BLOCKS)
def test_moments_are_those_of_the_whole(blocks: list[np.ndarray]) -> None:
    moments = Moments(2)
    for block in blocks:
        moments.update(block)
    whole = np.concatenate(blocks)
    assert moments.count == len(whole)
    np.testing.assert_array_equal(moments.minimum, whole.min(0))
    np.testing.assert_array_equal(moments.maximum, whole.max(0))
    np.testing.assert_allclose(moments.mean, whole.mean(0), atol=1e-9)
    np.testing.assert_allclose(moments.std, whole.std(0), atol=1e-6)


def test_a_large_mean_costs_no_precision() -> None:
    values = 1e8 + np.random.default_rng(0).normal(size=(3000, 1))
    moments = Moments(1)
    for block in np.array_split(values, 30):
        moments.update(block)
    np.testing.assert_allclose(moments.std, values.std(0), rtol=1e-7)


@given(BLOCKS, st.floats(0, 1))
def test_the_error_of_quantiles_is_a_bin_at_most(blocks: list[np.ndarray], share: float) -> None:
    moments = Moments(2)
    for block in blocks:
        moments.update(block)
    histogram = Histogram(moments, bins=100)
    for block in blocks:
        histogram.update(block)
    whole = np.concatenate(blocks)
    expected = np.quantile(whole, share, axis=0, method="inverted_cdf")
    tolerance = (whole.max(0) - whole.min(0)) / 100 + 1e-9
    assert (np.abs(histogram.quantile(share) - expected) <= tolerance).all()


def test_a_table_has_statistics_of_its_floating_point_columns_in_their_shape() -> None:
    schema = music_schema("baseline", 3)
    values = np.arange(12, dtype=np.float32)
    features = pa.FixedSizeListArray.from_arrays(pa.array(values), type=schema.field("features").type)
    table = pa.table({"clip_id": ["c"] * 4, "frame_index": range(4), "features": features}).cast(schema)
    statistics = TableStatistics(schema)
    for part in (table[:1], table[1:]):
        statistics.update(part)
    for part in (table[:1], table[1:]):
        statistics.update_quantiles(part)
    summary = statistics.summary()
    assert list(summary) == ["features"]
    assert summary["features"]["min"] == [0, 1, 2]
    assert summary["features"]["max"] == [9, 10, 11]
    assert summary["features"]["mean"] == [4.5, 5.5, 6.5]
    assert summary["features"]["count"] == 4
    assert set(summary["features"]) == {
        "min",
        "max",
        "mean",
        "std",
        "q01",
        "q10",
        "q50",
        "q90",
        "q99",
        "count",
    }

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from popdanceset.errors import SchemaError
from popdanceset.schema import FRAMES, VERDICTS, music_schema
from popdanceset.tables import conform, fold, fold_column


@pytest.mark.parametrize("chunks", [1, 3])
def test_flat_columns_fold_in_c_order(chunks):
    values = np.arange(6 * 72, dtype=np.float32).reshape(6, 24, 3)
    column = pa.chunked_array(
        [
            pa.FixedSizeListArray.from_arrays(pa.array(part.ravel()), type=FRAMES.field("smpl_poses").type)
            for part in np.split(values, chunks)
        ]
    )
    folded = fold(column, (24, 3))

    assert folded.dtype == np.float32
    assert (folded == values).all()
    assert folded[2, 5].tolist() == column[2].as_py()[15:18]


def test_words_and_numbers_fold_to_one_dimension():
    words = pa.chunked_array([pa.array(["a", "b", "a"]).dictionary_encode()])

    assert fold(words, ()).tolist() == ["a", "b", "a"]
    assert fold(pa.array([1, 2]), ()).tolist() == [1, 2]


def test_a_slice_folds_from_its_own_start():
    schema = music_schema("baseline", 2)
    flat = pa.array(np.arange(8, dtype=np.float32))
    features = pa.FixedSizeListArray.from_arrays(flat, type=schema.field("features").type)
    table = pa.table(
        {"clip_id": ["a"] * 4, "frame_index": pa.array(range(4), pa.int32()), "features": features}
    )
    table = table.cast(schema)

    assert fold(table["features"].slice(1, 2), (2,)).tolist() == [[2, 3], [4, 5]]
    assert fold_column(table, "features").shape == (4, 2)


def test_nulls_are_nan_and_truth_values_false():
    pairs = pa.array([[1, 2], None, [3, 4]], pa.list_(pa.float32(), 2))
    np.testing.assert_array_equal(fold(pairs, (2,)), [[1, 2], [np.nan, np.nan], [3, 4]])
    np.testing.assert_array_equal(fold(pairs[1:], (2,)), [[np.nan, np.nan], [3, 4]])

    seen = pa.array([[True, True], None], pa.list_(pa.bool_(), 2))
    assert fold(seen, (2,)).tolist() == [[True, True], [False, False]]


@pytest.mark.parametrize("width", [pa.float32(), pa.float64()])
def test_lists_that_are_null_stay_so_and_holes_are_refused(tmp_path, width):
    """Also after parquet, which returns the elements of a null list as nulls."""
    schema = pa.schema([VERDICTS.field("camera_to_world")], {"table": "verdicts"})
    rows = [None, [float(n) for n in range(9)], None]
    table = pa.table({"camera_to_world": pa.array(rows, pa.list_(width, 9))})
    pq.write_table(table, tmp_path / "rows.parquet")
    for own in (table, pq.read_table(tmp_path / "rows.parquet")):
        assert conform(own, schema)["camera_to_world"].to_pylist() == rows

    holed = pa.table({"camera_to_world": pa.array([None, [0.0] * 8 + [None]], pa.list_(width, 9))})
    with pytest.raises(SchemaError, match="'camera_to_world'"):
        conform(holed, schema)

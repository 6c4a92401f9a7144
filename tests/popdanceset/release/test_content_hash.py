"""The hash of rows: of their values, not of how they are stored."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from popdanceset.release.content_hash import rows_hash


def test_it_depends_on_values_and_names_only(synthetic: ModuleType, tmp_path: Path) -> None:
    rows = synthetic.pose_rows("BV1_Clip_1", 50)
    expected = rows_hash(rows)
    assert rows_hash(pa.concat_tables([rows[:20], rows[20:]])) == expected
    pq.write_table(rows, tmp_path / "rows.parquet", compression="gzip", row_group_size=7)
    assert rows_hash(pq.read_table(tmp_path / "rows.parquet")) == expected
    assert rows_hash(rows.replace_schema_metadata({"a": "b"})) == expected
    assert rows_hash(pa.concat_tables([rows[:50], rows])[50:]) == expected
    assert rows_hash(rows[:49]) != expected
    assert rows_hash(rows.rename_columns(["other", *rows.column_names[1:]])) != expected


def test_every_value_counts(synthetic: ModuleType) -> None:
    rows = synthetic.pose_rows("BV1_Clip_1", 50)
    seen = {rows_hash(rows)}
    for index, name in enumerate(rows.column_names):
        column = rows[name].combine_chunks()
        swapped = pa.concat_arrays([column[1:], column[:1]])
        seen.add(rows_hash(rows.set_column(index, rows.schema.field(name), swapped)))
    constant = {"clip_id", "estimator", "smpl_scaling"}
    assert len(seen) == 1 + len(rows.column_names) - len(constant)
    assert rows_hash(synthetic.pose_rows("BV1_Clip_2", 50)) not in seen


def test_a_column_that_nothing_fills_adds_nothing_and_nulls_count() -> None:
    table = pa.table({"x": pa.array(np.arange(4.0))})
    lists = pa.list_(pa.float32(), 2)
    assert rows_hash(table.append_column("new", pa.nulls(4, lists))) == rows_hash(table)
    first = table.append_column("new", pa.array([[1, 2], None, [3, 4], [5, 6]], lists))
    second = table.append_column("new", pa.array([[1, 2], [3, 4], None, [5, 6]], lists))
    assert len({rows_hash(each) for each in (table, first, second)}) == 3
    words = [table.append_column("w", pa.array(w)) for w in (["a", "b", None, "a"], ["a", None, "b", "a"])]
    assert len({rows_hash(each) for each in words}) == 2

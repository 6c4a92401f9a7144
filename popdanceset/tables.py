"""Tables that satisfy their schema, and columns as arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from popdanceset.errors import SchemaError
from popdanceset.schema import shape_of

Array = np.ndarray[Any, np.dtype[Any]]


def fold(column: pa.ChunkedArray | pa.Array, shape: Sequence[int]) -> Array:
    """Folds a column into an array.

    Args:
        column: `rows` values: fixed-size lists, numbers, or words.
        shape: of one cell, e.g. (24, 3), or () for a scalar; `popdanceset.schema.shape_of` reads it from a
            field.

    Returns:
        (rows, *shape), of the column's dtype; words as objects. Numbers are a view of the column's memory
        where that is one piece. Nulls are NaN; in a column of truth values they are false.
    """
    values = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    rows = len(values)
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_fixed_size_list(values.type):
        if values.null_count:
            return _with_nulls(values).reshape(rows, *shape)
        values = values.flatten()
    array: Array = values.to_numpy(zero_copy_only=False)
    return array.reshape(rows, *shape)


def _with_nulls(lists: pa.FixedSizeListArray) -> Array:
    present = lists.is_valid().to_numpy(zero_copy_only=False)
    known = lists.drop_null().flatten().to_numpy(zero_copy_only=False)
    nothing = False if known.dtype == bool else np.nan
    whole = np.full((len(lists), lists.type.list_size), nothing, known.dtype)
    whole[present] = known.reshape(-1, lists.type.list_size)
    return whole


def fold_column(table: pa.Table, name: str) -> Array:
    """Folds a column of a table, in the shape that the table's own schema states."""
    return fold(table[name], shape_of(table.schema.field(name)))


def nulls(count: int, dtype: pa.DataType) -> pa.Array:
    """Returns a column of nulls. Those of fixed-size lists have elements, which their type requires."""
    if not pa.types.is_fixed_size_list(dtype):
        return pa.nulls(count, dtype)
    elements = np.zeros(count * dtype.list_size, dtype.value_type.to_pandas_dtype())
    return pa.FixedSizeListArray.from_arrays(
        pa.array(elements), type=dtype, mask=pa.array(np.ones(count, bool))
    )


def conform(table: pa.Table, schema: pa.Schema, where: object = "") -> pa.Table:
    """Returns the table with exactly the schema's columns, types and metadata.

    Nullable columns that are missing are filled with nulls; unknown columns are an error.

    Raises:
        SchemaError: a column is missing, unknown, of the wrong type, or null where it must not be.
    """
    name = schema.metadata[b"table"].decode()
    unknown = [c for c in table.column_names if c not in schema.names]
    if unknown:
        raise SchemaError(f"columns {unknown} do not belong to table {name!r}", where)
    columns = []
    for field in schema:
        if field.name not in table.column_names:
            if not field.nullable:
                raise SchemaError(f"column {field.name!r} of table {name!r} is missing", where)
            columns.append(nulls(len(table), field.type))
            continue
        try:
            column = _cast(table[field.name], field.type)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise SchemaError(f"column {field.name!r} of table {name!r}: {error}", where) from error
        if not field.nullable and column.null_count:
            raise SchemaError(f"column {field.name!r} of table {name!r} has {column.null_count} nulls", where)
        columns.append(column)
    return pa.table(columns, schema=schema)


def _cast(column: pa.ChunkedArray, dtype: pa.DataType) -> pa.ChunkedArray:
    """Casts a column. Fixed-size lists may be null, but their elements may not; pyarrow confuses the two."""
    if not (pa.types.is_fixed_size_list(dtype) and pa.types.is_fixed_size_list(column.type)):
        return column.cast(dtype)
    present = column.drop_null()
    if any(chunk.flatten().null_count for chunk in present.chunks):
        raise pa.ArrowInvalid("elements of its lists are null")
    if not column.null_count:
        return column.cast(dtype)
    valid = column.is_valid()
    places = pc.if_else(valid, pc.subtract(pc.cumulative_sum(valid.cast(pa.int64())), 1), None)
    return present.cast(dtype).take(places)


def from_rows(rows: Sequence[Mapping[str, Any]], schema: pa.Schema, where: object = "") -> pa.Table:
    """Builds a table that conforms to its schema from one mapping a row.

    Raises:
        SchemaError: as `conform`; also when a value does not fit its column.
    """
    columns = {}
    for field in schema:
        if any(field.name in row for row in rows) or not rows:
            try:
                columns[field.name] = pa.array([row.get(field.name) for row in rows], field.type)
            except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, UnicodeError) as error:
                raise SchemaError(f"column {field.name!r}: {error}", where) from error
    unknown = {key for row in rows for key in row} - set(schema.names)
    if unknown:
        raise SchemaError(f"columns {sorted(unknown)} do not belong to the table", where)
    return conform(pa.table(columns), schema, where)

"""Finds videos inside parquet files, whose pages are compressed, and writes the files again without them.

One batch of rows is in memory at a time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import IO, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from popdanceset.withdrawal.targets import Targets

BATCH = 1 << 16

Mask = NDArray[np.bool_]


class Scrubbed(NamedTuple):
    """What was changed in a file.

    Attributes:
        removed: rows about one of the videos.
        redacted: cells of other rows in which a mark has taken the place of an id.
    """

    removed: int = 0
    redacted: int = 0


def occurrences(file: Any, targets: Targets) -> Iterator[tuple[str, Counter[str]]]:
    """Yields each column that names a video, with the number of cells by video.

    Texts, lists of texts, binary cells, and numeric ids in a column `aid` are read, at any depth.

    Args:
        file: open for reading, parquet.
        targets: the videos.

    Raises:
        pyarrow.ArrowException: the file is not parquet, or damaged.
    """
    found: dict[str, Counter[str]] = {}
    with pq.ParquetFile(file) as parquet:
        columns = [field.name for field in parquet.schema_arrow if _may_name(field.type, field.name)]
        for batch in parquet.iter_batches(BATCH, columns=columns) if columns else ():
            for name, column in zip(batch.schema.names, batch.columns, strict=True):
                for leaf in _leaves(column):
                    found.setdefault(name, Counter()).update(_in_leaf(leaf, name, targets))
    yield from ((name, counts) for name, counts in found.items() if counts)


def scrub(
    file: Any, out: Callable[[], IO[bytes]], targets: Targets, also: Callable[[pa.Table], Mask] | None = None
) -> Scrubbed:
    """Writes a file again without the rows about some videos; a mark replaces their ids in other rows.

    A row is about a video if one of its cells is the id of the video, or of a part or clip of it.

    Args:
        file: open for reading, parquet.
        out: opens the file to write; called only if something changes.
        targets: the videos.
        also: chooses more rows to remove.

    Raises:
        pyarrow.ArrowException: the file is not parquet, or damaged.
    """
    changes = Scrubbed()
    with pq.ParquetFile(file) as parquet:
        batches = (pa.Table.from_batches([batch]) for batch in parquet.iter_batches(BATCH))
        if not any(_scrubbed(table, targets, also)[1] != (0, 0) for table in batches):
            return changes
        schema = parquet.schema_arrow
        with pq.ParquetWriter(out(), schema, compression="zstd") as writer:
            for batch in parquet.iter_batches(BATCH):
                table, changed = _scrubbed(pa.Table.from_batches([batch]), targets, also)
                changes = Scrubbed(changes.removed + changed.removed, changes.redacted + changed.redacted)
                if len(table):
                    writer.write_table(table.cast(schema))
    return changes


def _may_name(dtype: pa.DataType, name: str) -> bool:
    if name == "aid" and pa.types.is_integer(dtype):
        return True
    if pa.types.is_nested(dtype):
        return any(_may_name(dtype.field(n).type, dtype.field(n).name) for n in range(dtype.num_fields))
    return _is_text(dtype) or pa.types.is_binary(dtype) or pa.types.is_large_binary(dtype)


def _is_text(dtype: pa.DataType) -> bool:
    if pa.types.is_dictionary(dtype):
        dtype = dtype.value_type
    return bool(pa.types.is_string(dtype) or pa.types.is_large_string(dtype))


def _leaves(column: pa.Array) -> Iterator[pa.Array]:
    """Yields the columns of plain values in a column."""
    dtype = column.type
    if pa.types.is_struct(dtype):
        for child in column.flatten():
            yield from _leaves(child)
    elif pa.types.is_map(dtype):
        yield from _leaves(column.keys)
        yield from _leaves(column.items)
    elif pa.types.is_nested(dtype):
        yield from _leaves(column.flatten())
    elif pa.types.is_dictionary(dtype):
        yield column.dictionary_decode()
    else:
        yield column


def _in_leaf(leaf: pa.Array, name: str, targets: Targets) -> Counter[str]:
    found: Counter[str] = Counter()
    if pa.types.is_integer(leaf.type):
        if name == "aid":
            numbers = leaf.filter(pc.is_in(leaf, pa.array(list(targets.aids), leaf.type)))
            found.update(targets.aids[number] for number in numbers.to_pylist())
    elif _is_text(leaf.type):
        for value, count in _candidates(leaf, targets):
            found.update(dict.fromkeys(targets.named(value), count))
    elif pa.types.is_binary(leaf.type) or pa.types.is_large_binary(leaf.type):
        for value in leaf.drop_null().to_pylist():
            found.update({bvid for bvid, _, _ in targets.find(value)})
    return found


def _candidates(leaf: pa.Array, targets: Targets) -> Iterator[tuple[str, int]]:
    """Yields texts that may name a video, with the number of cells; most texts are dismissed at once."""
    distinct = pc.value_counts(leaf)
    values, counts = distinct.field("values"), distinct.field("counts")
    exact = pc.is_in(values, pa.array(sorted(targets.ids), values.type))
    # A column of ids has millions of different ones, which need no closer look.
    other_id = pc.and_(pc.equal(pc.binary_length(values), 12), pc.starts_with(values, "BV"))
    likely = pc.and_not(pc.match_substring_regex(values, targets.coarse), other_id)
    chosen = pc.fill_null(pc.or_(exact, likely), False)
    yield from zip(values.filter(chosen).to_pylist(), counts.filter(chosen).to_pylist(), strict=True)


def _scrubbed(
    table: pa.Table, targets: Targets, also: Callable[[pa.Table], Mask] | None
) -> tuple[pa.Table, Scrubbed]:
    about = np.zeros(len(table), bool) if also is None else also(table).copy()
    for field, column in zip(table.schema, table.columns, strict=True):
        if _is_text(field.type):
            text = _text(column)
            values = [value for value, _ in _candidates(text, targets) if targets.owner(value)]
            if values:
                about |= pc.is_in(text, pa.array(values, text.type)).to_numpy(zero_copy_only=False)
        elif field.name == "aid" and pa.types.is_integer(field.type):
            aids = pa.array(list(targets.aids), field.type)
            about |= pc.is_in(column.combine_chunks(), aids).to_numpy(zero_copy_only=False)
    kept = table.filter(pa.array(~about)) if about.any() else table
    redacted = 0
    for number, field in enumerate(kept.schema):
        if not _may_name(field.type, field.name) or pa.types.is_integer(field.type):
            continue
        if not any(_in_leaf(leaf, field.name, targets) for leaf in _leaves(_one(kept[field.name]))):
            continue
        cells = kept[field.name].to_pylist()
        clean = [_redacted(cell, targets) for cell in cells]
        redacted += sum(before != after for before, after in zip(cells, clean, strict=True))
        kept = kept.set_column(number, field, pa.array(clean, field.type))
    return kept, Scrubbed(int(about.sum()), redacted)


def _redacted(cell: Any, targets: Targets) -> Any:
    if isinstance(cell, str):
        return targets.redacted(cell) if targets.named(cell) else cell
    if isinstance(cell, bytes):
        return b"" if any(targets.find(cell)) else cell
    if isinstance(cell, list | tuple):
        return [_redacted(each, targets) for each in cell]
    if isinstance(cell, dict):
        return {key: _redacted(each, targets) for key, each in cell.items()}
    return cell


def _text(column: pa.ChunkedArray) -> pa.Array:
    values = _one(column)
    return values.dictionary_decode() if pa.types.is_dictionary(values.type) else values


def _one(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)

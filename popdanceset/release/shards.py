"""Shards of a release: parquet files of limited size, with one row group per clip.

A release keeps every shard of the release before whose clips are all still the same, and writes the others'
clips to new shards (`kept_shards`). So a refresh costs what has changed, and copies of releases share files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import pyarrow as pa
import pyarrow.parquet as pq

from popdanceset import layout
from popdanceset.checksum import sha256_of

MAX_BYTES = 256 << 20
MANY = 8


class Place(NamedTuple):
    """Where a clip's rows are: index of the file, and index of the row group in it."""

    file: int
    row_group: int


class Shard(NamedTuple):
    """A file of a published release.

    Attributes:
        name: inside the release.
        size: in bytes.
        clips: clip id → hash of its rows, in order.
    """

    name: str
    size: int
    clips: Mapping[str, str]


def kept_shards(
    shards: Sequence[Shard], wanted: Mapping[str, str], max_bytes: int = MAX_BYTES
) -> list[Shard]:
    """Chooses the shards of a table's split that the next release keeps.

    A shard is kept if all its clips are wanted with the same rows. Each release with new clips adds a small
    shard. Once there are `MANY` of less than half the size of a full one, none of them is kept: the next
    release writes their clips together. So a release has at most `MANY` shards more than twice as many as
    full ones would be.

    Args:
        shards: of the release before.
        wanted: clip id → hash of its rows, for the clips of the table and split in the next release.
        max_bytes: size of a full shard.
    """
    kept = [shard for shard in shards if all(wanted.get(clip) == rows for clip, rows in shard.clips.items())]
    if sum(len(shard.clips) for shard in kept) == len(wanted):
        return kept
    small = [shard for shard in kept if shard.size < max_bytes // 2]
    return kept if len(small) < MANY else [shard for shard in kept if shard not in small]


class Configuration(NamedTuple):
    """A table of a release, as `datasets` loads it.

    Attributes:
        patterns: split → pattern of its parquet files.
        schema: of their rows.
    """

    patterns: Mapping[str, str]
    schema: pa.Schema


class ShardWriter:
    """Writes the files of a table's split: `{table}-{split}-{number}-{hash}.parquet`, one row group per clip.

    The hash is that of the file's content, so that a name never stands for two contents.
    Floating-point columns are split into byte streams before zstd compresses them, which makes poses a third
    smaller than zstd alone.

    Args:
        folder: of the release.
        table: `frames`, or an extractor.
        split: of the clips.
        schema: of the rows.
        first: number of the first file.
        max_bytes: after a file has reached this size, the next clip starts a new file.
    """

    def __init__(
        self,
        folder: Path,
        table: str,
        split: str,
        schema: pa.Schema,
        first: int = 0,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._pattern = folder / layout.shards(table, split)
        self._table, self._split, self._release = table, split, folder
        self._schema, self._first, self._max_bytes = schema, first, max_bytes
        self._names: list[str] = []
        self._unfinished: Path | None = None
        self._sink: pa.NativeFile | None = None
        self._writer: pq.ParquetWriter | None = None
        self._row_groups = 0

    def write(self, rows: pa.Table) -> Place:
        """Writes the rows of one clip."""
        if self._sink is None or self._sink.tell() >= self._max_bytes:
            self._next_file()
        assert self._writer is not None
        self._writer.write_table(rows, row_group_size=max(1, len(rows)))
        self._row_groups += 1
        return Place(len(self._names), self._row_groups - 1)

    def names(self) -> list[str]:
        """Returns the names of the files inside the release, in order. Complete after the block."""
        return self._names

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close_file()

    def _next_file(self) -> None:
        self._close_file()
        self._pattern.parent.mkdir(parents=True, exist_ok=True)
        self._unfinished = self._pattern.with_name(f".{self._pattern.name.replace('*', 'unfinished')}")
        self._sink = pa.OSFile(str(self._unfinished), "wb")
        self._writer = pq.ParquetWriter(
            self._sink,
            self._schema,
            compression="zstd",
            use_dictionary=[field.name for field in self._schema if _is_text(field.type)],
            use_byte_stream_split=list(_float_columns(self._schema)),
            sorting_columns=[pq.SortingColumn(0)],
        )
        self._row_groups = 0

    def _close_file(self) -> None:
        if self._writer is None or self._sink is None or self._unfinished is None:
            return
        self._writer.close()
        self._sink.close()
        number = self._first + len(self._names)
        name = layout.shard(self._table, self._split, number, sha256_of(self._unfinished))
        self._unfinished.rename(self._release / name)
        self._names.append(name)
        self._writer = self._sink = self._unfinished = None


def row_groups(file: pq.ParquetFile) -> Iterator[str]:
    """Yields the clip id of each row group; reads nothing but the file's footer."""
    for number in range(file.num_row_groups):
        yield file.metadata.row_group(number).column(0).statistics.min


def _is_text(dtype: pa.DataType) -> bool:
    return bool(pa.types.is_string(dtype) or pa.types.is_dictionary(dtype))


def _float_columns(schema: pa.Schema) -> Iterator[str]:
    """Yields Parquet's names of the floating-point columns."""
    for field in schema:
        if pa.types.is_fixed_size_list(field.type) and pa.types.is_floating(field.type.value_type):
            yield f"{field.name}.list.{field.type.value_field.name}"
        elif pa.types.is_floating(field.type):
            yield field.name

"""Shards of a release: numbered parquet files of limited size, with one row group per clip."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import pyarrow as pa
import pyarrow.parquet as pq

from popdanceset import layout

MAX_BYTES = 256 << 20


class Place(NamedTuple):
    """Where a clip's rows are: index of the file, and index of the row group in it."""

    file: int
    row_group: int


class Configuration(NamedTuple):
    """A table of a release, as `datasets` loads it.

    Attributes:
        patterns: split → pattern of its parquet files.
        schema: of their rows.
    """

    patterns: Mapping[str, str]
    schema: pa.Schema


class ShardWriter:
    """Writes `{stem}-00000-of-0000N.parquet` files; N is known when the block ends.

    Floating-point columns are split into byte streams before zstd compresses them, which makes poses a third
    smaller than zstd alone.

    Args:
        folder: of the files; created together with the first one.
        stem: beginning of their names.
        schema: of the rows.
        max_bytes: after a file has reached this size, the next clip starts a new file.
    """

    def __init__(self, folder: Path, stem: str, schema: pa.Schema, max_bytes: int = MAX_BYTES) -> None:
        self._folder, self._stem, self._schema, self._max_bytes = folder, stem, schema, max_bytes
        self._paths: list[Path] = []
        self._writer: pq.ParquetWriter | None = None
        self._row_groups = 0

    def write(self, rows: pa.Table) -> Place:
        """Writes the rows of one clip."""
        if self._writer is None or self._paths[-1].stat().st_size >= self._max_bytes:
            self._next_file()
        assert self._writer is not None
        self._writer.write_table(rows, row_group_size=max(1, len(rows)))
        self._row_groups += 1
        return Place(len(self._paths) - 1, self._row_groups - 1)

    def paths(self) -> list[Path]:
        """Returns the files, in order. Their names are final after the block."""
        return self._paths

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close_file()
        if error is None:
            total = len(self._paths)
            self._paths = [
                path.rename(self._folder / f"{self._stem}-{number:05d}-of-{total:05d}{layout.PARQUET}")
                for number, path in enumerate(self._paths)
            ]

    def _next_file(self) -> None:
        self._close_file()
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{self._stem}-{len(self._paths):05d}{layout.PARQUET}"
        self._writer = pq.ParquetWriter(
            path,
            self._schema,
            compression="zstd",
            use_dictionary=[field.name for field in self._schema if _is_text(field.type)],
            use_byte_stream_split=list(_float_columns(self._schema)),
            sorting_columns=[pq.SortingColumn(0)],
        )
        self._paths.append(path)
        self._row_groups = 0

    def _close_file(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


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

"""Reads row groups of one parquet file of a release, with the bytes that this needs and no more.

The footer is read once, in one or two requests. It is not trusted: what it claims is compared with the size
of the file and with what the columns can hold before any memory is taken for it.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from popdanceset.errors import SchemaError
from popdanceset.release.limits import FOOTER_BYTES, FRAMES
from popdanceset.release.pages import Pieces, unpacked_bytes
from popdanceset.store import Store

TAIL = 1 << 16
"""Bytes of the first request for a footer: small footers are complete in it."""

_MAGIC = b"PAR1"
_WORD_BYTES = 1024
"""Of a cell with text, at most: ids and names."""

_SPARE = 1 << 22
"""Bytes that pages need beyond their values."""

_GAP = 1 << 13
"""Bytes between two columns that are read with them rather than in another request."""

_DAMAGE = "fetch the release again"


class _Chunk(NamedTuple):
    """A column of a row group in the file, and the bytes that it may unpack to."""

    column: str
    first: int
    size: int
    most: int


class ShardReader:
    """One parquet file, whose row groups several threads may read at once.

    Args:
        store: the release.
        name: of the file.

    Raises:
        StoreError: the file is missing or not readable.
        SchemaError: it is not a parquet file, or its footer is damaged or absurd.

    Attributes:
        metadata: its footer.
        schema: the schema of its rows.
    """

    def __init__(self, store: Store, name: str) -> None:
        self._store, self._name = store, name
        self._where = f"{store}/{name}"
        self._stack = ExitStack()
        self._lock = threading.Lock()
        self._free: list[pa.NativeFile] = []
        self._closed = False
        with store.open_read(name) as file:
            self.size = file.size()
            footer = self._footer(file)
        with self._damage_named():
            self.metadata: pq.FileMetaData = pq.read_metadata(pa.BufferReader(_MAGIC + footer))
            self.schema: pa.Schema = self.metadata.schema.to_arrow_schema()

    def __len__(self) -> int:
        return int(self.metadata.num_row_groups)

    @property
    def uncompressed(self) -> int:
        """Bytes of all row groups in memory, as the footer states them."""
        with self._damage_named():
            groups = (self.metadata.row_group(number) for number in range(len(self)))
            return sum(group.total_byte_size for group in groups)

    def rows(self, number: int) -> int:
        """Rows of a row group, as the footer states them."""
        with self._damage_named():
            return int(self.metadata.row_group(number).num_rows)

    def first_word(self, number: int, column: str = "clip_id") -> str | None:
        """The only word of a column of a row group; None if the footer does not state it, or has several."""
        with self._damage_named():
            group = self.metadata.row_group(number)
            for index in range(group.num_columns):
                chunk = group.column(index)
                if chunk.path_in_schema == column:
                    found = chunk.statistics
                    if found is None or not found.has_min_max or found.min != found.max:
                        return None
                    return found.min if isinstance(found.min, str) else None
        return None

    def read(self, number: int, columns: Sequence[str]) -> pa.Table:
        """Reads columns of a row group.

        Raises:
            StoreError: the file is not readable.
            SchemaError: there is no such row group, or it is damaged or absurd.
        """
        with self._damage_named():
            chunks = self._chunks(number, columns)
            with self._file() as file:
                pieces = Pieces(_fetched(file, chunks))
                for chunk in chunks:
                    unpacked = unpacked_bytes(pieces.at(chunk.first, chunk.size))
                    if unpacked > chunk.most:
                        raise self._absurd(number, chunk, unpacked)
                # A local file is read again, from the system's memory: quicker than through Python.
                source = file if self._store.is_local else pa.PythonFile(pieces, mode="r")
                parquet = pq.ParquetFile(source, metadata=self.metadata)
                table: pa.Table = parquet.read_row_group(number, list(columns), use_threads=False)
            return table

    def close(self) -> None:
        """Closes all handles."""
        with self._lock:
            self._closed = True
            self._free.clear()
        self._stack.close()

    def _footer(self, file: pa.NativeFile) -> bytes:
        tail = self._before(file, 0, min(TAIL, self.size))
        if self.size < 12 or tail[-4:] != _MAGIC:
            raise SchemaError("is damaged: it does not end as a parquet file", self._where, _DAMAGE)
        length = struct.unpack("<I", tail[-8:-4])[0] + 8
        if length > min(FOOTER_BYTES, self.size - 4):
            raise SchemaError(
                f"is damaged: its footer claims {length} of {self.size} bytes", self._where, _DAMAGE
            )
        if length > len(tail):
            tail = self._before(file, len(tail), length - len(tail)) + tail
        return tail[-length:]

    def _before(self, file: pa.NativeFile, after: int, count: int) -> bytes:
        """The `count` bytes before the last `after` ones."""
        with self._store.reading(self._name):
            return bytes(file.read_at(count, self.size - after - count))

    def _chunks(self, number: int, columns: Sequence[str]) -> list[_Chunk]:
        """Finds columns of a row group, and compares what the footer claims with what they can hold."""
        if not 0 <= number < len(self):
            raise SchemaError(f"has no row group {number}; it has {len(self)}", self._where, _DAMAGE)
        group = self.metadata.row_group(number)
        if not 0 <= group.num_rows <= FRAMES:
            raise SchemaError(
                f"is damaged: row group {number} claims {group.num_rows} rows", self._where, _DAMAGE
            )
        chunks = []
        for index in range(group.num_columns):
            found = group.column(index)
            name = found.path_in_schema.partition(".")[0]
            if name not in columns or not group.num_rows:
                continue
            first = found.data_page_offset
            if found.has_dictionary_page and found.dictionary_page_offset:
                first = min(first, found.dictionary_page_offset)
            most = group.num_rows * _cell_bytes(self.schema.field(name).type) * 2 + _SPARE
            chunk = _Chunk(name, first, found.total_compressed_size, most)
            inside = chunk.first >= 0 and 0 <= chunk.size <= self.size - chunk.first
            if not inside or not 0 <= found.total_uncompressed_size <= most:
                raise self._absurd(number, chunk, found.total_uncompressed_size)
            chunks.append(chunk)
        return chunks

    def _absurd(self, number: int, chunk: _Chunk, unpacked: int) -> SchemaError:
        return SchemaError(
            f"is damaged: column {chunk.column!r} of row group {number} claims {chunk.size} bytes at "
            f"{chunk.first} that become {unpacked}",
            self._where,
            _DAMAGE,
        )

    @contextmanager
    def _file(self) -> Iterator[pa.NativeFile]:
        """A handle that no other thread uses meanwhile."""
        with self._lock:
            file = self._free.pop() if self._free else None
        if file is None:
            file = self._stack.enter_context(self._store.open_read(self._name))
        try:
            yield file
        finally:
            with self._lock:
                if not self._closed:
                    self._free.append(file)

    @contextmanager
    def _damage_named(self) -> Iterator[None]:
        with self._store.reading(self._name):
            try:
                yield
            except (pa.ArrowException, ValueError, OverflowError, MemoryError, OSError) as error:
                if isinstance(error, OSError) and not _is_damage(error):
                    raise
                raise SchemaError(f"is damaged: {error}", self._where, _DAMAGE) from error


def _fetched(file: pa.NativeFile, chunks: Sequence[_Chunk]) -> list[tuple[int, bytes]]:
    """Reads chunks; those that are close to each other come in one request."""
    spans: list[list[int]] = []
    for chunk in sorted(chunks, key=lambda chunk: chunk.first):
        if spans and chunk.first <= spans[-1][1] + _GAP:
            spans[-1][1] = max(spans[-1][1], chunk.first + chunk.size)
        else:
            spans.append([chunk.first, chunk.first + chunk.size])
    return [(first, bytes(file.read_at(end - first, first))) for first, end in spans]


def _is_damage(error: OSError) -> bool:
    """Whether the content is wrong: Arrow reports it, and S3's errors, as OSError without a number."""
    return type(error) is OSError and error.errno is None and "AWS Error" not in str(error)


def _cell_bytes(dtype: pa.DataType) -> int:
    if pa.types.is_fixed_size_list(dtype):
        return int(dtype.list_size) * (_cell_bytes(dtype.value_type) + 1)
    try:
        return max(1, int(dtype.bit_width) // 8) + 1
    except ValueError:  # text and lists of text
        return _WORD_BYTES

"""Pages of column chunks: their headers, read before anything is unpacked.

A footer may claim less than its pages unpack to, and a parquet reader believes each page: a small file could
make it fill gigabytes. So the sizes are added up here first. Page headers are Thrift structs in the compact
protocol (https://github.com/apache/parquet-format).
"""

from __future__ import annotations

import io
from collections.abc import Sequence

_STOP = 0
_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(1, 13)
_UNCOMPRESSED, _COMPRESSED = 2, 3
"""Fields of a page header: bytes of the page once unpacked, and as stored."""

_DEEPEST = 8


class Pieces(io.RawIOBase):
    """Parts of a file in memory, as a file that has nothing else.

    Args:
        pieces: first byte and content of each part, in order, none of which overlap.
    """

    def __init__(self, pieces: Sequence[tuple[int, bytes]]) -> None:
        self._pieces = pieces
        self._place = 0

    def at(self, first: int, count: int) -> bytes:
        """Returns `count` bytes from the byte `first` on.

        Raises:
            ValueError: they are not in memory.
        """
        for begin, content in self._pieces:
            if begin <= first and first + count <= begin + len(content):
                return content[first - begin : first - begin + count]
        raise ValueError(f"the bytes {first} to {first + count} belong to no column")

    def read(self, size: int | None = -1) -> bytes:
        """Returns `size` bytes."""
        data = self.at(self._place, size or 0)
        self._place += len(data)
        return data

    def seek(self, place: int, whence: int = io.SEEK_SET) -> int:
        """Moves to a byte; its end is that of the last part."""
        begin, content = self._pieces[-1] if self._pieces else (0, b"")
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: begin + len(content)}[whence]
        self._place = start + place
        return self._place

    def tell(self) -> int:
        """The current byte."""
        return self._place

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True


def unpacked_bytes(chunk: bytes) -> int:
    """Returns the bytes that the pages of a column chunk claim to unpack to.

    Args:
        chunk: all pages with their headers, as stored.

    Raises:
        ValueError: the headers are damaged, or the pages are not as long as the chunk.
    """
    total = place = 0
    while place < len(chunk):
        fields, place = _header(chunk, place)
        unpacked, stored = fields.get(_UNCOMPRESSED, -1), fields.get(_COMPRESSED, -1)
        if unpacked < 0 or not 0 <= stored <= len(chunk) - place:
            raise ValueError("a page claims an impossible size")
        total += unpacked
        place += stored
    return total


def _header(data: bytes, place: int) -> tuple[dict[int, int], int]:
    """Reads the numbers of a page header; returns them by field, and the place after it."""
    found: dict[int, int] = {}
    field = 0
    while True:
        kind, field, place = _field(data, place, field)
        if kind == _STOP:
            return found, place
        if kind in (_I16, _I32, _I64):
            number, place = _varint(data, place)
            found[field] = (number >> 1) ^ -(number & 1)
        else:
            place = _skip(data, place, kind, 0)


def _field(data: bytes, place: int, before: int) -> tuple[int, int, int]:
    """Returns kind and number of the next field, and the place of its value."""
    byte = _byte(data, place)
    kind, step = byte & 15, byte >> 4
    if kind == _STOP or step:
        return kind, before + step, place + 1
    number, place = _varint(data, place + 1)
    return kind, (number >> 1) ^ -(number & 1), place


def _skip(data: bytes, place: int, kind: int, depth: int) -> int:
    """Returns the place after a value."""
    if depth > _DEEPEST:
        raise ValueError("a page header is nested too deeply")
    if kind in (_TRUE, _FALSE):
        return place
    if kind == _BYTE:
        return place + 1
    if kind == _DOUBLE:
        return place + 8
    if kind in (_I16, _I32, _I64):
        return _varint(data, place)[1]
    if kind == _BINARY:
        length, place = _varint(data, place)
        if length > len(data) - place:
            raise ValueError("a page header is cut off")
        return place + length
    if kind == _STRUCT:
        field = 0
        while True:
            kind_inside, field, place = _field(data, place, field)
            if kind_inside == _STOP:
                return place
            place = _skip(data, place, kind_inside, depth + 1)
    raise ValueError("a page header contains what no page header has")


def _varint(data: bytes, place: int) -> tuple[int, int]:
    number = 0
    for shift in range(0, 70, 7):
        byte = _byte(data, place)
        place += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, place
    raise ValueError("a number of a page header has no end")


def _byte(data: bytes, place: int) -> int:
    if place >= len(data):
        raise ValueError("a page header is cut off")
    return data[place]

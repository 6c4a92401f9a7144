"""Searches one file for videos, whatever its format, in bounded memory."""

from __future__ import annotations

import base64
import binascii
import gzip
import logging
import re
import sqlite3
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from typing import IO, Any

import pyarrow as pa

from popdanceset import layout
from popdanceset.store import Store
from popdanceset.withdrawal.databases import DATABASES, in_database
from popdanceset.withdrawal.tables import occurrences
from popdanceset.withdrawal.targets import Targets

log = logging.getLogger(__name__)

BLOCK = 1 << 22
ARCHIVES = (".zip", ".npz", ".pt", ".jar", ".xlsx")
PAGES = (".html", ".htm", ".svg", ".md")

_EMBEDDED = re.compile(rb"base64,([0-9A-Za-z+/=\s]{16,})")
_LARGEST_PAGE = 1 << 28
_UNREADABLE = (
    *(pa.ArrowException, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError),
    sqlite3.DatabaseError,
)
"""What is raised for files that are not what their names say."""

Found = Iterator[tuple[str, str, int]]
"""Video, where in the file, and how many times."""


def search_file(store: Store, name: str, targets: Targets) -> Found:
    """Yields what a file contains of the videos: in its bytes, and in what is compressed or embedded in it.

    Raises:
        StoreError: the file is not readable.
    """
    counts: Counter[tuple[str, str]] = Counter()
    with store.open_read(name) as file:
        counts.update({(bvid, "bytes"): n for bvid, n in in_bytes(file, targets).items()})
        file.seek(0)
        try:
            for bvid, where, number in _inside(file, store, name, targets):
                counts[bvid, where] += number
        except _UNREADABLE as error:
            log.warning("%s: only its bytes were searched: %s", name, error)
        except OSError as error:
            if not isinstance(error, gzip.BadGzipFile):
                raise
            log.warning("%s: only its bytes were searched: %s", name, error)
    yield from ((bvid, where, number) for (bvid, where), number in sorted(counts.items()))


def in_bytes(file: Any, targets: Targets) -> Counter[str]:
    """Returns video → number of occurrences in a stream of bytes.

    Args:
        file: anything with `read`.
        targets: the videos.
    """
    counts: Counter[str] = Counter()
    overlap, rest = targets.longest, b""
    while block := file.read(BLOCK):
        data = rest + block
        # What begins in the last bytes is counted with the next block, which has its end.
        limit = len(data) - overlap
        counts.update(bvid for bvid, start, _ in targets.find(data) if start < limit)
        rest = data[max(limit, 0) :] if limit > 0 else data
    counts.update(bvid for bvid, _, _ in targets.find(rest))
    return counts


def _inside(file: Any, store: Store, name: str, targets: Targets) -> Found:
    if name.endswith(layout.PARQUET):
        for column, counts in occurrences(file, targets):
            yield from ((bvid, f"column {column}", number) for bvid, number in counts.items())
    elif name.endswith(DATABASES):
        for table, counts in in_database(store, name, targets):
            yield from ((bvid, f"table {table}", number) for bvid, number in counts.items())
    elif name.endswith(ARCHIVES):
        yield from _in_archive(file, targets)
    elif name.endswith(".gz"):
        with gzip.open(file) as stream:
            yield from ((bvid, "compressed", n) for bvid, n in in_bytes(stream, targets).items())
    elif name.endswith(PAGES) and file.size() <= _LARGEST_PAGE:
        for part in _embedded(file):
            yield from ((bvid, "embedded", 1) for bvid, _, _ in targets.find(part))


def _in_archive(file: IO[bytes], targets: Targets) -> Found:
    if not zipfile.is_zipfile(file):
        return
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            with archive.open(member) as stream:
                for bvid, number in in_bytes(stream, targets).items():
                    yield bvid, f"member {member.filename}", number


def _embedded(file: Any) -> Iterator[bytes]:
    """Yields the pictures and other files that a page contains as text."""
    for match in _EMBEDDED.finditer(file.read()):
        text = b"".join(match[1].split()).rstrip(b"=")
        text = text[: len(text) - (len(text) % 4 == 1)]
        try:
            yield base64.b64decode(text + b"=" * (-len(text) % 4))
        except binascii.Error:
            continue

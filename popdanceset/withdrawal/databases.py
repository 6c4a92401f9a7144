"""Searches SQLite files for videos."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from popdanceset import layout
from popdanceset.store import Store
from popdanceset.withdrawal.targets import Targets

DATABASES = (".sqlite", ".sqlite3", ".db")
WAL = "-wal"
"""What SQLite appends to the name of the file that has the newest transactions."""


def in_database(store: Store, name: str, targets: Targets) -> Iterator[tuple[str, Counter[str]]]:
    """Yields tables of an SQLite file in which a video occurs, with the number of occurrences by video.

    Rows that are too long for a page are cut in pieces, so an id in them may not be found in the bytes of the
    file. A copy is read, because SQLite writes files beside a database that it reads.

    Raises:
        sqlite3.DatabaseError: it is no database, or a damaged one.
        StoreError: it is not readable.
    """
    with tempfile.TemporaryDirectory(prefix=layout.TEMPORARY) as folder:
        copy = Path(folder, "copy")
        for suffix in ("", WAL):
            if store.exists(name + suffix):
                with store.open_read(name + suffix) as file, open(f"{copy}{suffix}", "wb") as target:
                    shutil.copyfileobj(file, target, 1 << 20)
        with contextlib.closing(sqlite3.connect(copy)) as connection:
            connection.text_factory = bytes
            tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            for (table,) in tables:
                counts: Counter[str] = Counter()
                quoted = table.decode().replace('"', '""')
                for row in connection.execute(f'SELECT * FROM "{quoted}"'):  # nosec B608  # quoted
                    texts = (cell for cell in row if isinstance(cell, bytes))
                    counts.update(bvid for text in texts for bvid, _, _ in targets.find(text))
                if counts:
                    yield table.decode(), counts

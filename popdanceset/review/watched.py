"""Tables of a store that are kept in memory and read again, file by file, when stages write them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa

from popdanceset.errors import SchemaError, StoreError
from popdanceset.store import Store

Row = dict[str, Any]

_FILE = "__filename"  # how pyarrow calls the column with the path of a row's file

log = logging.getLogger(__name__)


class WatchedTable:
    """The rows of a table, as they are in the store at the last `refresh`.

    Args:
        store: with the table.
        folder: of the table.
        schema: of the table.
        columns: those that are read.
    """

    def __init__(self, store: Store, folder: str, schema: pa.Schema, columns: Sequence[str]) -> None:
        self._store, self._folder, self._schema = store, folder, schema
        self._columns = [*columns]
        self._marks: dict[str, str] = {}
        self._rows: dict[str, list[Row]] = {}

    def refresh(self) -> bool:
        """Reads the files that are new or were replaced; returns whether anything changed.

        A damaged file costs its own rows, and a warning says so.

        Raises:
            StoreError: the store cannot be reached.
        """
        marks = {
            name: mark for name, mark in self._store.marks(self._folder).items() if name.endswith(".parquet")
        }
        if marks == self._marks:
            return False
        changed = [name for name, mark in marks.items() if self._marks.get(name) != mark]
        for name in self._rows.keys() - marks.keys():
            del self._rows[name]
        try:
            # One request for all of them: two thousand small files take a second, not ten.
            self._rows.update(self._read(changed))
        except (SchemaError, StoreError):
            for name in changed:
                try:
                    self._rows.update(self._read([name]))
                except (SchemaError, StoreError) as error:
                    self._rows.pop(name, None)
                    log.warning("these rows are left out: %s", error)
        self._marks = marks
        return True

    def rows(self) -> Iterable[Row]:
        """Yields the rows, in the order of the files' names."""
        for name in sorted(self._rows):
            yield from self._rows[name]

    def _read(self, names: Sequence[str]) -> dict[str, list[Row]]:
        """Rows by file."""
        found: dict[str, list[Row]] = {name: [] for name in names}
        if not names:
            return found
        table = self._store.read_table(names, self._schema, [*self._columns, _FILE])
        for row in table.to_pylist():
            path = row.pop(_FILE)
            found[path[path.rindex(f"/{self._folder}/") + 1 :]].append(row)
        return found

"""SQLite files that keep what people entered: what a transaction has written is on the disk when it ends.

Threads may share one, and several processes may open one file. A process or machine that dies later loses
nothing of it.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from popdanceset.atomic import sync_folder
from popdanceset.errors import InputError, StoreError

BUSY_SECONDS = 30.0
"""How long one process waits for the others."""


class DurableDatabase:
    """An open database of one kind; each kind is a class below this one.

    Attributes:
        kind: what messages call it.
        application_id: what marks a file as a database of this kind.
        version: of its tables.
        schema: the statements that make them.
        absent: what to do if there is no file; other: what to do if it is another.

    Args:
        path: of the file.
        create: whether to make the file if it does not exist.

    Raises:
        StoreError: the file cannot be opened, is not such a database, or is of a newer version.
    """

    kind: ClassVar[str]
    application_id: ClassVar[int]
    version: ClassVar[int] = 1
    schema: ClassVar[tuple[str, ...]]
    absent: ClassVar[str]
    other: ClassVar[str]

    def __init__(self, path: Path, create: bool = True) -> None:
        self.path = path
        self._lock = threading.Lock()
        if not create and not path.is_file():
            raise StoreError(f"there is no {self.kind}", path, self.absent)
        if path.exists() and not path.is_file():
            raise StoreError("is not a file", path, self.other)
        with self._translated():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
        try:
            with self._translated():
                self._prepare()
        except StoreError:
            self._connection.close()
            raise

    def close(self) -> None:
        """Closes the file."""
        with self._lock, self._translated():
            self._connection.close()

    def _prepare(self) -> None:
        """Makes an empty file a database of ours, and refuses other files."""
        connection = self._connection
        new = not self._is_ours()
        # Fails at once, not after the waiting time, if another process is opening the same new file.
        deadline = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
                break
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
        if mode != "wal":
            raise StoreError(
                "this file system has no shared memory for a database", self.path, "use a local disk"
            )
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")
        if new:
            connection.execute("BEGIN IMMEDIATE")
            if not self._is_ours():  # another process may have been faster
                for statement in self.schema:
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id = {self.application_id}")
                connection.execute(f"PRAGMA user_version = {self.version}")
            connection.execute("COMMIT")
            sync_folder(self.path.parent)

    def _is_ours(self) -> bool:
        """Returns whether the file is a database of ours; False if it is empty."""
        (application,) = self._connection.execute("PRAGMA application_id").fetchone()
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        (tables,) = self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if not (application or version or tables):
            return False
        if application != self.application_id:
            raise StoreError(f"is not a {self.kind}", self.path, self.other)
        if version != self.version:
            raise StoreError(
                f"is a {self.kind} of version {version}, and this program knows version {self.version}",
                self.path,
                "update popdanceset",
            )
        return True

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """One transaction: committed and on the disk when the block ends, or else without effect."""
        with self._lock, self._translated():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def _read(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with self._lock, self._translated():
            return self._connection.execute(statement, values).fetchall()

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        """Turns what SQLite and the system raise into errors of ours."""
        try:
            yield
        except UnicodeEncodeError as error:
            raise InputError("a text has characters that cannot be written", do="type it again") from error
        except sqlite3.DatabaseError as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code == sqlite3.SQLITE_NOTADB:
                raise StoreError(f"is not a {self.kind}", self.path, self.other) from error
            if code == sqlite3.SQLITE_BUSY:
                raise StoreError(
                    f"another process kept the {self.kind} busy for {BUSY_SECONDS:.0f} s",
                    self.path,
                    "try again",
                ) from error
            raise StoreError(
                f"the {self.kind} failed: {error}", self.path, "check permissions and free space"
            ) from error
        except OSError as error:
            raise StoreError(f"cannot be opened: {error.strerror}", self.path, "check permissions") from error

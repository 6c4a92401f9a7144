"""The database of decisions: what reviewers decide while they review, in one SQLite file.

Threads may share a `ReviewDatabase`, and several processes may open one file. What `add` has returned is on
the disk: a process or machine that dies later loses nothing of it.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from popdanceset.atomic import sync_folder
from popdanceset.errors import InputError, StoreError
from popdanceset.review.decisions import Decision, Kind
from popdanceset.withdrawal.targets import Targets

APPLICATION_ID = 0x504F5044  # "POPD"
SCHEMA_VERSION = 1
BUSY_SECONDS = 30.0
"""How long one process waits for the others."""

_SCHEMA = (
    """CREATE TABLE decisions (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        batch INTEGER NOT NULL,
        change INTEGER NOT NULL,
        clip_id TEXT NOT NULL,
        kind TEXT NOT NULL,
        value TEXT NOT NULL,
        note TEXT NOT NULL,
        reviewer TEXT NOT NULL,
        decided_at TEXT NOT NULL,
        revoked_at TEXT
    )""",
    "CREATE INDEX decisions_by_change ON decisions (change)",
    "CREATE INDEX decisions_by_reviewer ON decisions (reviewer, batch)",
    """CREATE TABLE looks (
        clip_id TEXT NOT NULL,
        reviewer TEXT NOT NULL,
        seconds REAL NOT NULL,
        PRIMARY KEY (clip_id, reviewer)
    ) WITHOUT ROWID""",
    # Counts additions, undos and erasures. It is kept, because `max(change)` falls when rows are erased.
    "CREATE TABLE changes (latest INTEGER NOT NULL)",
    "INSERT INTO changes VALUES (0)",
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {SCHEMA_VERSION}",
)

_COLUMNS = "id, clip_id, kind, value, note, reviewer, decided_at, batch, revoked_at"


@dataclass(frozen=True, slots=True)
class Stored:
    """A decision as the database has it.

    Attributes:
        id: ascending in the order in which decisions were made.
        decision: what was decided.
        batch: decisions that were made together have the same number.
        revoked_at: when the reviewer took it back, UTC; None if it stands.
    """

    id: int
    decision: Decision
    batch: int
    revoked_at: str | None


@dataclass(frozen=True, slots=True)
class Look:
    """How long a reviewer has looked at a clip, in seconds, all visits together."""

    clip_id: str
    reviewer: str
    seconds: float


def now() -> str:
    """Returns the time as decisions have it: UTC, `2026-11-29T12:00:00.000Z`."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def standing(stored: Iterable[Stored]) -> list[Stored]:
    """Returns the decisions that count, oldest first.

    Of each reviewer that is the newest not revoked in each slot of a clip (`Decision.slot`): a reviewer who
    decides again replaces the earlier decision, and one who then undoes that has the earlier one again.
    """
    newest = {
        (each.decision.reviewer, each.decision.clip_id, each.decision.slot): each
        for each in sorted(stored, key=lambda each: each.id)
        if each.revoked_at is None
    }
    return sorted(newest.values(), key=lambda each: each.id)


class ReviewDatabase:
    """An open database of decisions.

    Args:
        path: of the file.
        create: whether to make the file if it does not exist.

    Raises:
        StoreError: the file cannot be opened, is not such a database, or is of a newer version.
    """

    def __init__(self, path: Path, create: bool = True) -> None:
        self.path = path
        self._lock = threading.Lock()
        if not create and not path.is_file():
            raise StoreError("there is no review database", path, "review some clips first")
        if path.exists() and not path.is_file():
            raise StoreError("is not a file", path, "give another --database")
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

    def add(self, decisions: Sequence[Decision]) -> list[int]:
        """Adds decisions that were made together. They are on the disk when it returns.

        A decision without a time gets the present one.

        Returns:
            Their ids, in the same order.

        Raises:
            InputError: a text cannot be written as UTF-8.
            StoreError: the database is not writable.
        """
        if not decisions:
            return []
        with self._transaction() as connection:
            change, time_ = self._next_change(), now()
            ids = []
            for each in decisions:
                cursor = connection.execute(
                    "INSERT INTO decisions (batch, change, clip_id, kind, value, note, reviewer, decided_at)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (change, change, each.clip_id, str(each.kind), each.value, each.note, each.reviewer,
                     each.decided_at or time_),
                )  # fmt: skip
                assert cursor.lastrowid is not None
                ids.append(cursor.lastrowid)
        return ids

    def undo(self, reviewer: str) -> list[int]:
        """Takes back the reviewer's newest batch of which anything stands.

        Returns:
            The ids of its decisions; empty if there is nothing to take back.

        Raises:
            StoreError: the database is not writable.
        """
        with self._transaction() as connection:
            (batch,) = connection.execute(
                "SELECT max(batch) FROM decisions WHERE reviewer = ? AND revoked_at IS NULL", (reviewer,)
            ).fetchone()
            return self._revoke("batch = ? AND reviewer = ?", (batch, reviewer))

    def revoke(self, decision_id: int, reviewer: str) -> None:
        """Takes back one of the reviewer's own decisions. Nothing happens if it was taken back already.

        Raises:
            InputError: there is no such decision, or it is another reviewer's.
            StoreError: the database is not writable.
        """
        with self._transaction() as connection:
            row = connection.execute("SELECT reviewer FROM decisions WHERE id = ?", (decision_id,)).fetchone()
            if row is None or row[0] != reviewer:
                raise InputError(f"decision {decision_id} is not one of {reviewer}'s", do="choose another")
            self._revoke("id = ?", (decision_id,))

    def decisions(self, since: int = 0, everything: bool = False) -> list[Stored]:
        """Returns decisions, oldest first. Those of one slot are all in it: see `standing`.

        Args:
            since: only decisions made or taken back after this change (`latest`).
            everything: those taken back too.

        Raises:
            StoreError: the database is not readable.
        """
        taken_back = "" if everything else " AND revoked_at IS NULL"
        rows = self._read(f"SELECT {_COLUMNS} FROM decisions WHERE change > ?{taken_back} ORDER BY id", since)
        return [Stored(row[0], _decision(row[1:7], self.path), row[7], row[8]) for row in rows]

    def latest(self) -> int:
        """Returns the number of the newest change: it grows with every addition, undo and erasure.

        Raises:
            StoreError: the database is not readable.
        """
        return int(self._read("SELECT latest FROM changes")[0][0])

    def looked(self, clip_id: str, reviewer: str, seconds: float) -> None:
        """Adds to the time that a reviewer has looked at a clip.

        Raises:
            StoreError: the database is not writable.
        """
        with self._transaction() as connection:
            connection.execute(
                "INSERT INTO looks VALUES (?, ?, ?)"
                " ON CONFLICT DO UPDATE SET seconds = seconds + excluded.seconds",
                (clip_id, reviewer, seconds),
            )

    def looks(self) -> list[Look]:
        """Returns how long each reviewer has looked at each clip.

        Raises:
            StoreError: the database is not readable.
        """
        rows = self._read("SELECT clip_id, reviewer, seconds FROM looks ORDER BY clip_id, reviewer")
        return [Look(*row) for row in rows]

    def erase(self, bvids: Collection[str]) -> int:
        """Deletes everything about withdrawn videos, so that the file has none of their bytes any more.

        In notes and names of other clips' decisions a mark takes the place of their ids.

        Returns:
            The number of rows deleted or changed.

        Raises:
            StoreError: the database is not writable, or another process keeps it busy.
        """
        targets = Targets(bvids)
        with self._transaction() as connection:
            changed = 0
            for (clip_id,) in connection.execute(
                "SELECT clip_id FROM decisions UNION SELECT clip_id FROM looks"
            ).fetchall():
                if targets.owner(clip_id):
                    for table in ("decisions", "looks"):
                        changed += connection.execute(
                            f"DELETE FROM {table} WHERE clip_id = ?", (clip_id,)
                        ).rowcount
            texts = connection.execute("SELECT id, kind, value, note, reviewer FROM decisions").fetchall()
            for id_, kind, value, note, reviewer in texts:
                if kind == Kind.MUSIC and targets.owner(value):
                    connection.execute("DELETE FROM decisions WHERE id = ?", (id_,))
                elif (clean := tuple(map(targets.redacted, (value, note, reviewer)))) != (
                    value, note, reviewer
                ):  # fmt: skip
                    connection.execute(
                        "UPDATE decisions SET value = ?, note = ?, reviewer = ? WHERE id = ?", (*clean, id_)
                    )
                else:
                    continue
                changed += 1
            if changed:
                self._next_change()
        # Also when nothing changed: an erasure that was killed here left the old bytes in the file.
        with self._lock, self._translated():
            self._connection.execute("VACUUM")
            busy, *_ = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise StoreError(
                "another process reads the review database, so bytes of withdrawn videos are still in it",
                self.path,
                "stop `popdanceset review` and withdraw again",
            )
        return changed

    def mentions(self, bvid: str) -> int:
        """Returns the number of rows that mention a video or its clips, anywhere.

        Raises:
            StoreError: the database is not readable.
        """
        targets = Targets([bvid])
        rows = self._read("SELECT clip_id, value, note, reviewer FROM decisions")
        rows += self._read("SELECT clip_id, reviewer FROM looks")
        return sum(any(map(targets.named, row)) for row in rows)

    def close(self) -> None:
        """Closes the file."""
        with self._lock, self._translated():
            self._connection.close()

    # -- inside

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
                for statement in _SCHEMA:
                    connection.execute(statement)
            connection.execute("COMMIT")
            sync_folder(self.path.parent)

    def _is_ours(self) -> bool:
        """Returns whether the file is a database of ours; False if it is empty."""
        (application,) = self._connection.execute("PRAGMA application_id").fetchone()
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        (tables,) = self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if not (application or version or tables):
            return False
        if application != APPLICATION_ID:
            raise StoreError("is not a review database", self.path, "give another --database")
        if version != SCHEMA_VERSION:
            raise StoreError(
                f"is a review database of version {version}, and this program knows version {SCHEMA_VERSION}",
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

    def _next_change(self) -> int:
        (latest,) = self._connection.execute(
            "UPDATE changes SET latest = latest + 1 RETURNING latest"
        ).fetchone()
        return int(latest)

    def _revoke(self, condition: str, values: tuple[object, ...]) -> list[int]:
        condition = f"{condition} AND revoked_at IS NULL"
        found = self._connection.execute(
            f"SELECT id FROM decisions WHERE {condition} ORDER BY id", values
        ).fetchall()
        if found:
            self._connection.execute(
                f"UPDATE decisions SET revoked_at = ?, change = ? WHERE {condition}",
                (now(), self._next_change(), *values),
            )
        return [int(row[0]) for row in found]

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
                raise StoreError("is not a review database", self.path, "give another --database") from error
            if code == sqlite3.SQLITE_BUSY:
                raise StoreError(
                    f"another process kept the review database busy for {BUSY_SECONDS:.0f} s",
                    self.path,
                    "try again",
                ) from error
            raise StoreError(
                f"the review database failed: {error}", self.path, "check permissions and free space"
            ) from error
        except OSError as error:
            raise StoreError(f"cannot be opened: {error.strerror}", self.path, "check permissions") from error


def _decision(cells: Sequence[str], path: Path) -> Decision:
    clip_id, kind, value, note, reviewer, decided_at = cells
    try:
        return Decision(clip_id, Kind(kind), value, note, reviewer, decided_at)
    except ValueError as error:
        raise StoreError(f"has a decision of unknown kind {kind!r}", path, "update popdanceset") from error

"""The database of decisions: what reviewers decide while they review, in one SQLite file.

What `add` has returned is on the disk: a process or machine that dies later loses nothing of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from popdanceset.durable_database import DurableDatabase
from popdanceset.errors import InputError, StoreError
from popdanceset.review.decisions import Decision, Kind
from popdanceset.withdrawal.targets import Targets

APPLICATION_ID = 0x504F5044  # "POPD"
SCHEMA_VERSION = 1

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
    "CREATE TABLE changes (latest INTEGER NOT NULL, erased INTEGER NOT NULL)",
    "INSERT INTO changes VALUES (0, 0)",
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


class ReviewDatabase(DurableDatabase):
    """An open database of decisions."""

    kind = "review database"
    application_id = APPLICATION_ID
    version = SCHEMA_VERSION
    schema = _SCHEMA
    absent = "review some clips first"
    other = "give another --database"

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
        """Returns decisions, oldest first, replaced ones too: `standing` finds those that count.

        Args:
            since: only decisions made or taken back after this change (`latest`).
            everything: those taken back too.

        Raises:
            StoreError: the database is not readable.
        """
        also = "" if everything else " AND revoked_at IS NULL"
        query = f"SELECT {_COLUMNS} FROM decisions WHERE change > ?{also} ORDER BY id"  # nosec B608  # constants
        rows = self._read(query, since)
        return [Stored(row[0], _decision(row[1:7], self.path), row[7], row[8]) for row in rows]

    def latest(self) -> int:
        """Returns the number of the newest change: it grows with every addition, undo and erasure.

        Raises:
            StoreError: the database is not readable.
        """
        return int(self._read("SELECT latest FROM changes")[0][0])

    def erased(self) -> int:
        """Returns the number of the newest erasure, 0 if there was none.

        Raises:
            StoreError: the database is not readable.
        """
        return int(self._read("SELECT erased FROM changes")[0][0])

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
                            f"DELETE FROM {table} WHERE clip_id = ?",  # nosec B608  # one of two constants
                            (clip_id,),
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
                connection.execute("UPDATE changes SET erased = latest")
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

    # -- inside

    def _next_change(self) -> int:
        (latest,) = self._connection.execute(
            "UPDATE changes SET latest = latest + 1 RETURNING latest"
        ).fetchone()
        return int(latest)

    def _revoke(self, condition: str, values: tuple[object, ...]) -> list[int]:
        """Takes back the decisions that fit a condition: text of this file, with what varies in `values`."""
        condition = f"{condition} AND revoked_at IS NULL"
        query = f"SELECT id FROM decisions WHERE {condition} ORDER BY id"  # nosec B608  # see above
        found = self._connection.execute(query, values).fetchall()
        if found:
            self._connection.execute(
                f"UPDATE decisions SET revoked_at = ?, change = ? WHERE {condition}",  # nosec B608  # as above
                (now(), self._next_change(), *values),
            )
        return [int(row[0]) for row in found]


def _decision(cells: Sequence[str], path: Path) -> Decision:
    clip_id, kind, value, note, reviewer, decided_at = cells
    try:
        return Decision(clip_id, Kind(kind), value, note, reviewer, decided_at)
    except ValueError as error:
        raise StoreError(f"has a decision of unknown kind {kind!r}", path, "update popdanceset") from error

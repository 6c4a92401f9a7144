"""The safety net: an unexpected error costs the item that met it, and the other items are finished.

Stages that work on many items (acquire on parts of videos, extract and features on clips) work on each
under `Net.under`. What an item failed with is kept as a row of `popdanceset.schema.FAILURES`, and its
traceback goes to the log. A later run leaves the item alone, except a run of another version of this
package, or one that is asked to try failed items again.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import traceback
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import popdanceset
from popdanceset import layout, logs
from popdanceset.clip_id import is_clip
from popdanceset.errors import (
    AssetError,
    DownloadError,
    FailedError,
    PopDanceSetError,
    RefusedError,
    SettingsError,
    StoreError,
)
from popdanceset.ledger import count
from popdanceset.schema import FAILURES, Reason

if TYPE_CHECKING:
    from popdanceset.store import Store

log = logging.getLogger(__name__)

PASSING = (RefusedError, SettingsError, AssetError, StoreError, DownloadError)
"""Errors that are not failures of an item: they concern the whole run, or have another meaning."""

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Error numbers of a disk that is full, or of a user who may not write more."""
_MACHINE = FULL | {errno.EROFS, errno.EMFILE, errno.ENFILE}
_LONGEST_NOTE = 300


class Net:
    """The failures of one stage.

    Several threads may use one; several processes may each have their own.

    Args:
        stage: `acquire`, `extract` or `features/{extractor}`.
        store: keeps the failures.
        retry: also try items again that failed in this version.
    """

    def __init__(self, stage: str, store: Store, *, retry: bool = False) -> None:
        self._stage, self._store, self._retry = stage, store, retry
        rows = store.read_table(layout.failures_of(stage), FAILURES).to_pylist()
        self._earlier: dict[str, dict[str, Any]] = {row["item"]: row for row in rows}
        self._now: dict[str, str] = {}

    def is_due(self, item: str) -> bool:
        """Returns whether the item failed in an earlier run and is to be tried again."""
        earlier = self._earlier.get(item)
        if earlier is None or item in self._now:
            return False
        changed = self._retry or earlier["version"] != popdanceset.__version__
        return changed and self._store.exists(layout.failure(self._stage, item))

    def note(self, item: str) -> str:
        """Returns what the item failed with, in this run or an earlier one; empty if it has not failed."""
        return self._now.get(item) or self._earlier.get(item, {}).get("note", "")

    @contextlib.contextmanager
    def under(self, item: str, bvid: str) -> Iterator[None]:
        """Works on an item: an unexpected error ends the block and is kept as the item's failure.

        Raises:
            RefusedError, SettingsError, AssetError, StoreError, DownloadError: passed on (`PASSING`).
            StoreError: also a full disk, or too many open files.
            PopDanceSetError: a package cannot be imported.
        """
        with logs.about(bvid=bvid, clip_id=item if is_clip(item) else None):
            try:
                yield
            # The one place that catches everything: one item must not stop those after it.
            except Exception as error:  # noqa: BLE001
                self.keep(item, bvid, error)

    def keep(self, item: str, bvid: str, error: Exception) -> str:
        """Keeps an unexpected error as the item's failure.

        Returns:
            The note of the failure: the exception's kind, what it says, and where.

        Raises:
            The error itself, or what it means, if it does not concern the item alone: as `under`.
        """
        raise_of_run(error)
        note = described(error)
        log.error("%s: %s failed: %s", self._stage, item, note, exc_info=error)
        row = {
            "stage": self._stage,
            "item": item,
            "bvid": bvid,
            "reason": Reason.FAILED,
            "note": note,
            "version": popdanceset.__version__,
            "failed_at": datetime.now(UTC),
        }
        self._store.write_rows(layout.failure(self._stage, item), [row], FAILURES)
        self._now[item] = note
        count(failed=1)
        return note

    def forget(self, item: str) -> None:
        """Removes the failure of an item that is finished now, after its own rows are written."""
        if self._earlier.pop(item, None) is not None or item in self._now:
            self._now.pop(item, None)
            self._store.remove(layout.failure(self._stage, item))

    def is_left(self, item: str) -> bool:
        """Returns whether the item failed, in this run or an earlier one, and is not to be tried again."""
        return item in self._now or (item in self._earlier and not self.is_due(item))


def says_full(text: str) -> bool:
    """Returns whether a program's message says that the disk is full, or that no more may be written."""
    return any(os.strerror(number) in text for number in FULL)


def raise_of_run(error: Exception) -> None:
    """Does nothing if the error concerns one item only.

    Raises:
        The error itself, if it is one of `PASSING`.
        StoreError: the disk is full, or the process has too many open files.
        PopDanceSetError: a package cannot be imported.
    """
    if isinstance(error, PASSING):
        raise error
    if isinstance(error, OSError) and error.errno in _MACHINE:
        raise StoreError(str(error.strerror), error.filename or "", "free some and run again") from error
    if isinstance(error, ImportError):
        raise PopDanceSetError(f"a package is missing or broken: {error}", do="reinstall it") from error


def described(error: BaseException) -> str:
    """Returns a line for a note: the exception's kind, what it says, and the line of code that raised it."""
    said = f"{type(error).__name__}: {error}"
    printable = "".join(sign if sign.isprintable() else " " for sign in said[: 4 * _LONGEST_NOTE])
    text = " ".join(printable.split())[:_LONGEST_NOTE].rstrip(": ")
    steps = traceback.extract_tb(error.__traceback__)
    return f"{text} ({Path(steps[-1].filename).name}, line {steps[-1].lineno})" if steps else text


def check_failures(stage: str, items: Collection[str]) -> None:
    """Does nothing if no item failed.

    Raises:
        FailedError: some did; exit code 1.
    """
    if items:
        few = ", ".join([*sorted(items)[:5], *(["…"] if len(items) > 5 else [])])
        raise FailedError(
            f"{stage}: {len(items)} failed unexpectedly",
            few,
            "the log has the tracebacks, the table `failures` the notes; --retry-failed tries them again",
        )

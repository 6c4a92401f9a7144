"""Erases videos from the database of reviewers' decisions."""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path

from popdanceset.errors import StoreError
from popdanceset.withdrawal.databases import WAL
from popdanceset.withdrawal.searching import in_bytes
from popdanceset.withdrawal.targets import Targets

_log = logging.getLogger(__name__)


def erase_decisions(path: Path, targets: Targets, *, dry_run: bool = False) -> int | None:
    """Erases what reviewers decided about videos, so that no byte of it is left in the file.

    Args:
        path: of the database.
        targets: the videos.
        dry_run: only count.

    Returns:
        The number of rows; None if the file is not such a database.

    Raises:
        StoreError: the database is not writable, or another process reads it.
    """
    from popdanceset.review.database import ReviewDatabase

    try:
        database = ReviewDatabase(path, create=False)
    except StoreError as error:
        _log.warning("not searched: %s", error)
        return None
    with contextlib.closing(database):
        number = sum(map(database.mentions, targets.ids))
        if dry_run or not (number or _has_old_bytes(path, targets)):
            return number
        return database.erase(targets.ids)


def _has_old_bytes(path: Path, targets: Targets) -> bool:
    """Whether the file may still have bytes of rows that are gone: an erasure may have been stopped."""
    log = Path(f"{path}{WAL}")
    if log.exists() and log.stat().st_size:
        return True
    with path.open("rb") as file:
        return bool(in_bytes(file, targets))

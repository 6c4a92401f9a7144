"""How fast a stage works, by what its runs recorded in the cost ledger."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from popdanceset.ledger import RUNNING, Entry

SILENT = timedelta(minutes=5)
"""A run that has not written its row for so long has died: it writes about every minute."""


@dataclass(frozen=True, slots=True)
class Throughput:
    """The speed of a stage.

    Attributes:
        workers: number of runs that are at work now.
        dead: number of runs of the newest campaign that ended without saying so.
        items_per_hour: of all runs at work together, since they began; without any, of the newest campaign.
            None if nothing was finished.
        progressed_at: when an item was last finished, or a run began; None: never.
    """

    workers: int
    dead: int
    items_per_hour: float | None
    progressed_at: datetime | None


def is_at_work(entry: Entry, now: datetime) -> bool:
    """Returns whether a run has neither ended nor died."""
    return entry.outcome == RUNNING and now - entry.updated_at < SILENT


def campaigns(entries: Iterable[Entry]) -> list[list[Entry]]:
    """Groups the runs of one stage into campaigns: runs whose times overlap belong together.

    Several workers, or several devices, are one campaign. The earliest comes first.
    """
    groups: list[list[Entry]] = []
    end: datetime | None = None
    for entry in sorted(entries, key=lambda entry: entry.started_at):
        if end is not None and entry.started_at <= end:
            groups[-1].append(entry)
        else:
            groups.append([entry])
        end = max(end, entry.updated_at) if end is not None else entry.updated_at
    return groups


def throughput(entries: Sequence[Entry], now: datetime) -> Throughput:
    """Returns the speed of a stage.

    Args:
        entries: rows of the ledger of this stage.
        now: the time, with its zone.
    """
    if not entries:
        return Throughput(0, 0, None, None)
    newest = campaigns(entries)[-1]
    working = [entry for entry in entries if is_at_work(entry, now)]
    rates = [
        3600 * entry.items / entry.seconds
        for entry in working or newest
        if entry.seconds > 0 and entry.items > 0
    ]
    return Throughput(
        workers=len(working),
        dead=sum(entry.outcome == RUNNING and not is_at_work(entry, now) for entry in newest),
        items_per_hour=sum(rates) or None,
        progressed_at=max(entry.progressed_at for entry in entries),
    )

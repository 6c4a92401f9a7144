"""Video statistics from a file, a store or a table: one row a video, in batches that fit in memory."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from popdanceset import layout
from popdanceset.bilibili.ledger import read_followers
from popdanceset.bilibili.records import NEEDED
from popdanceset.bilibili.statistics import with_followers
from popdanceset.errors import InputError
from popdanceset.popularity.files import BATCH, StatisticsFile, is_file_name
from popdanceset.popularity.newest import Scan, Whole, superseded
from popdanceset.schema import STATISTICS
from popdanceset.store import Store
from popdanceset.withdrawal.tombstones import withdrawn

log = logging.getLogger(__name__)


class Statistics:
    """The current row of each video, of schema STATISTICS; it can be read repeatedly.

    Args:
        where: the source, for messages.
        scan: reads every row; several rows of a video are snapshots of it.
        needed: columns that a complete row has.
        followers: reads a table of schema FOLLOWERS, whose newest counts replace those of the rows.
    """

    def __init__(
        self,
        where: str,
        scan: Scan,
        needed: Sequence[str] = NEEDED,
        followers: Callable[[], pa.Table] | None = None,
    ) -> None:
        self.where = where
        self._scan = scan
        self._needed = tuple(needed)
        self._followers = followers
        self._left_out: frozenset[str] = frozenset()

    def without(self, bvids: frozenset[str]) -> Statistics:
        """Returns the same statistics without some videos."""
        other = copy.copy(self)
        other._left_out = self._left_out | bvids
        return other

    def batches(self, columns: Sequence[str] = STATISTICS.names) -> Iterator[pa.Table]:
        """Yields one row a video in the order of the source, with these columns, in batches that are not
        empty.

        Raises:
            InputError: the source cannot be read, or has grown since it was first read.
        """
        followers = self._followers() if self._followers and "follower" in columns else None
        people = () if followers is None else ("mid", "staff")
        known_by = ("bvid",) if self._left_out else ()
        wanted = [*columns, *(name for name in (*people, *known_by) if name not in columns)]
        replaced, rows = self._replaced
        first = 0
        for table in self._scan(wanted):
            low, high = np.searchsorted(replaced, [first, first + len(table)])
            if high > low:
                mask = np.ones(len(table), bool)
                mask[replaced[low:high] - first] = False
            first += len(table)
            kept = table.filter(pa.array(mask)) if high > low else table
            if self._left_out:
                allowed = pc.invert(pc.is_in(kept["bvid"], pa.array(sorted(self._left_out))))
                kept = kept.filter(allowed)
            if len(kept):
                complete = kept if followers is None else with_followers(kept, followers)
                yield complete.select([*columns])
        if first != rows:
            raise InputError(
                f"{rows} rows became {first} while reading",
                self.where,
                "run again when no crawl is active",
            )

    def table(self, columns: Sequence[str] = STATISTICS.names) -> pa.Table:
        """Returns all rows, ordered by bvid; use it only if they fit in memory."""
        return _together(self.batches(columns), columns)

    def videos(
        self, bvids: pa.Array | pa.ChunkedArray, columns: Sequence[str] = STATISTICS.names
    ) -> pa.Table:
        """Returns the rows of these videos, ordered by bvid; unknown videos have none."""
        chosen = bvids.combine_chunks() if isinstance(bvids, pa.ChunkedArray) else bvids
        return _together((b.filter(pc.is_in(b["bvid"], chosen)) for b in self.batches(columns)), columns)

    def few(self, most: int, columns: Sequence[str], seed: int = 0) -> tuple[pa.Table, int]:
        """Draws at most `most` random rows.

        The draw depends on the order of the rows and the seed.

        Returns:
            The drawn rows in the order of the source, and the number of all rows.
        """
        random = np.random.default_rng(seed)
        parts: list[pa.Table] = []
        lots, total = np.empty(0), 0
        for batch in self.batches(columns):
            total += len(batch)
            drawn = random.random(len(batch))
            lots = np.concatenate([lots, drawn])
            pool = pa.concat_tables([*parts, batch])
            if len(pool) > most:
                keep = np.sort(np.argpartition(lots, most)[:most])
                pool, lots = pool.take(pa.array(keep)), lots[keep]
            parts = [pool]
        return (parts[0] if parts else self.table(columns)), total

    @property
    def replaced(self) -> int:
        """Number of rows that are left out because another row of the same video replaces them."""
        return len(self._replaced[0])

    @cached_property
    def _replaced(self) -> tuple[Whole, int]:
        return superseded(self._scan, self._needed)


def open_statistics(where: str) -> Statistics:
    """Opens the statistics in a file or a store.

    Args:
        where: a parquet or CSV file (see `StatisticsFile`), or the address of a store.

    Raises:
        InputError: the file does not exist, cannot be read, lacks a column, or has no rows.
    """
    if not is_file_name(where):
        statistics = of_store(Store(where))
        if not any(True for _ in statistics.batches(["bvid"])):
            raise InputError(
                "there are no statistics", where, "run `popdanceset crawl` first, or check --statistics"
            )
        return statistics
    file = StatisticsFile(where)
    # A row is not incomplete because of a column that the whole file lacks.
    statistics = Statistics(where, file.read, [name for name in NEEDED if name in file.columns])
    if not any(True for _ in file.read(["bvid"])):
        raise InputError("there are no videos", where, "use a file with rows")
    if statistics.replaced:
        log.warning(
            "%s: %d rows are ignored, since later or more complete rows of the same videos replace them",
            where,
            statistics.replaced,
        )
    return statistics


def of_store(store: Store) -> Statistics:
    """Returns the newest snapshots in a store, as `popdanceset.bilibili.statistics.latest_statistics` does.

    At most one day's crawl is held in memory.
    """

    def scan(columns: Sequence[str]) -> Iterator[pa.Table]:
        folders = {name.rpartition("/")[0] for name in store.list(layout.STATISTICS, layout.PARQUET)}
        for folder in sorted(folders):
            yield from _sliced(store.read_table(folder, STATISTICS, columns))

    return Statistics(str(store), scan, followers=lambda: read_followers(store))


def of_table(table: pa.Table) -> Statistics:
    """Wraps a table of schema STATISTICS that is already in memory."""

    def scan(columns: Sequence[str]) -> Iterator[pa.Table]:
        return _sliced(table.select([*columns]))

    return Statistics("statistics", scan)


def as_statistics(given: Statistics | pa.Table | None, store: Store) -> Statistics:
    """Returns the given statistics, or the store's newest snapshots if there are none; without the videos
    that were withdrawn from the store."""
    if given is None:
        given = of_store(store)
    statistics = of_table(given) if isinstance(given, pa.Table) else given
    return statistics.without(withdrawn(store))


def _together(batches: Iterable[pa.Table], columns: Sequence[str]) -> pa.Table:
    """Joins the batches into one table, ordered by bvid, whose columns may have nulls."""
    schema = pa.schema([STATISTICS.field(name).with_nullable(True) for name in columns])
    return pa.concat_tables([schema.empty_table(), *(b.cast(schema) for b in batches)]).sort_by("bvid")


def _sliced(table: pa.Table) -> Iterator[pa.Table]:
    for first in range(0, len(table), BATCH):
        yield table.slice(first, BATCH).combine_chunks()

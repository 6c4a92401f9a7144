"""The ledger of a day's crawl: which pages are finished, which videos and uploaders are known.

    statistics/date=YYYY-MM-DD/{source}-{page}.parquet   a finished page of a listing
    statistics/date=YYYY-MM-DD/view-{batch}.parquet      fifty answers of `view`
    crawl/date=YYYY-MM-DD/{source}.json                  the last page of a listing, once it is known
    followers/date=YYYY-MM-DD/{batch}.parquet            fifty answers of `relation/stat`

Files are named by their content, so writing one again replaces it. A page whose file exists is never
requested again. A run that continues another fills its last batch first. One run at a time may have the
ledger of a day (`Store.alone`): two would request the same things, and write the same batches.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

import pyarrow as pa

from popdanceset import layout
from popdanceset.bilibili.records import NEEDED, VideoRecord
from popdanceset.schema import FOLLOWERS, STATISTICS, State
from popdanceset.store import Store

VIEW = "view"
"""Replaces the source in the names of files with answers of `view`."""

BATCH = 50
"""Rows of a file that is rewritten after each answer: a killed crawl loses none, and there are few files."""


class Ledger:
    """The state of one day's crawl.

    Attributes:
        known: videos with a row of this day, in the order in which they were found.
        settled: known videos that need no `view`: complete, tombstones, or requested already.
    """

    def __init__(self, store: Store, day: date) -> None:
        self._store = store
        self._folder = layout.statistics_of(day)
        self._marks = layout.crawl_marks_of(day)
        self.known: dict[str, None] = {}
        self.settled: set[str] = set()
        self._files = set(store.list(self._folder, ".parquet"))
        self._views = _Batches(store, f"{self._folder}/{VIEW}-", STATISTICS)
        self._last = {name: store.read_json(name) for name in store.list(self._marks, ".json")}
        columns = ["bvid", "state", "source", *NEEDED]
        for row in store.read_table(self._folder, STATISTICS, columns=columns).to_pylist():
            lacking = row["state"] == State.PUBLIC and any(row[name] is None for name in NEEDED)
            self._remember(row["bvid"], settled=not lacking or row["source"] == VIEW)

    def next_page(self, slug: str) -> int:
        """Returns the number of the first page that is not finished."""
        number = 1
        while self._name(slug, number) in self._files:
            number += 1
        return number

    def ended(self, slug: str) -> bool:
        """Returns whether the listing was read to its end: its last page is known and finished."""
        mark = self._last.get(self._mark(slug))
        return mark is not None and self.next_page(slug) > mark["last_page"]

    def save_last(self, slug: str, number: int, records: Iterable[VideoRecord]) -> None:
        """Saves the last page of a listing, as `save` does; of an empty one, that the one before was."""
        rows = list(records)
        # The mark is written first: without its page it has no effect, but a last page without its mark would
        # make the next run request one page more.
        mark = {"source": slug, "last_page": number if rows else number - 1}
        self._store.write_json(self._mark(slug), mark)
        self._last[self._mark(slug)] = mark
        if rows:
            self.save(slug, number, rows)

    def save(self, slug: str, number: int, records: Iterable[VideoRecord]) -> None:
        """Saves a finished page; its records are on disk when this returns."""
        rows = list(records)
        name = self._name(slug, number)
        self._store.write_rows(name, [record.row() for record in rows], STATISTICS)
        self._files.add(name)
        for record in rows:
            self._remember(record.bvid, settled=not record.missing)

    def save_view(self, record: VideoRecord) -> None:
        """Saves an answer of `view`, which is on disk when this returns."""
        self._views.add(record.row())
        self._remember(record.bvid, settled=True)

    @property
    def open(self) -> int:
        """Number of known videos that are not settled."""
        return len(self.known) - len(self.settled)

    @property
    def unsettled(self) -> list[str]:
        """Known videos that are not settled, in the order in which they were found."""
        return [bvid for bvid in self.known if bvid not in self.settled]

    def _remember(self, bvid: str, settled: bool) -> None:
        self.known.setdefault(bvid)
        if settled:
            self.settled.add(bvid)

    def _name(self, slug: str, number: int) -> str:
        return f"{self._folder}/{slug}-{number:05d}.parquet"

    def _mark(self, slug: str) -> str:
        return f"{self._marks}/{slug}.json"


class FollowerLedger:
    """The follower counts requested on one day.

    Attributes:
        asked: uploaders with a row of this day, with or without a follower count.
    """

    def __init__(self, store: Store, day: date) -> None:
        self._store = store
        self._folder = layout.followers_of(day)
        self.asked: set[int] = set(
            store.read_table(self._folder, FOLLOWERS, columns=["mid"])["mid"].to_pylist()
        )
        self._batches = _Batches(store, f"{self._folder}/", FOLLOWERS)

    def save(self, mid: int, when: datetime, follower: int | None, note: str) -> None:
        """Saves one answer, which is on disk when this returns."""
        self._batches.add({"mid": mid, "snapshot_at": when, "follower": follower, "note": note})
        self.asked.add(mid)


class _Batches:
    """Rows in numbered files of `BATCH` rows; the last one is rewritten with each new row.

    Args:
        store: holds the files; those that exist are continued.
        stem: names of files up to the number.
        schema: of the rows.
    """

    def __init__(self, store: Store, stem: str, schema: pa.Schema) -> None:
        self._store, self._stem, self._schema = store, stem, schema
        folder = stem.rpartition("/")[0]
        pattern = re.compile(rf"{re.escape(stem)}(\d+)\.parquet")
        numbers = (pattern.fullmatch(name) for name in store.list(folder, ".parquet"))
        self._number = max((int(match[1]) for match in numbers if match), default=0)
        self._rows: list[dict[str, Any]] = []
        if self._number:
            self._rows = store.read_table(self._name, schema).to_pylist()

    def add(self, row: dict[str, Any]) -> None:
        """Adds a row, which is on disk when this returns."""
        if not self._number or len(self._rows) >= BATCH:
            self._rows, self._number = [], self._number + 1
        self._rows.append(row)
        self._store.write_rows(self._name, self._rows, self._schema)

    @property
    def _name(self) -> str:
        return f"{self._stem}{self._number:05d}.parquet"


def read_followers(store: Store) -> pa.Table:
    """Returns all follower counts of all days, as a table of schema FOLLOWERS."""
    return store.read_table(layout.FOLLOWERS, FOLLOWERS)

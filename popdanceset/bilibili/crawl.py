"""The crawl: listings first, `view` for what they lack, follower counts for promising uploaders only."""

from __future__ import annotations

import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from popdanceset import layout
from popdanceset.bilibili.client import Client, open_client
from popdanceset.bilibili.ledger import FollowerLedger, Ledger
from popdanceset.bilibili.records import VideoRecord, followers, from_view
from popdanceset.bilibili.report import CrawlReport, FollowersReport, pace
from popdanceset.bilibili.sources import Page, Source, parse_source
from popdanceset.bilibili.staff import people_of
from popdanceset.bilibili.statistics import latest_statistics
from popdanceset.errors import InputError
from popdanceset.ledger import count, measured
from popdanceset.progress import Advance, ignore
from popdanceset.schema import State
from popdanceset.settings import Settings
from popdanceset.store import Store
from popdanceset.withdrawal.guard import respected
from popdanceset.withdrawal.tombstones import withdrawn

if TYPE_CHECKING:
    from popdanceset.popularity.model import PopularityModel

log = logging.getLogger(__name__)

STAGE = "crawl"
"""This stage's name in the cost ledger; follower counts belong to it."""

SKIPPED = "withdrawn from the dataset"
"""Why a video of a listing is skipped that has a tombstone."""


def crawl(
    settings: Settings,
    store: Store,
    *,
    day: date | None = None,
    advance: Advance | None = None,
    client: Client | None = None,
) -> CrawlReport:
    """Reads the sources of the settings into the day's statistics, continuing an earlier run of the day.

    A source that fails is logged, and the others are read.

    Args:
        settings: `crawl`, `network` and `manifests`.
        store: where the tables are.
        day: the day to begin or continue; None: today in UTC.
        advance: called with the number of new videos, and with rate, refusals and estimated end.
        client: None: a client made from the settings.

    Raises:
        SettingsError: a source is unknown, or its argument does not fit.
        InputError: no source returned a video.
        RefusedError: the host refuses, or the day's requests are used up; what was collected is kept.
        TransferError: the host is out of reach or fails; what was collected is kept.
    """
    sources = [parse_source(text, settings) for text in dict.fromkeys(settings.crawl.sources)]
    with measured(STAGE, store), _opened(client, settings, store) as guest, respected(store):
        day = day or guest.clock.now().date()
        with store.alone(layout.crawl_marks_of(day)):
            report = _Crawl(settings, store, day, advance, guest).run(sources)
    log.info(
        "crawl of %s: %d videos, %d new rows; %d requests (%d refused) in %.1f s",
        report.day,
        report.videos,
        report.rows,
        report.requests,
        report.refusals,
        report.seconds,
    )
    return report


def ask_followers(
    settings: Settings,
    store: Store,
    model: PopularityModel,
    *,
    day: date | None = None,
    advance: Advance | None = None,
    client: Client | None = None,
) -> FollowersReport:
    """Requests the follower counts of uploaders with a video of Pop > min_pop − follower_margin, best videos
    first.

    Each uploader is requested once a day, however often this runs. Of a joint upload all people are, whom the
    listings do not name: `view` is requested for it first.

    Args:
        model: scores the videos.
        advance: called for each uploader.

        The other arguments and the errors are those of `crawl`.
    """
    advance = advance or ignore
    with measured(STAGE, store), _opened(client, settings, store) as guest, respected(store):
        meter, gate = _Meter(guest), guest.politeness
        day = day or guest.clock.now().date()
        with store.alone(layout.crawl_marks_of(day)):
            _ask_staff(settings, store, model, guest, day)
            ledger = FollowerLedger(store, day)
            mids = promising_uploaders(settings, store, model)
            todo = [mid for mid in mids if mid not in ledger.asked]
            unknown = 0
            for number, mid in enumerate(todo, 1):
                count, note = followers(guest.get("/x/relation/stat", {"vmid": mid}))
                ledger.save(mid, guest.clock.now(), count, note)
                unknown += count is None
                advance(1, f"{number}/{len(todo)}, {pace(gate, len(todo) - number)}")
        report = FollowersReport(
            day, len(mids), len(todo), unknown, meter.requests, meter.refusals, meter.seconds
        )
    log.info(
        "followers of %s: %d promising, %d requested (%d unknown); %d requests (%d refused) in %.1f s",
        report.day,
        report.promising,
        report.asked,
        report.unknown,
        report.requests,
        report.refusals,
        report.seconds,
    )
    return report


def promising_uploaders(settings: Settings, store: Store, model: PopularityModel) -> list[int]:
    """Returns uploaders with a public video of Pop > min_pop − follower_margin, those of the best videos
    first; of a joint upload, all its people.
    """
    table = _promising(settings, store, model)
    people = ([row["mid"], *people_of(row["staff"])] for row in table.to_pylist())
    return list(dict.fromkeys(mid for mids in people for mid in mids if mid is not None))


def _promising(settings: Settings, store: Store, model: PopularityModel) -> pa.Table:
    """Returns bvid, mid and staff of the promising public videos, the best first."""
    from popdanceset.popularity.score import score

    table = latest_statistics(store)
    pop, _ = score(table, model)
    threshold = settings.popularity.min_pop - settings.popularity.follower_margin
    public = pc.equal(table["state"], State.PUBLIC.value).to_numpy()
    chosen = np.flatnonzero(public & (pop > threshold))  # an unknown Pop is NaN: never above
    best_first = chosen[np.argsort(-pop[chosen], kind="stable")]
    return table.select(["bvid", "mid", "staff"]).take(best_first)


def _ask_staff(settings: Settings, store: Store, model: PopularityModel, guest: Client, day: date) -> None:
    """Requests `view` for the promising joint uploads whose people are not known."""
    table = _promising(settings, store, model)
    unknown = table.filter(pc.equal(table["staff"], ""))["bvid"].to_pylist()
    if unknown:
        _request_views(unknown, Ledger(store, day), guest)


def _request_views(
    bvids: Sequence[str],
    ledger: Ledger,
    client: Client,
    saved: Callable[[VideoRecord], None] = lambda record: None,
) -> None:
    """Requests `view` for each video; an answer is on disk before the next request.

    Args:
        bvids: the videos.
        ledger: of the day.
        client: sends the requests.
        saved: called with each record.
    """
    for bvid in bvids:
        answer = client.get("/x/web-interface/view", {"bvid": bvid})
        record = from_view(bvid, answer, client.clock.now())
        ledger.save_view(record)
        saved(record)


def _opened(client: Client | None, settings: Settings, store: Store) -> AbstractContextManager[Client]:
    """Keeps a given client open at the end, and closes one that was made here."""
    if client is not None:
        return contextlib.nullcontext(client)
    return contextlib.closing(open_client(settings, store))


class _Meter:
    """Requests, refusals and seconds of a client since the meter was made."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._start = self._read()

    @property
    def requests(self) -> int:
        return self._read()[0] - self._start[0]

    @property
    def refusals(self) -> int:
        return self._read()[1] - self._start[1]

    @property
    def seconds(self) -> float:
        return self._read()[2] - self._start[2]

    def _read(self) -> tuple[int, int, float]:
        gate = self._client.politeness
        return gate.requests, gate.refusals, self._client.clock.monotonic()


class _Crawl:
    """One run."""

    def __init__(
        self, settings: Settings, store: Store, day: date, advance: Advance | None, client: Client
    ) -> None:
        self.limit = settings.crawl.max_videos
        self.store = store
        self.client = client
        self.day = day
        self.ledger = Ledger(store, self.day)
        self.advance = advance or ignore
        self.rows = 0
        self.states: Counter[State] = Counter()
        self.skipped: Counter[str] = Counter()
        self.failures: list[str] = []
        self.sources_left = 0
        self.listing_left: float | None = 0.0

    def run(self, sources: list[Source]) -> CrawlReport:
        meter = _Meter(self.client)
        settled = len(self.ledger.settled)
        self.advance(len(self.ledger.known), "")
        for number, source in enumerate(sources, 1):
            self.sources_left, self.listing_left = len(sources) - number, 0.0
            try:
                self._read(source)
            except InputError as error:
                log.warning("a source ended early: %s", error)
                self.failures.append(str(error))
        if len(self.failures) == len(sources) and not self.ledger.known:
            raise InputError(f"no source returned a video; the first: {self.failures[0]}", "crawl")
        self.listing_left = 0.0
        self._complete()
        return CrawlReport(
            self.day,
            len(self.ledger.known),
            len(self.ledger.settled) - settled,
            self.rows,
            meter.requests,
            meter.refusals,
            self.states[State.GONE] + self.states[State.HIDDEN],
            self.states[State.UNREADABLE],
            dict(self.skipped),
            tuple(self.failures),
            meter.seconds,
        )

    def _read(self, source: Source) -> None:
        """Reads the unfinished pages of a listing."""
        first = number = self.ledger.next_page(source.slug)
        start, before = self._work, None
        while not self.ledger.ended(source.slug) and len(self.ledger.known) < self.limit:
            page = self._allowed(source.page(number, self.client))
            # A host that ignores the page number would never reach a last page.
            last = page.last or (before is not None and _same(page, before))
            known = len(self.ledger.known)
            save = self.ledger.save_last if last else self.ledger.save
            save(source.slug, number, page.records)
            self.skipped.update(page.skipped)
            self.listing_left = self._pages_left(page, number, last)
            if self.listing_left is not None:
                self.listing_left *= (self._work - start) / (number - first + 1)
            self._count(page.records, len(self.ledger.known) - known)
            before, number = page, number + 1

    def _allowed(self, page: Page) -> Page:
        """Returns the page without withdrawn videos; they are counted among the skipped elements."""
        gone = withdrawn(self.store)
        records = tuple(record for record in page.records if record.bvid not in gone)
        number = len(page.records) - len(records)
        return (
            replace(page, records=records, skipped=(*page.skipped, *[SKIPPED] * number)) if number else page
        )

    def _pages_left(self, page: Page, number: int, last: bool) -> float | None:
        """Returns how many pages of the listing are left; None if the host does not state it."""
        if last or page.pages is None:
            return 0.0 if last else None
        room = max(self.limit - len(self.ledger.known), 0)
        return min(page.pages - number, room / max(len(page.records), 1))

    @property
    def _work(self) -> int:
        """Requests sent so far, and those that the known videos still need."""
        return self.client.politeness.requests + self.ledger.open

    def _complete(self) -> None:
        """Requests `view` for each video whose rows lack something."""
        _request_views(self.ledger.unsettled, self.ledger, self.client, lambda record: self._count([record]))

    def _count(self, records: Sequence[VideoRecord], new: int = 0) -> None:
        self.rows += len(records)
        count(items=new)
        self.states.update(record.state for record in records)
        listings = None if self.listing_left is None else self.listing_left + self.sources_left
        left = None if listings is None else listings + self.ledger.open
        self.advance(new, pace(self.client.politeness, left))


def _same(page: Page, before: Page) -> bool:
    """Returns whether two pages list the same videos."""
    return page.skipped == before.skipped and [r.bvid for r in page.records] == [
        r.bvid for r in before.records
    ]

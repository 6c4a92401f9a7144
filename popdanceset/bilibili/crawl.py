"""The crawl: listings first, `view` for what they lack, followers for promising uploaders only."""

from __future__ import annotations

import contextlib
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

from popdanceset.bilibili.client import Client, open_client
from popdanceset.bilibili.ledger import BATCH, VIEW, FollowerLedger, Ledger
from popdanceset.bilibili.records import VideoRecord, followers, from_view
from popdanceset.bilibili.sources import Page, Source, parse_source
from popdanceset.bilibili.statistics import latest_statistics
from popdanceset.errors import InputError
from popdanceset.progress import Advance, ignore
from popdanceset.schema import State
from popdanceset.settings import Settings
from popdanceset.store import Store

if TYPE_CHECKING:
    from popdanceset.popularity.model import PopularityModel

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CrawlReport:
    """What a crawl did.

    Attributes:
        day: the day whose files it wrote.
        videos: different videos that have a row of this day, from earlier runs too.
        rows: rows this run wrote.
        requests: questions this run asked, repeated ones included.
        refusals: how many of them were refused.
        tombstones: videos that this run found gone or hidden.
        unreadable: videos of which this run got nothing usable.
        skipped: elements of listings that were no video, with how often each reason came.
        failures: sources that ended early, and why.
        seconds: by the clock.
    """

    day: date
    videos: int
    rows: int
    requests: int
    refusals: int
    tombstones: int
    unreadable: int
    skipped: dict[str, int]
    failures: tuple[str, ...]
    seconds: float


@dataclass(frozen=True)
class FollowersReport:
    """What asking for followers did.

    Attributes:
        day: the day whose files it wrote.
        promising: uploaders with a video near or above the threshold.
        asked: how many of them this run asked for; the others were asked earlier that day.
        unknown: how many of those asked have no number.
        requests: questions asked, repeated ones included.
        refusals: how many of them were refused.
        seconds: by the clock.
    """

    day: date
    promising: int
    asked: int
    unknown: int
    requests: int
    refusals: int
    seconds: float


def crawl(
    settings: Settings,
    store: Store,
    *,
    day: date | None = None,
    advance: Advance | None = None,
    client: Client | None = None,
) -> CrawlReport:
    """Reads the sources of the settings into `statistics/date=…/`, going on where an earlier run of the day
    ended.

    A source that fails is announced and the others go on.

    Args:
        settings: `crawl` and `network`.
        store: where the tables are.
        day: whose crawl to begin or continue; None: today in UTC.
        advance: told of each new video.
        client: None: one made from the settings.

    Raises:
        SettingsError: a source is unknown or its argument does not fit.
        InputError: no source gave anything.
        RefusedError: the host refuses; what was collected is kept.
        TransferError: the host cannot be reached; what was collected is kept.
    """
    sources = [parse_source(text) for text in dict.fromkeys(settings.crawl.sources)]
    with _opened(client, settings) as guest:
        return _Crawl(settings, store, day, advance, guest).run(sources)


def ask_followers(
    settings: Settings,
    store: Store,
    model: PopularityModel,
    *,
    day: date | None = None,
    advance: Advance | None = None,
    client: Client | None = None,
) -> FollowersReport:
    """Asks for the followers of uploaders with a video of Pop > min_pop − follower_margin, best videos first.

    An uploader is asked for once a day, however often this runs.

    Args:
        settings: `popularity` and `network`.
        store: where the tables are.
        model: by which the videos are scored.
        day: whose files to begin or continue; None: today in UTC.
        advance: told of each uploader.
        client: None: one made from the settings.

    Raises:
        RefusedError: the host refuses; what was collected is kept.
        TransferError: the host cannot be reached; what was collected is kept.
    """
    tell = advance or ignore
    with _opened(client, settings) as guest:
        start, gate = guest.clock.monotonic(), guest.politeness
        requests, refusals = gate.requests, gate.refusals
        day = day or guest.clock.now().date()
        ledger = FollowerLedger(store, day)
        mids = promising_uploaders(settings, store, model)
        todo = [mid for mid in mids if mid not in ledger.asked]
        unknown = 0
        for number, mid in enumerate(todo, 1):
            count, note = followers(guest.get("/x/relation/stat", {"vmid": mid}))
            ledger.save(mid, guest.clock.now(), count, note)
            unknown += count is None
            tell(1, f"{number}/{len(todo)}")
        return FollowersReport(
            day,
            len(mids),
            len(todo),
            unknown,
            gate.requests - requests,
            gate.refusals - refusals,
            guest.clock.monotonic() - start,
        )


def promising_uploaders(settings: Settings, store: Store, model: PopularityModel) -> list[int]:
    """Uploaders with a public video of Pop > min_pop − follower_margin, those of the best videos first."""
    from popdanceset.popularity.score import score

    table = latest_statistics(store)
    pop, _ = score(table, model)
    threshold = settings.popularity.min_pop - settings.popularity.follower_margin
    public = pc.equal(table["state"], State.PUBLIC.value).to_numpy()
    chosen = np.flatnonzero(public & (pop > threshold))  # an unknown Pop is NaN, which is above nothing
    best_first = chosen[np.argsort(-pop[chosen], kind="stable")]
    mids = table["mid"].take(best_first).to_pylist()
    return list(dict.fromkeys(mid for mid in mids if mid is not None))


@contextlib.contextmanager
def _opened(client: Client | None, settings: Settings) -> Iterator[Client]:
    if client is not None:
        yield client
        return
    own = open_client(settings)
    try:
        yield own
    finally:
        own.close()


class _Crawl:
    """One run."""

    def __init__(
        self, settings: Settings, store: Store, day: date | None, advance: Advance | None, client: Client
    ) -> None:
        self.limit = settings.crawl.max_videos
        self.client = client
        self.day = day or client.clock.now().date()
        self.ledger = Ledger(store, self.day)
        self.advance = advance or ignore
        self.rows = 0
        self.states: Counter[State] = Counter()
        self.skipped: Counter[str] = Counter()
        self.failures: list[str] = []

    def run(self, sources: list[Source]) -> CrawlReport:
        start, gate = self.client.clock.monotonic(), self.client.politeness
        requests, refusals = gate.requests, gate.refusals
        self.advance(len(self.ledger.known), "")
        for source in sources:
            try:
                self._read(source)
            except InputError as error:
                log.warning("source ended early: %s", error)
                self.failures.append(str(error))
        if len(self.failures) == len(sources) and not self.ledger.known:
            raise InputError(f"no source gave a video; the first: {self.failures[0]}", "crawl")
        self._complete()
        return CrawlReport(
            self.day,
            len(self.ledger.known),
            self.rows,
            gate.requests - requests,
            gate.refusals - refusals,
            self.states[State.GONE] + self.states[State.HIDDEN],
            self.states[State.UNREADABLE],
            dict(self.skipped),
            tuple(self.failures),
            self.client.clock.monotonic() - start,
        )

    def _read(self, source: Source) -> None:
        """Reads the pages of a listing that are not finished."""
        number = self.ledger.next_page(source.slug)
        before: Page | None = None
        while not self.ledger.ended(source.slug) and len(self.ledger.known) < self.limit:
            page = source.page(number, self.client)
            # A host that takes no notice of the page's number would be asked for ever.
            last = page.last or (before is not None and _same(page, before))
            known = len(self.ledger.known)
            save = self.ledger.save_last if last else self.ledger.save
            save(source.slug, number, page.records)
            self.skipped.update(page.skipped)
            self._count(page.records)
            self.advance(len(self.ledger.known) - known, "")
            before, number = page, number + 1

    def _complete(self) -> None:
        """Asks `view` for each video whose rows lack something."""
        number = self.ledger.next_page(VIEW)
        batch: list[VideoRecord] = []
        for bvid in self.ledger.unsettled:
            if len(batch) == BATCH:
                batch, number = [], number + 1
            answer = self.client.get("/x/web-interface/view", {"bvid": bvid})
            batch.append(from_view(bvid, answer, self.client.clock.now()))
            self.ledger.save(VIEW, number, batch)
            self._count(batch[-1:])

    def _count(self, records: Sequence[VideoRecord]) -> None:
        self.rows += len(records)
        self.states.update(record.state for record in records)
        gate = self.client.politeness
        self.advance(0, f"{gate.requests} requests, {gate.refusals} refused")


def _same(page: Page, before: Page) -> bool:
    return page.skipped == before.skipped and [r.bvid for r in page.records] == [
        r.bvid for r in before.records
    ]

"""Reports of the pace and the requests of a crawl."""

from __future__ import annotations

import random

import pytest

from popdanceset.bilibili.budget import DailyBudget
from popdanceset.bilibili.crawl import ask_followers, crawl
from popdanceset.bilibili.politeness import Politeness
from popdanceset.bilibili.report import economy, pace
from popdanceset.settings import CrawlSettings, Settings
from popdanceset.store import Store
from tests.popdanceset.bilibili.conftest import Connect, Host, Section, Time, by_views, says


def test_the_cost_is_compared_with_two_requests_a_video() -> None:
    assert economy(20, 100) == "20 requests for 100 videos: 10.0% of one view and one relation/stat a video"
    assert economy(3, 0) == "3 requests for 0 videos"


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        (0, "about 0 s left"),
        (44, "about 88 s left"),
        (45, "about 2 min left"),
        (2699, "about 90 min left"),
        (5400, "about 3 h left"),
        (86_400, "about 2 days left"),
    ],
)
def test_the_estimated_end(time: Time, left: int, expected: str) -> None:
    gate = Politeness(CrawlSettings(requests_per_second=0.5, jitter=0), time.clock)
    assert pace(gate, left) == f"0.5/s, 0 refused, {expected}"
    assert pace(gate, None) == "0.5/s, 0 refused"


def test_pauses_count(time: Time) -> None:
    """Ten requests in nine seconds, then a cool-down of 91: a tenth of the expected rate."""
    gate = Politeness(CrawlSettings(requests_per_second=1, jitter=0, cool_down=91), time.clock)
    for _ in range(10):
        gate.wait()
    gate.refused("412")
    time.passed += 91
    assert pace(gate, 60) == "0.1/s, 1 refused, about 10 min left"
    for _ in range(30):
        gate.wait()
    assert pace(gate, 60) == "1/s, 1 refused, about 60 s left"  # and are forgotten


def test_a_jittered_rate_is_estimated_by_its_mean(time: Time) -> None:
    gate = Politeness(CrawlSettings(requests_per_second=2, jitter=0.5), time.clock, random.Random(0))
    expected = gate.rate
    for _ in range(4000):
        gate.wait()
    assert expected == pytest.approx(4000 / time.passed, rel=0.01)


def test_a_budget_that_ends_earlier_is_reported(time: Time, store: Store) -> None:
    budget = DailyBudget(store, 120, time.clock.now)
    gate = Politeness(CrawlSettings(requests_per_second=1, jitter=0), time.clock, budget=budget)
    assert pace(gate, 60) == "1/s, 0 refused, about 60 s left"
    assert pace(gate, 600) == "1/s, 0 refused, the day's requests last for about 2 min"


def notes_of(settings: Settings, store: Store, client, *sources: str, max_videos: int = 10_000) -> list[str]:
    notes: list[str] = []
    wanted = settings.crawl.model_copy(update={"sources": sources, "max_videos": max_videos})
    crawl(
        settings.model_copy(update={"crawl": wanted}),
        store,
        client=client,
        advance=lambda steps=1, note="": notes.append(note),
    )
    return [note for note in notes if note]


def test_a_listing_that_counts_itself_foretells_its_end(
    settings: Settings, store: Store, connect: Connect
) -> None:
    """Eighteen pages of fifty, a second each; the first is read at once."""
    client = connect(Host(Section(900)), requests_per_second=1, jitter=0)
    notes = notes_of(settings, store, client, "newest:1004")
    left = [f"about {18 - page} s left" for page in range(1, 19)]
    assert [note.rpartition(", ")[2] for note in notes] == left


def test_a_limit_ends_it_earlier(settings: Settings, store: Store, connect: Connect) -> None:
    client = connect(Host(Section(900)), requests_per_second=1, jitter=0)
    notes = notes_of(settings, store, client, "newest:1004", max_videos=250)
    assert [note.rpartition(", ")[2] for note in notes] == [f"about {5 - n} s left" for n in range(1, 6)]


def test_remaining_views_are_estimated(settings: Settings, store: Store, connect: Connect) -> None:
    """Three pages of thirty videos that each need a `view`: ninety-three requests."""
    client = connect(Host(Section(90)), requests_per_second=0.5, jitter=0)
    notes = notes_of(settings, store, client, "range:1004:20220901-20220930")
    assert notes[0] == "0.5/s, 0 refused, about 3 min left"  # (93 - 1) · 2 s
    assert notes[2] == "0.5/s, 0 refused, about 3 min left"
    assert notes[-2:] == ["0.5/s, 0 refused, about 2 s left", "0.5/s, 0 refused, about 0 s left"]
    assert len(notes) == 93


def test_refusals_are_reported(settings: Settings, store: Store, connect: Connect) -> None:
    section, refused = Section(200), iter([True, True])
    host = Host(lambda path, query: says(-412) if next(refused, False) else section(path, query))
    notes = notes_of(settings, store, connect(host), "newest:1004")
    assert all(", 2 refused, " in note for note in notes)


def test_a_listing_that_says_nothing_has_no_end(settings: Settings, store: Store, connect: Connect) -> None:
    section = Section(120)

    def uncounted(path: str, query: dict[str, str]):
        status, body = section(path, query)
        del body["data"]["page"]
        return status, body

    notes = notes_of(settings, store, connect(Host(uncounted)), "newest:1004")
    assert ["left" in note for note in notes] == [False, False, False, True]  # known once it ended


def test_followers_have_an_end_too(settings: Settings, store: Store, connect: Connect) -> None:
    client = connect(Host(Section(50)), requests_per_second=1, jitter=0)
    notes_of(settings, store, client, "newest:1004")
    notes: list[str] = []
    ask_followers(
        settings, store, by_views(100), client=client, advance=lambda n=1, note="": notes.append(note)
    )
    assert notes[0] == "1/7, 1/s, 0 refused, about 6 s left"
    assert notes[-1] == "7/7, 1/s, 0 refused, about 0 s left"

"""The day's requests: shared by all runs of the day, even killed ones."""

from __future__ import annotations

import tempfile
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from popdanceset.bilibili.budget import BLOCK, DailyBudget
from popdanceset.bilibili.client import Client
from popdanceset.bilibili.crawl import crawl
from popdanceset.bilibili.politeness import Politeness
from popdanceset.bilibili.statistics import latest_statistics
from popdanceset.errors import RefusedError, StoreError
from popdanceset.settings import CrawlSettings, NetworkSettings, Settings
from popdanceset.store import Store
from tests.popdanceset.bilibili.conftest import Host, Section, Time

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def spend(budget: DailyBudget, wish: int) -> int:
    """Returns how many of these requests the budget allows."""
    for sent in range(wish):
        try:
            budget.spend()
        except RefusedError:
            return sent
    return wish


def test_runs_of_a_day_share_it_and_the_next_day_begins_anew(store: Store) -> None:
    now = NOON
    first = DailyBudget(store, 30, lambda: now)
    assert spend(first, 12) == 12
    first.close()
    second = DailyBudget(store, 30, lambda: now)
    assert spend(second, 12) == 12
    assert second.left == 6
    second.close()
    third = DailyBudget(store, 30, lambda: now)
    assert spend(third, 12) == 6
    assert spend(third, 1) == 0
    now += timedelta(hours=11, minutes=59)
    assert spend(third, 1) == 0
    now += timedelta(minutes=1)
    assert spend(third, 50) == 30


def test_it_says_when_the_next_day_begins(store: Store) -> None:
    budget = DailyBudget(store, 1, lambda: NOON)
    budget.spend()
    with pytest.raises(RefusedError, match=r"1 requests .*requests_per_day.*try again after") as caught:
        budget.spend()
    assert datetime.fromisoformat(caught.value.retry_at) == datetime(2026, 3, 2, tzinfo=UTC)
    assert caught.value.exit_code == 3


def test_a_day_ends_by_utc_whatever_the_clocks_zone(store: Store) -> None:
    """01:30 at UTC+2 belongs to the previous day in UTC."""
    east = datetime(2026, 3, 2, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    assert spend(DailyBudget(store, 5, lambda: east), 9) == 5
    assert [name.split("/")[1] for name in store.list("budget")] == ["date=2026-03-01"]


@hypothesis.settings(max_examples=40)
@given(limit=st.integers(1, 60), runs=st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=8))
def test_whatever_is_killed_it_is_never_exceeded(limit: int, runs: list[tuple[int, bool]]) -> None:
    """A killed run returns nothing: the day loses less than a block."""
    with tempfile.TemporaryDirectory() as folder:
        sent = killed = 0
        for wish, is_killed in runs:
            budget = DailyBudget(Store(folder), limit, lambda: NOON)
            sent += spend(budget, wish)
            killed += is_killed
            if not is_killed:
                budget.close()
        wished = sum(wish for wish, _ in runs)
        assert min(wished, limit) - killed * (BLOCK - 1) <= sent <= min(wished, limit)


@hypothesis.settings(max_examples=40)
@given(limit=st.integers(1, 60), turns=st.lists(st.integers(0, 2), max_size=100))
def test_runs_at_the_same_time_never_exceed_it(limit: int, turns: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        budgets = [DailyBudget(Store(folder), limit, lambda: NOON) for _ in range(3)]
        sent = sum(spend(budgets[turn], 1) for turn in turns)
        assert sent <= limit
        assert sent >= min(len(turns), limit - 2 * BLOCK)


def test_a_count_that_is_none_is_reported(store: Store) -> None:
    store.write_json("budget/date=2026-03-01/other.json", "many")
    with pytest.raises(StoreError, match=r"other\.json.*delete it"):
        DailyBudget(store, 5, lambda: NOON).spend()


def test_a_crawl_stops_at_the_days_requests_and_goes_on_the_day_after(
    settings: Settings, tmp_path: Path, store: Store, time: Time
) -> None:
    wanted = settings.model_copy(
        update={"crawl": CrawlSettings(sources=("newest:1004", "range:1004:20220901-20220930"))}
    )
    section = Section(400)

    def client(host: Host) -> Client:
        budget = DailyBudget(store, 5, time.clock.now)
        return Client(NetworkSettings(), Politeness(wanted.crawl, time.clock, budget=budget), host)

    host = Host(section)
    with pytest.raises(RefusedError, match="5 requests"):
        crawl(wanted, store, client=client(host))
    assert len(host.asked) == 5
    assert len(latest_statistics(store)) == 250
    with pytest.raises(RefusedError):  # a second run of the same day sends no request
        crawl(wanted, store, client=client(Host(section)))
    asked = list(host.asked)
    for _ in range(9):
        time.passed += 86_400
        host = Host(section)
        try:
            report = crawl(wanted, store, day=date(2026, 3, 1), client=client(host))
        except RefusedError:
            asked += host.asked
            continue
        asked += host.asked
        break
    assert report.videos == 400
    undisturbed = Host(section)
    crawl(
        wanted,
        Store(tmp_path / "calm"),
        client=Client(NetworkSettings(), Politeness(wanted.crawl, time.clock), undisturbed),
    )
    assert asked == undisturbed.asked

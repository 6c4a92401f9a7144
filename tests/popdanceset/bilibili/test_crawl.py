import contextlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import requests

from popdanceset.bilibili.crawl import ask_followers, crawl, promising_uploaders
from popdanceset.bilibili.ledger import read_followers
from popdanceset.bilibili.statistics import latest_statistics
from popdanceset.errors import InputError, RefusedError, TransferError
from popdanceset.schema import STATISTICS, State
from popdanceset.settings import Settings
from popdanceset.store import Store
from popdanceset.withdrawal.tombstones import WithdrawalReason
from popdanceset.withdrawal.traces import traces
from popdanceset.withdrawal.withdraw import withdraw
from tests.popdanceset.bilibili.conftest import (
    Connect,
    Host,
    Section,
    bvid,
    by_views,
    facts,
    ok,
    says,
    video,
)

DAY = date(2026, 3, 1)


def sourced(settings: Settings, *sources: str, **changes: Any) -> Settings:
    crawl_settings = settings.crawl.model_copy(update={"sources": sources, **changes})
    return settings.model_copy(update={"crawl": crawl_settings})


def test_two_sources_give_one_row_a_video(settings: Settings, store: Store, connect: Connect) -> None:
    host = Host(Section(180))
    report = crawl(sourced(settings, "ranking:1004", "newest:1004"), store, client=connect(host))
    assert (report.day, report.videos, report.rows, report.requests) == (DAY, 180, 280, 5)
    assert report.failures == ()
    table = latest_statistics(store)
    assert table["bvid"].to_pylist() == sorted(bvid(i) for i in range(1, 181))
    assert store.list("statistics", ".parquet") == [
        f"statistics/date=2026-03-01/{name}.parquet"
        for name in ("newest-1004-00001", "newest-1004-00002", "newest-1004-00003", "newest-1004-00004")
    ] + ["statistics/date=2026-03-01/ranking-1004-00001.parquet"]


def test_view_is_asked_only_for_what_a_list_lacks(settings: Settings, store: Store, connect: Connect) -> None:
    host = Host(Section(40, tombstones={3: -404, 5: 62002}))
    wanted = sourced(settings, "newest:1004", "range:1004:20220901-20220930")
    crawl(wanted, store, client=connect(host))
    assert Counter(path for path, _ in host.asked)["/x/web-interface/view"] == 0  # the other list is complete

    elsewhere = Store(store.address + "-2")
    report = crawl(sourced(settings, "range:1004:20220901-20220930"), elsewhere, client=connect(host))
    rows = {row["bvid"]: row for row in latest_statistics(elsewhere).to_pylist()}
    assert report.tombstones == 2
    assert (rows[bvid(3)]["state"], rows[bvid(3)]["note"]) == (State.GONE, "-404: not here")
    assert (rows[bvid(5)]["state"], rows[bvid(5)]["note"]) == (State.HIDDEN, "62002: not here")
    assert rows[bvid(4)]["coin"] == 4
    assert rows[bvid(4)]["source"] == "view"


def test_a_finished_day_asks_nothing_again(settings: Settings, store: Store, connect: Connect) -> None:
    wanted = sourced(settings, "ranking:1004", "newest:1004", "range:1004:20220901-20220930")
    crawl(wanted, store, client=connect(Host(Section(70))))
    host = Host(Section(70))
    report = crawl(wanted, store, client=connect(host))
    assert (host.asked, report.rows, report.videos) == ([], 0, 70)


def test_the_next_day_is_a_new_snapshot(settings: Settings, store: Store, connect: Connect) -> None:
    wanted = sourced(settings, "newest:1004")
    crawl(wanted, store, client=connect(Host(Section(10))))
    crawl(wanted, store, client=connect(Host(Section(10))), day=date(2026, 3, 2))
    assert len(store.read_table("statistics", STATISTICS)) == 20
    assert len(latest_statistics(store)) == 10


class Killed(BaseException):
    """Ends a crawl at any point, as a signal would."""


def test_killed_after_any_request_it_goes_on(settings: Settings, tmp_path: Path, connect: Connect) -> None:
    ids = tmp_path / "ids.txt"
    ids.write_text("\n".join(bvid(i) for i in range(118, 124)))
    wanted = sourced(settings, "ranking:1004", "newest:1004", "range:2028:20220901-20220930", f"ids:{ids}")
    section = Section(120, tombstones={121: -404})
    undisturbed, calm = Store(tmp_path / "calm"), Host(section)
    crawl(wanted, undisturbed, client=connect(calm))
    total = len(calm.asked)
    assert total > 8

    for k in range(1, total + 1):
        store, asked = Store(tmp_path / f"killed-{k}"), []
        host = Host(section)

        def kill(n: int, k: int = k) -> None:
            if n == k:
                raise Killed

        host.before = kill
        with pytest.raises(Killed):
            crawl(wanted, store, client=connect(host))
        asked += host.asked
        again = Host(section)
        crawl(wanted, store, client=connect(again))
        asked += again.asked
        assert asked == calm.asked, f"killed at request {k}"
        assert facts(store) == facts(undisturbed)


class Frail(Store):
    """Its process dies at the n-th write, before or after the file is visible."""

    def __init__(self, folder: Path, n: int, after: bool) -> None:
        super().__init__(folder)
        self.n, self.after = n, after

    def write_bytes(self, name: str, data: bytes) -> None:
        self._write(lambda: Store.write_bytes(self, name, data))

    def write_rows(self, name: str, rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
        self._write(lambda: Store.write_rows(self, name, rows, schema))
        return schema.empty_table()

    def _write(self, write: Callable[[], object]) -> None:
        self.n -= 1
        if self.n == 0 and not self.after:
            raise Killed
        write()
        if self.n == 0:
            raise Killed


@pytest.mark.parametrize("after", [False, True])
def test_killed_at_any_write(settings: Settings, tmp_path: Path, connect: Connect, after: bool) -> None:
    """At most the current page is requested again, and the table equals that of an undisturbed run."""
    wanted = sourced(settings, "ranking:1004", "newest:1004", "range:2028:20220901-20220930")
    section = Section(35, tombstones={3: -404})
    undisturbed, calm = Store(tmp_path / "calm"), Host(section)
    crawl(wanted, undisturbed, client=connect(calm))
    n = 0
    while True:
        n += 1
        host = Host(section)
        folder = tmp_path / f"killed-{n}"
        try:
            crawl(wanted, Frail(folder, n, after), client=connect(host))
            break
        except Killed:
            crawl(wanted, Store(folder), client=connect(host))
        repeated = len(host.asked) - len({json.dumps(a) for a in host.asked})
        assert repeated <= 1
        assert facts(Store(folder)) == facts(undisturbed)
    assert n > 5


def test_killed_over_and_over(settings: Settings, tmp_path: Path, connect: Connect) -> None:
    """Each run ends after three requests; `view` answers are kept one by one."""
    wanted, section = sourced(settings, "range:1004:20220901-20220930"), Section(65)
    calm, undisturbed = Host(section), Store(tmp_path / "calm")
    crawl(wanted, undisturbed, client=connect(calm))
    store, asked, lives = Store(tmp_path / "killed"), [], 0
    while True:
        host, lives = Host(section), lives + 1

        def kill(n: int) -> None:
            if n == 4:
                raise Killed

        host.before = kill
        try:
            crawl(wanted, store, client=connect(host))
        except Killed:
            asked += host.asked
            continue
        asked += host.asked
        break
    assert lives > 20
    assert asked == calm.asked
    assert facts(store) == facts(undisturbed)


def test_refusals_end_the_crawl_with_what_it_has(settings: Settings, store: Store, connect: Connect) -> None:
    section = Section(180)
    refusing = Host(lambda path, query: says(-412) if query.get("pn") == "3" else section(path, query))
    wanted = sourced(settings, "ranking:1004", "newest:1004")
    with pytest.raises(RefusedError) as caught:
        crawl(wanted, store, client=connect(refusing))
    assert caught.value.retry_at
    assert len(latest_statistics(store)) == 100
    host = Host(section)
    report = crawl(wanted, store, client=connect(host))
    assert [query["pn"] for _, query in host.asked] == ["3", "4"]
    assert report.videos == 180


def test_a_host_out_of_reach(settings: Settings, store: Store, connect: Connect) -> None:
    host = Host(Section(180))

    def broken(n: int) -> None:
        if n > 2:
            raise requests.exceptions.ConnectionError("unplugged")

    host.before = broken
    with pytest.raises(TransferError, match="unplugged"):
        crawl(sourced(settings, "newest:1004"), store, client=connect(host))
    assert len(latest_statistics(store)) == 100


def test_a_storm_of_server_errors_keeps_what_was_collected(
    settings: Settings, store: Store, connect: Connect
) -> None:
    section = Section(180)
    host = Host(lambda path, query: (503, b"") if len(host.asked) > 2 else section(path, query))
    with pytest.raises(TransferError, match="HTTP 503"):
        crawl(sourced(settings, "newest:1004"), store, client=connect(host))
    assert len(latest_statistics(store)) == 100
    host = Host(section)
    assert crawl(sourced(settings, "newest:1004"), store, client=connect(host)).videos == 180
    assert [query["pn"] for _, query in host.asked] == ["3", "4"]


def test_the_end_of_a_crawl_is_logged(
    settings: Settings, store: Store, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    crawl(sourced(settings, "newest:1004"), store, client=connect(Host(Section(60))))
    assert "crawl of 2026-03-01: 60 videos, 60 new rows; 2 requests (0 refused)" in caplog.text


def test_a_source_that_fails_is_reported(settings: Settings, store: Store, connect: Connect, caplog) -> None:
    section = Section(20)
    host = Host(lambda path, query: says(-404) if "ranking" in path else section(path, query))
    report = crawl(sourced(settings, "ranking:9", "newest:1004"), store, client=connect(host))
    assert report.videos == 20
    assert len(report.failures) == 1
    assert "ranking:9" in report.failures[0]
    assert "ranking:9" in caplog.text


def test_when_every_source_fails_it_is_an_error(settings: Settings, store: Store, connect: Connect) -> None:
    with pytest.raises(InputError, match=r"no source returned a video.*ranking:9"):
        crawl(sourced(settings, "ranking:9"), store, client=connect(Host(lambda path, query: says(-404))))


def test_it_stops_asking_at_the_limit(settings: Settings, store: Store, connect: Connect) -> None:
    host = Host(Section(1000))
    report = crawl(sourced(settings, "newest:1004", max_videos=120), store, client=connect(host))
    assert (report.videos, report.requests) == (150, 3)
    more = crawl(sourced(settings, "newest:1004", max_videos=170), store, client=connect(host))
    assert (more.videos, more.requests) == (200, 1)


def test_a_host_that_repeats_itself_is_left(settings: Settings, store: Store, connect: Connect) -> None:
    host = Host(lambda path, query: ok({"archives": [video(1), video(2)]}))
    report = crawl(sourced(settings, "newest:1004"), store, client=connect(host))
    assert (report.videos, report.requests) == (2, 2)


def test_progress_counts_the_videos(settings: Settings, store: Store, connect: Connect) -> None:
    steps: list[int] = []
    wanted = sourced(settings, "ranking:1004", "newest:1004", max_videos=150)
    crawl(wanted, store, client=connect(Host(Section(180))), advance=lambda n=1, note="": steps.append(n))
    assert sum(steps) == 150
    steps.clear()
    crawl(wanted, store, client=connect(Host(Section(180))), advance=lambda n=1, note="": steps.append(n))
    assert sum(steps) == 150


# -- followers -------------------------------------------------------------------------------------


def test_only_promising_uploaders_are_asked_for_once_a_day(
    settings: Settings, store: Store, connect: Connect
) -> None:
    section = Section(100)  # video i has 1000 + i views and belongs to uploader i % 7 + 1
    crawl(sourced(settings, "newest:1004"), store, client=connect(Host(section)))
    strict = settings.model_copy(
        update={"popularity": settings.popularity.model_copy(update={"follower_margin": 0.0})}
    )
    model = by_views(1096)
    expected = [i % 7 + 1 for i in (100, 99, 98, 97)]  # the best video's uploader first
    assert promising_uploaders(strict, store, model) == expected

    host = Host(section)
    report = ask_followers(strict, store, model, client=connect(host))
    assert [int(query["vmid"]) for _, query in host.asked] == expected
    assert (report.promising, report.asked, report.unknown, report.requests) == (4, 4, 0, 4)
    again = Host(section)
    assert ask_followers(strict, store, model, client=connect(again)).asked == 0
    assert again.asked == []
    known = {row["mid"]: row["follower"] for row in latest_statistics(store).to_pylist()}
    assert {mid: known[mid] for mid in sorted(known)} == {
        mid: mid * 100 if mid in expected else None for mid in range(1, 8)
    }
    # With a margin, more of them.
    assert ask_followers(settings, store, model, client=connect(Host(section))).asked == 3


def test_asking_for_followers_goes_on_after_a_kill(
    settings: Settings, store: Store, connect: Connect
) -> None:
    section = Section(100)
    crawl(sourced(settings, "newest:1004"), store, client=connect(Host(section)))
    model, asked = by_views(500), []
    for limit in (3, 2, 99):
        host = Host(section)

        def kill(n: int, limit: int = limit) -> None:
            if n == limit:
                raise Killed

        host.before = kill
        with contextlib.suppress(Killed):
            ask_followers(settings, store, model, client=connect(host))
        asked += [query["vmid"] for _, query in host.asked]
    assert len(asked) == len(set(asked)) == 7
    assert sorted(read_followers(store)["mid"].to_pylist()) == list(range(1, 8))


def test_an_uploader_without_a_number_is_asked_once(
    settings: Settings, store: Store, connect: Connect
) -> None:
    section = Section(3)
    crawl(sourced(settings, "newest:1004"), store, client=connect(Host(section)))
    model = by_views(500)
    report = ask_followers(settings, store, model, client=connect(Host(lambda p, q: says(-404, "gone"))))
    assert report.unknown == 3
    assert set(read_followers(store)["note"].to_pylist()) == {"-404: gone"}
    assert ask_followers(settings, store, model, client=connect(Host(section))).asked == 0


def test_withdrawn_videos_are_skipped_and_counted(
    settings: Settings, store: Store, connect: Connect, tmp_path: Path
) -> None:
    withdraw(settings, store, [bvid(3), bvid(5)], WithdrawalReason.UPLOADER, cache_dir=tmp_path)
    listed = tmp_path / "ids.txt"
    listed.write_text(f"{bvid(3)}\n{bvid(4)}\n")
    host = Host(Section(40))
    report = crawl(sourced(settings, "newest:1004", f"ids:{listed}"), store, client=connect(host))
    assert report.videos == 38
    assert report.skipped == {"withdrawn from the dataset": 3}
    assert not {bvid(3), bvid(5)} & set(latest_statistics(store)["bvid"].to_pylist())
    assert not [query for _, query in host.asked if query.get("bvid") in (bvid(3), bvid(5))]


def test_a_withdrawal_during_a_crawl_leaves_no_row(
    settings: Settings, store: Store, connect: Connect, tmp_path: Path
) -> None:
    def advance(steps: int = 1, note: str = "") -> None:
        if steps:
            withdraw(settings, store, [bvid(3)], WithdrawalReason.UPLOADER, cache_dir=tmp_path)

    crawl(sourced(settings, "newest:1004"), store, client=connect(Host(Section(40))), advance=advance)
    assert bvid(3) not in latest_statistics(store)["bvid"].to_pylist()
    assert not list(traces(store, [bvid(3)]))

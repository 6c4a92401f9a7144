"""The crawl against the simulator, through its proxy and with its certificate; and with a whole section."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from click.testing import CliRunner, Result

from popdanceset.bilibili.client import Client
from popdanceset.bilibili.command import crawl as command
from popdanceset.bilibili.crawl import ask_followers, crawl
from popdanceset.bilibili.politeness import Politeness
from popdanceset.bilibili.statistics import latest_statistics
from popdanceset.errors import RefusedError, TransferError
from popdanceset.ledger import read_ledger
from popdanceset.manifest import Manifest, ManifestVideo, write_manifest
from popdanceset.popularity.fit import fit
from popdanceset.schema import COUNTS, FOLLOWERS, STATISTICS
from popdanceset.settings import Settings
from popdanceset.simulator.api import ROUTES
from popdanceset.simulator.casting import with_mode
from popdanceset.simulator.catalogue import Catalogue
from popdanceset.simulator.faults import parse_fault
from popdanceset.simulator.population import population, with_partners
from popdanceset.simulator.records import Mode
from popdanceset.simulator.server import Simulator
from popdanceset.store import Store
from tests.popdanceset.bilibili.conftest import Connect, Host, Time, by_views, directed

DAY = date(2026, 3, 1)


@pytest.mark.parametrize("sources", [("ranking:1004", "newest:1004"), ("range:1004:20100101-20991231",)])
def test_the_table_is_what_the_simulator_knows(
    settings: Settings, store: Store, sources: tuple[str, ...]
) -> None:
    videos = {video.bvid: video for video in population(130, seed=3)}
    with Simulator(videos.values()) as simulator:
        report = crawl(directed(settings, simulator, *sources), store)
        assert not simulator.leaks
        assert len(simulator.log) == report.requests
        (cost,) = read_ledger(store)
        assert (cost.stage, cost.requests, cost.refused, cost.items) == ("crawl", report.requests, 0, 130)
        assert cost.bytes_received > 130 * 100
        assert {r.headers["user-agent"].split("/")[0] for r in simulator.log} == {"popdanceset"}
        assert not any(r.headers.get("cookie") for r in simulator.log)
    rows = latest_statistics(store).to_pylist()
    assert [row["bvid"] for row in rows] == sorted(videos)
    for row in rows:
        video = videos[row["bvid"]]
        assert [row[name] for name in COUNTS] == [getattr(video.counts, name) for name in COUNTS]
        assert (row["mid"], row["title"], row["pages"]) == (video.mid, video.title, video.parts)
        assert row["pubdate"].timestamp() == video.pubdate
        assert row["tid_v2"] == video.section.tid_v2


def test_faults_are_waited_out(settings: Settings, store: Store) -> None:
    faults = [parse_fault(text) for text in ("412:2@1", "-352@4", "truncated@5", "500@6")]
    with Simulator(population(130, seed=3), faults=faults) as simulator:
        report = crawl(directed(settings, simulator, "newest:1004"), store)
    assert report.videos == 130
    assert read_ledger(store)[0].refused == report.refusals >= 3


def test_a_ban_ends_the_crawl_and_a_second_run_completes_it(settings: Settings, store: Store) -> None:
    with Simulator(population(130, seed=3), faults=[parse_fault("412:all@2")]) as simulator:
        wanted = directed(settings, simulator, "newest:1004")
        with pytest.raises(RefusedError):
            crawl(wanted, store, day=DAY)
        assert len(latest_statistics(store)) == 100
        simulator.faults.clear()
        assert crawl(wanted, store, day=DAY).requests == 1
    assert len(latest_statistics(store)) == 130


def test_a_simulator_that_is_gone(settings: Settings, store: Store) -> None:
    with Simulator(population(10, seed=3)) as simulator:
        wanted = directed(settings, simulator, "newest:1004")
        network = wanted.network.model_copy(update={"ca_file": ""})
    with pytest.raises(TransferError, match="run again"):
        crawl(wanted.model_copy(update={"network": network}), store)


@pytest.mark.slow
def test_a_section_needs_a_tenth_of_the_requests_at_most(
    settings: Settings, store: Store, connect: Connect
) -> None:
    """Ten thousand videos, against one `view` and one `relation/stat` each."""
    catalogue = Catalogue(population(10_000, seed=0))

    def reply(path: str, query: dict[str, str]) -> tuple[int, bytes]:
        answer = ROUTES[path](catalogue, query)
        return answer.status, answer.body

    wanted = settings.model_copy(
        update={"crawl": settings.crawl.model_copy(update={"sources": ("ranking:1004", "newest:1004")})}
    )
    host = Host(reply)
    client = connect(host)
    report = crawl(wanted, store, client=client)
    asked = ask_followers(wanted, store, fit(wanted, store).model, client=client)
    assert report.videos == report.settled == 10_000
    assert asked.promising == asked.asked > 100
    assert report.requests + asked.requests == len(host.asked) <= 2 * 10_000 / 10
    assert Counter(path for path, _ in host.asked)["/x/web-interface/view"] == 0


def test_an_hour_of_412_leaves_no_trace_in_the_tables(settings: Settings, tmp_path: Path, time: Time) -> None:
    """From the second minute the host refuses everything for an hour. The crawl slows down, stops, and is
    restarted at the time it named until it is complete: listings, `view`, followers."""

    def gone_through(store: Store, simulator: Simulator) -> int:
        """Returns how often the crawl stopped."""
        wanted = directed(settings, simulator, "range:2028:20100101-20991231", "ranking:2029")
        polite = Politeness(settings.crawl, time.clock)  # the default rate: one request in two seconds
        client = Client(wanted.network, polite)
        stops = 0
        while True:
            try:
                crawl(wanted, store, day=date(2026, 3, 1), client=client)
                ask_followers(wanted, store, by_views(50_000), day=date(2026, 3, 1), client=client)
            except RefusedError as error:
                stops += 1
                pause = datetime.fromisoformat(error.retry_at) - time.clock.now()
                time.passed += pause.total_seconds() + 60
                continue
            client.close()
            return stops

    videos = population(400, seed=6)
    calm, disturbed = Store(tmp_path / "calm"), Store(tmp_path / "disturbed")
    with Simulator(videos, clock=time.clock.monotonic) as simulator:
        assert gone_through(calm, simulator) == 0
        peaceful = len(simulator.log)
    time.slept.clear()
    with Simulator(videos, faults=[parse_fault("412:3600s@120s")], clock=time.clock.monotonic) as simulator:
        assert gone_through(disturbed, simulator) >= 1
        refused = [line for line in simulator.log if line.status == 412]
        answered = [(line.path, line.query) for line in simulator.log if line.status == 200]
    assert 3 <= len(refused) <= 9  # without slowing down there would be 1,600 requests
    assert {60, 120} <= {pause // 60 * 60 for pause in time.slept}  # it slowed before it stopped
    assert len(answered) == peaceful  # and no request was repeated

    def rows(store: Store, name: str, schema: pa.Schema) -> list[dict[str, Any]]:
        table = store.read_table(name, schema).drop_columns("snapshot_at")
        return table.sort_by([(column, "ascending") for column in table.column_names]).to_pylist()

    assert len(rows(calm, "followers", FOLLOWERS)) > 5
    for name, schema in (("statistics", STATISTICS), ("followers", FOLLOWERS)):
        assert rows(disturbed, name, schema) == rows(calm, name, schema)


def command_line(settings: Settings, simulator: Simulator, *arguments: str) -> Result:
    """`popdanceset crawl` against the simulator."""
    base = ["--store", settings.store, "--day", "2026-03-01"]
    for name, value in (
        ("crawl.requests_per_second", "10000"),
        ("crawl.cool_down", "0.001"),
        ("network.proxy", simulator.proxy_url),
        ("network.ca_file", simulator.ca_file),
        ("network.contact", "me@example.org"),
    ):
        base += ["--set", f"{name}={value}"]
    return CliRunner().invoke(command, [*base, *arguments])


def test_the_command_tells_what_it_did(settings: Settings) -> None:
    with Simulator(population(130, seed=3)) as simulator:
        arguments = ["--source", "newest:1004", "--max-videos", "120", "--followers", "paper-midpoints"]
        result = command_line(settings, simulator, *arguments)
        asked = len(simulator.log)
        again = command_line(settings, simulator, *arguments)
        assert len(simulator.log) == asked
    assert result.exit_code == again.exit_code == 0
    assert "2026-03-01: 130 videos, 130 new rows" in result.output
    assert "3 requests" in result.output
    assert "promising uploaders" in result.output
    assert f"{asked} requests for 130 videos: {asked / 260:.1%} of one view" in result.output
    assert "0 new rows" in again.output
    assert len(latest_statistics(Store(settings.store))) == 130


def test_every_source_from_the_command_line(settings: Settings, tmp_path: Path) -> None:
    videos = population(130, seed=3)
    named, earlier = [v.bvid for v in videos[:3]], [v.bvid for v in videos[3:6]]
    (tmp_path / "my ids.txt").write_text("# mine\n" + "\n".join(named))
    write_manifest(tmp_path / "v1", Manifest("v1", tuple(ManifestVideo(bvid, 0.9) for bvid in earlier)))
    sources = [
        f"ids:{tmp_path / 'my ids.txt'}",
        f"manifest:{tmp_path / 'v1'}",
        "range:2034:20100101-20991231",
    ]
    sources += ["popular", "ranking:2029", "newest:2030"]
    chosen = [argument for source in sources for argument in ("--source", source)]
    with Simulator(videos) as simulator:
        result = command_line(settings, simulator, *chosen)
        assert result.exit_code == 0, result.output
        assert not simulator.leaks
    table = Store(settings.store).read_table("statistics", STATISTICS)
    assert set(table["source"].to_pylist()) - {"view"} == set(sources)
    rows = {row["bvid"]: row for row in latest_statistics(Store(settings.store)).to_pylist()}
    for video in videos[:6]:
        assert rows[video.bvid]["like"] == video.counts.like
    assert all(row["note"] == "" for row in rows.values())


def test_the_command_says_what_is_kept_when_it_has_to_stop(settings: Settings) -> None:
    with Simulator(population(130, seed=3), faults=[parse_fault("412:all@2")]) as simulator:
        result = command_line(settings, simulator, "--source", "newest:1004")
    assert isinstance(result.exception, RefusedError)
    assert "2026-03-01: stopped after 5 requests; 100 videos are kept" in result.output
    with Simulator(population(130, seed=3)) as simulator:
        result = command_line(
            settings, simulator, "--source", "newest:1004", "--set", "crawl.requests_per_day=5"
        )
    assert isinstance(result.exception, RefusedError)
    assert "stopped after 0 requests; 100 videos" in result.output
    assert "requests_per_day" in str(result.exception)


def test_a_known_id_is_asked_for_once_though_it_is_gone(settings: Settings, tmp_path: Path) -> None:
    videos = with_mode(population(20, seed=3), Mode.DELETED, 4)
    ids = tmp_path / "ids.txt"
    ids.write_text("\n".join(video.bvid for video in videos))
    with Simulator(videos) as simulator:
        for _ in range(3):
            assert command_line(settings, simulator, "--source", f"ids:{ids}").exit_code == 0
        assert len(simulator.log) == 20
    states = Counter(latest_statistics(Store(settings.store))["state"].to_pylist())
    assert states == {"public": 16, "gone": 4}


def test_popular_finds_every_dance_whatever_form_its_section_has(settings: Settings, store: Store) -> None:
    videos = population(130, seed=3)
    with Simulator(videos) as simulator:
        report = crawl(directed(settings, simulator, "popular"), store)
        views = sum(request.path.endswith("/view") for request in simulator.log)
    assert report.videos == 130
    assert views == sum(video.aid % 10 == 0 for video in videos) > 0
    assert sum(report.skipped.values()) == 14  # adverts and live rooms
    assert {row["tid_v2"] for row in latest_statistics(store).to_pylist()} == {
        video.section.tid_v2 for video in videos
    }


def test_an_uploader_a_folder_and_a_collection(settings: Settings, store: Store, tmp_path: Path) -> None:
    videos = population(130, seed=3)
    catalogue = Catalogue(videos)
    mid, mine = max(catalogue.of_uploader.items(), key=lambda item: len(item[1]))
    ids = tmp_path / "ids.txt"
    ids.write_text(f"https://b23.tv/{videos[0].bvid[-7:]}\nav{videos[1].aid}\n")
    expected = {
        f"uploader:{mid}": {video.bvid for video in mine},
        f"collection:{mid}": {video.bvid for video in mine},
        f"collection:{mine[0].bvid}": {video.bvid for video in mine},
        "favourites:1": {video.bvid for video in catalogue.by_score[:60]},
        f"ids:{ids}": {videos[0].bvid},  # the made-up numeric ids are not those of the made-up video ids
    }
    with Simulator(videos) as simulator:
        for number, (source, bvids) in enumerate(expected.items()):
            here = Store(f"{store.address}-{number}")
            crawl(directed(settings, simulator, source), here)
            rows = [row for row in latest_statistics(here).to_pylist() if row["state"] == "public"]
            assert {row["bvid"] for row in rows} == bvids
            assert all(row[name] is not None for row in rows for name in COUNTS)
        assert not simulator.leaks
        assert not any("w_rid" in request.path for request in simulator.log)


def test_followers_of_a_joint_upload_are_those_of_all(settings: Settings, store: Store) -> None:
    videos = with_partners(population(130, seed=3))
    followers = {video.mid: video.follower for video in videos}
    with Simulator(videos) as simulator:
        wanted = directed(settings, simulator, "newest:1004")
        crawl(wanted, store, day=DAY)
        assert not any(request.path.endswith("/view") for request in simulator.log)
        before = {row["bvid"]: row["staff"] for row in latest_statistics(store).to_pylist()}
        report = ask_followers(wanted, store, by_views(50), day=DAY)
        views = sum(request.path.endswith("/view") for request in simulator.log)
        again = ask_followers(wanted, store, by_views(50), day=DAY)
    rows = {row["bvid"]: row for row in latest_statistics(store).to_pylist()}
    joint = [video for video in videos if video.staff]
    assert len(joint) > 3
    assert views == len([v for v in joint if rows[v.bvid]["staff"]]) > 0
    assert (report.unknown, again.requests) == (0, 0)
    for video in videos:
        row = rows[video.bvid]
        assert before[video.bvid] == ("" if video.staff else None)
        if row["staff"]:
            assert row["staff"] == "+".join(str(each.mid) for each in video.staff)
            assert row["follower"] == sum(followers[each.mid] for each in video.staff)
            # Whether or not a title says who dances: these are the dancer and the uploader, or all people.
            assert row["dancers"] == "+".join(map(str, sorted(each.mid for each in video.staff)))

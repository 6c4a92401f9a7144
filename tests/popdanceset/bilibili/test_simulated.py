"""The crawl against the simulator, through its proxy and with its certificate; and at a section's size."""

from __future__ import annotations

from collections import Counter

import pytest
from click.testing import CliRunner

from popdanceset.bilibili.command import crawl as command
from popdanceset.bilibili.crawl import ask_followers, crawl
from popdanceset.bilibili.statistics import latest_statistics
from popdanceset.errors import RefusedError, TransferError
from popdanceset.popularity.fit import fit
from popdanceset.schema import COUNTS
from popdanceset.settings import Settings
from popdanceset.simulator.api import ROUTES
from popdanceset.simulator.catalogue import Catalogue
from popdanceset.simulator.faults import parse_fault
from popdanceset.simulator.population import population
from popdanceset.simulator.server import Simulator
from popdanceset.store import Store
from tests.popdanceset.bilibili.conftest import Connect, Host

FAST = {"requests_per_second": 10_000, "cool_down": 0.001, "jitter": 0}


def directed(settings: Settings, simulator: Simulator, *sources: str) -> Settings:
    """The settings that send a crawl to the simulator."""
    network = settings.network.model_copy(update={"proxy": simulator.proxy_url, "ca_file": simulator.ca_file})
    changed = settings.crawl.model_copy(update={**FAST, "sources": sources})
    return settings.model_copy(update={"network": network, "crawl": changed})


@pytest.mark.parametrize("sources", [("ranking:1004", "newest:1004"), ("range:1004:20100101-20991231",)])
def test_the_table_is_what_the_simulator_knows(
    settings: Settings, store: Store, sources: tuple[str, ...]
) -> None:
    videos = {video.bvid: video for video in population(130, seed=3)}
    with Simulator(videos.values()) as simulator:
        report = crawl(directed(settings, simulator, *sources), store)
        assert not simulator.leaks
        assert len(simulator.log) == report.requests
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
    assert report.refusals >= 3


def test_a_ban_ends_the_crawl_and_a_second_run_completes_it(settings: Settings, store: Store) -> None:
    with Simulator(population(130, seed=3), faults=[parse_fault("412:all@2")]) as simulator:
        wanted = directed(settings, simulator, "newest:1004")
        with pytest.raises(RefusedError):
            crawl(wanted, store)
        assert len(latest_statistics(store)) == 100
        simulator.faults.clear()
        assert crawl(wanted, store).requests == 1
    assert len(latest_statistics(store)) == 130


def test_a_simulator_that_is_gone(settings: Settings, store: Store) -> None:
    with Simulator(population(10, seed=3)) as simulator:
        wanted = directed(settings, simulator, "newest:1004")
        network = wanted.network.model_copy(update={"ca_file": ""})
    with pytest.raises(TransferError, match="run again"):
        crawl(wanted.model_copy(update={"network": network}), store)


def test_a_section_needs_a_tenth_of_the_requests_at_most(
    settings: Settings, store: Store, connect: Connect
) -> None:
    """Against one `view` and one `relation/stat` a video."""
    catalogue = Catalogue(population(4_000, seed=0))

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
    assert report.videos == 4_000
    assert report.requests + asked.requests == len(host.asked) <= 2 * 4_000 / 10
    assert Counter(path for path, _ in host.asked)["/x/web-interface/view"] == 0


def test_the_command_tells_what_it_did(settings: Settings) -> None:
    with Simulator(population(130, seed=3)) as simulator:
        base = ["--store", settings.store, "--set", "crawl.requests_per_second=10000"]
        base += [
            "--set",
            f"network.proxy={simulator.proxy_url}",
            "--set",
            f"network.ca_file={simulator.ca_file}",
        ]
        base += ["--day", "2026-03-01", "--source", "newest:1004", "--max-videos", "120"]
        result = CliRunner().invoke(
            command, [*base, "--followers", "paper-midpoints"], catch_exceptions=False
        )
    assert "2026-03-01: 130 videos, 130 new rows" in result.output
    assert "3 requests" in result.output
    assert "promising uploaders" in result.output
    assert len(latest_statistics(Store(settings.store))) == 130

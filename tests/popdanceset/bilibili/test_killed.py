"""A crawl in its own process, killed by SIGKILL at any moment, does not repeat finished requests."""

from __future__ import annotations

import math
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.compute as pc

from popdanceset.bilibili.crawl import ask_followers, crawl
from popdanceset.bilibili.ledger import BATCH, read_followers
from popdanceset.popularity.model import PAPER_MIDPOINTS, load_model
from popdanceset.schema import STATISTICS
from popdanceset.settings import Settings
from popdanceset.simulator.population import population
from popdanceset.simulator.server import Simulator
from popdanceset.store import Store
from tests.popdanceset.bilibili.conftest import directed, facts

RANGE = "range:1004:20100101-20991231"
Asked = tuple[str, str]  # what was asked for: a listing's page, a video, an uploader


def asked(simulator: Simulator) -> list[Asked]:
    """Returns the requests that the simulator received, in order."""
    keys = ("page", "bvid", "vmid")
    return [(line.path, next(line.query[key] for key in keys if key in line.query)) for line in simulator.log]


def finished(store: Store) -> set[Asked]:
    """Returns the complete content of the store."""
    rows = store.read_table("statistics", STATISTICS).to_pylist()
    names = (re.search(r"/range-.*-(\d{5})\.parquet$", name) for name in store.list("statistics"))
    return (
        {("/x/web-interface/newlist_rank", str(int(match[1]))) for match in names if match}
        | {("/x/web-interface/view", row["bvid"]) for row in rows if row["source"] == "view"}
        | {("/x/relation/stat", str(mid)) for mid in read_followers(store)["mid"].to_pylist()}
    )


def test_killed_by_sigkill_it_asks_for_nothing_again(settings: Settings, tmp_path: Path) -> None:
    """Killed among the pages, twice among the videos, and among the followers."""
    store = Store(tmp_path / "killed")
    with Simulator(population(150, seed=3)) as simulator:
        command = [sys.executable, "-m", "popdanceset", "crawl", "--store", store.address, "--source", RANGE]
        command += ["--followers", "paper-midpoints", "--day", "2026-03-01"]
        command += ["--set", "crawl.requests_per_second=100", "--set", "network.contact=me@example.org"]

        def run(until: int) -> tuple[int, list[Asked]]:
            """Returns exit code and requests of a crawl that is killed after a number of requests."""
            before = len(simulator.log)
            process = subprocess.Popen(
                command, env={**os.environ, **simulator.environment}, stdout=subprocess.DEVNULL
            )
            try:
                while process.poll() is None and len(simulator.log) < until:
                    time.sleep(0.001)
            finally:
                process.kill()
            return process.wait(), asked(simulator)[before:]

        lost = 0
        for until in (3, 40, 100, 158):
            had = finished(store)
            code, questions = run(until)
            assert code == -signal.SIGKILL
            assert had.isdisjoint(questions)
            assert len(questions) == len(set(questions))
            lost += len(set(questions) - finished(store))
        had = finished(store)
        code, questions = run(10**6)
        assert code == 0
        assert had.isdisjoint(questions)
        assert lost <= 4  # the answers in transit when the process died
        assert not simulator.leaks
        calm = directed(settings, simulator, RANGE)
        crawl(calm, Store(calm.store))
        ask_followers(calm, Store(calm.store), load_model(PAPER_MIDPOINTS, calm, Store(calm.store)))
    assert facts(store) == facts(Store(calm.store))
    promising = len(read_followers(store))
    assert promising == len(set(read_followers(store)["mid"].to_pylist())) > 2
    views = store.read_table("statistics", STATISTICS).filter(pc.field("source") == "view")
    files = [name for name in store.list("statistics") if "/view-" in name]
    assert len(views) > BATCH
    assert len(files) == math.ceil(len(views) / BATCH)  # each run filled the batch of the one before
    assert len(store.list("followers")) == 1


def test_two_at_once_take_turns(tmp_path: Path) -> None:
    """Two crawls of a day on one store: the second finds everything, and requests nothing."""
    store = Store(tmp_path / "shared")
    with Simulator(population(60, seed=3)) as simulator:
        command = [sys.executable, "-m", "popdanceset", "crawl", "--store", store.address, "--source", RANGE]
        command += ["--followers", "paper-midpoints", "--day", "2026-03-01"]
        command += ["--set", "crawl.requests_per_second=100", "--set", "network.contact=me@example.org"]
        both = [
            subprocess.Popen(command, env={**os.environ, **simulator.environment}, stdout=subprocess.DEVNULL)
            for _ in range(2)
        ]
        assert [process.wait(120) for process in both] == [0, 0]
        questions = asked(simulator)
    assert len(questions) == len(set(questions)) > 60
    assert finished(store) == set(questions)
    mids = read_followers(store)["mid"].to_pylist()
    assert len(mids) == len(set(mids)) > 0

"""Increments a day, compared with an independent calculation in pandas."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from popdanceset.bilibili.command import growth as command
from popdanceset.bilibili.crawl import crawl
from popdanceset.bilibili.growth import growth
from popdanceset.bilibili.records import VideoRecord, from_video_object
from popdanceset.errors import InputError
from popdanceset.schema import COUNTS, GROWTH, STATISTICS, State
from popdanceset.settings import Settings
from popdanceset.simulator.population import aged, population
from popdanceset.simulator.server import Simulator
from popdanceset.store import Store
from popdanceset.tables import from_rows
from tests.popdanceset.bilibili.conftest import bvid, video

MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)


def seen(number: int, hours: float, source: str = "newest:1004", **counts: int | None) -> VideoRecord:
    """Returns video `number` as of a number of hours after the beginning of 1 March."""
    stat = {**video(number)["stat"], **counts}
    made = from_video_object(video(number, stat=stat), source, MIDNIGHT + timedelta(hours=hours))
    assert isinstance(made, VideoRecord)
    return made


def write(store: Store, *records: VideoRecord) -> None:
    """Writes each record to the crawl of its day."""
    for number, record in enumerate(records):
        name = f"statistics/date={record.snapshot_at:%Y-%m-%d}/made-up-{number:05d}.parquet"
        store.write_table(name, from_rows([record.row()], STATISTICS), STATISTICS)


def test_increments_a_day(store: Store) -> None:
    write(store, seen(1, 12, view=100), seen(1, 36, view=160), seen(1, 84, view=150), seen(2, 12))
    table = growth(store)
    assert table.schema.equals(GROWTH)
    assert table.select(["bvid", "days", "view", "coin"]).to_pylist() == [
        {"bvid": bvid(1), "days": 1.0, "view": 60.0, "coin": 0.0},
        {"bvid": bvid(1), "days": 2.0, "view": -5.0, "coin": 0.0},
    ]
    assert table["from"].to_pylist() == [MIDNIGHT + timedelta(hours=h) for h in (12, 36)]
    assert table["to"].to_pylist() == [MIDNIGHT + timedelta(hours=h) for h in (36, 84)]


def test_a_days_crawl_is_one_snapshot(store: Store) -> None:
    """A video in two listings within minutes has no growth, and its more complete row is used."""
    write(
        store,
        seen(1, 12, view=100),
        seen(1, 12.1, source="ranking:1004", view=101),
        seen(1, 36.1, view=149),
        seen(1, 37, source="range:1004:20220901-20220930", view=999, coin=None),
    )
    assert growth(store).select(["days", "view"]).to_pylist() == [{"days": 1.0, "view": 48.0}]


def test_tombstones_and_unreadable_answers_are_passed_over(store: Store) -> None:
    gone = VideoRecord(bvid(1), MIDNIGHT + timedelta(hours=36), "view", State.GONE, "-404")
    failed = VideoRecord(bvid(1), MIDNIGHT + timedelta(hours=60), "view", State.UNREADABLE, "no JSON")
    named = VideoRecord(bvid(1), MIDNIGHT + timedelta(hours=61), "ids:x").noted()
    write(store, seen(1, 12, view=100), gone, failed, named, seen(1, 84, view=400))
    assert growth(store)["view"].to_pylist() == [100.0]


def test_what_is_unknown_at_either_end_is_null(store: Store) -> None:
    write(store, seen(1, 12), seen(1, 36, coin=None, view=1003), seen(1, 60, view=1005))
    assert growth(store)["coin"].to_pylist() == [None, None]
    assert growth(store)["view"].to_pylist() == [2.0, 2.0]


def test_only_these_videos(store: Store) -> None:
    write(store, *(seen(n, hours) for n in range(4) for hours in (12, 36)))
    assert growth(store, [bvid(2), bvid(9), bvid(1)])["bvid"].to_pylist() == [bvid(1), bvid(2)]
    assert len(growth(store, [])) == 0
    assert len(growth(store)) == 4


def test_a_store_without_snapshots_has_no_growth(store: Store) -> None:
    assert growth(store).schema.equals(GROWTH)
    assert len(growth(store)) == 0
    write(store, seen(1, 12))
    assert len(growth(store)) == 0


@pytest.mark.parametrize("seed", range(5))
def test_against_pandas(store: Store, seed: int) -> None:
    """Forty videos over eight days, some missing on some days, some seen several times a day, some counts
    unknown.
    """
    rng = np.random.default_rng(seed)
    records = []
    for number in range(40):
        for day in np.flatnonzero(rng.random(8) < 0.7):
            for _ in range(rng.integers(1, 4)):
                counts = {name: int(rng.integers(0, 10**6)) for name in COUNTS}
                if rng.random() < 0.2:
                    counts[str(rng.choice(COUNTS))] = None
                records.append(seen(number, 24 * day + 24 * rng.random(), **counts))
    for number, chunk in enumerate(np.array_split(np.array(records, object), 20)):
        by_day: dict[str, list] = {}
        for record in chunk:
            by_day.setdefault(f"{record.snapshot_at:%Y-%m-%d}", []).append(record.row())
        for day, rows in by_day.items():
            name = f"statistics/date={day}/part-{number:05d}.parquet"
            store.write_table(name, from_rows(rows, STATISTICS), STATISTICS)

    frame = pd.DataFrame([record.row() for record in records])
    frame["snapshot_at"] = pd.to_datetime(frame["snapshot_at"]).dt.floor("ms")
    frame["day"] = frame["snapshot_at"].dt.date
    frame["full"] = frame[list(COUNTS)].notna().all(axis=1)
    frame = frame.sort_values(["bvid", "day", "full", "snapshot_at"]).groupby(["bvid", "day"]).tail(1)
    frame = frame.sort_values(["bvid", "snapshot_at"])
    days = frame.groupby("bvid")["snapshot_at"].diff().dt.total_seconds() / 86_400
    expected = frame.groupby("bvid")[list(COUNTS)].diff().astype(float).div(days, axis=0)
    keep = days.notna()

    result = growth(store).to_pandas()
    assert result["bvid"].tolist() == frame.loc[keep, "bvid"].tolist()
    np.testing.assert_allclose(result["days"], days[keep], rtol=1e-12)
    np.testing.assert_allclose(result[list(COUNTS)], expected[keep], rtol=1e-12)
    assert (result["to"] > result["from"]).all()


def test_crawls_of_three_days_show_the_sections_growth(settings: Settings, store: Store) -> None:
    """Later crawls add rows and overwrite none; the command shows the growth."""
    videos = population(60, seed=4, day=date(2026, 3, 1))
    with Simulator(videos) as simulator:
        network = settings.network.model_copy(
            update={"proxy": simulator.proxy_url, "ca_file": simulator.ca_file}
        )
        changes = {"sources": ("newest:1004",), "requests_per_second": 10_000}
        wanted = settings.model_copy(
            update={"network": network, "crawl": settings.crawl.model_copy(update=changes)}
        )
        for day in (1, 2, 3):
            crawl(wanted, store, day=date(2026, 3, day))
            simulator.advance(1)
    table = store.read_table("statistics", STATISTICS)
    assert len(table) == 3 * 60
    later = [videos, aged(videos, 1), aged(aged(videos, 1), 1)]
    rows = {}
    for row in table.sort_by("snapshot_at").to_pylist():
        rows.setdefault(row["bvid"], []).append(row["view"])
    for number, first in enumerate(videos):
        assert rows[first.bvid] == [section[number].counts.view for section in later]
    assert len(growth(store)) == 2 * 60

    chosen = videos[0].bvid
    arguments = ["--store", settings.store, chosen, bvid(1)]
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert result.output.count(chosen) == 2
    assert f"{bvid(1)}  fewer than two snapshots" in result.output
    with pytest.raises(InputError, match="not a video id"):
        CliRunner().invoke(command, ["--store", settings.store, "../x"], catch_exceptions=False)

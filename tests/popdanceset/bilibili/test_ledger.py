"""What a day's ledger knows, seen without a crawl."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from popdanceset.bilibili.ledger import BATCH, FollowerLedger, Ledger, read_followers
from popdanceset.bilibili.records import VideoRecord, from_video_object
from popdanceset.store import Store
from tests.popdanceset.bilibili.conftest import video

DAY = date(2026, 3, 1)
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def record(number: int) -> VideoRecord:
    made = from_video_object(video(number), "newest:1004", NOW)
    assert isinstance(made, VideoRecord)
    return made


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


def test_an_empty_last_page_leaves_a_mark_and_no_file(store: Store) -> None:
    ledger = Ledger(store, DAY)
    ledger.save("newest-1004", 1, [record(1)])
    assert not ledger.ended("newest-1004")
    ledger.save_last("newest-1004", 2, [])
    assert ledger.ended("newest-1004")
    assert Ledger(store, DAY).ended("newest-1004")
    assert len(store.list("statistics")) == 1


def test_an_empty_listing_has_ended(store: Store) -> None:
    Ledger(store, DAY).save_last("newest-1004", 1, [])
    assert Ledger(store, DAY).ended("newest-1004")


def test_a_later_run_fills_the_last_batch(store: Store) -> None:
    for mid in range(2 * BATCH + 1):
        if mid % 30 == 0:
            ledger = FollowerLedger(store, DAY)  # as a new run does
        ledger.save(mid, NOW, 10 * mid, "")
    files = [f"followers/date=2026-03-01/{number:05d}.parquet" for number in (1, 2, 3)]
    assert store.list("followers") == files
    table = read_followers(store)
    assert table["mid"].to_pylist() == [*range(2 * BATCH + 1)]
    assert table["follower"].to_pylist() == [10 * mid for mid in range(2 * BATCH + 1)]

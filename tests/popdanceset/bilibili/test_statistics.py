from dataclasses import replace
from datetime import timedelta

import pyarrow as pa

from popdanceset.bilibili.records import VideoRecord, from_video_object
from popdanceset.bilibili.statistics import latest, latest_statistics, with_followers
from popdanceset.schema import FOLLOWERS, STATISTICS, State
from popdanceset.store import Store
from popdanceset.tables import from_rows
from tests.popdanceset.bilibili.conftest import START, bvid, video


def record(number: int, hours: float = 0, **changes: object) -> VideoRecord:
    made = from_video_object(video(number), "newest:1004", START + timedelta(hours=hours))
    assert isinstance(made, VideoRecord)
    return replace(made, **changes)  # type: ignore[arg-type]


def table(*records: VideoRecord) -> pa.Table:
    return from_rows([r.row() for r in records], STATISTICS)


def test_the_newest_complete_row_of_each_video() -> None:
    result = latest(
        table(
            record(2, hours=5, view=500),
            record(1, hours=1, view=10),
            record(1, hours=3, view=30),
            record(1, hours=2, view=20),
            record(2, hours=6, coin=None, view=600),  # later, but without coins
        )
    )
    assert result.select(["bvid", "view"]).to_pylist() == [
        {"bvid": bvid(1), "view": 30},
        {"bvid": bvid(2), "view": 500},
    ]


def test_a_tombstone_ends_a_video_and_a_return_revives_it() -> None:
    gone = VideoRecord(bvid(1), START + timedelta(hours=2), "view", State.GONE, "-404")
    assert latest(table(record(1), gone))["state"].to_pylist() == ["gone"]
    assert latest(table(record(1), gone, record(1, hours=3)))["state"].to_pylist() == ["public"]


def test_an_unreadable_answer_hides_nothing() -> None:
    failed = VideoRecord(bvid(1), START + timedelta(hours=2), "view", State.UNREADABLE, "HTTP 200, no JSON")
    poor = record(1, hours=1, coin=None)
    assert latest(table(poor, failed))["coin"].to_pylist() == [None]
    assert latest(table(poor, failed))["view"].to_pylist() == [1001]
    assert latest(table(failed))["state"].to_pylist() == ["unreadable"]
    named = VideoRecord(bvid(1), START, "ids:my.txt").noted()  # from a list that has only the id
    assert latest(table(named, failed))["note"].to_pylist() == ["HTTP 200, no JSON"]


def test_the_order_of_rows_does_not_matter() -> None:
    rows = [record(1, source="a", view=1), record(1, source="b", view=2), record(2)]
    assert latest(table(*rows)).equals(latest(table(*reversed(rows))))


def test_followers_come_by_uploader_the_newest_number_first() -> None:
    asked = from_rows(
        [
            {"mid": 2, "snapshot_at": START, "follower": 10, "note": ""},
            {"mid": 2, "snapshot_at": START + timedelta(days=1), "follower": 20, "note": ""},
            {"mid": 2, "snapshot_at": START + timedelta(days=2), "follower": None, "note": "-400"},
        ],
        FOLLOWERS,
    )
    result = with_followers(table(record(1), record(8), record(3), record(4, mid=None)), asked)
    assert result["mid"].to_pylist() == [2, 2, 4, None]
    assert result["follower"].to_pylist() == [20, 20, None, None]
    assert result.schema.equals(STATISTICS)


def test_an_empty_store_has_no_statistics(store: Store) -> None:
    assert len(latest_statistics(store)) == 0


def test_a_joint_upload_has_the_followers_of_all_its_people() -> None:
    counts = [
        {"mid": mid, "snapshot_at": START + timedelta(hours=hours), "follower": follower, "note": ""}
        for mid, hours, follower in [(1, 0, 999), (1, 1, 10), (2, 0, 20), (3, 0, 30), (4, 0, None)]
    ]
    videos = table(
        record(1, mid=1, staff="1+2+3"),
        record(2, mid=1, staff="1+4"),  # the followers of 4 are unknown
        record(3, mid=1, staff=""),  # its people are unknown
        record(4, mid=1),
        record(5, mid=2, staff="2"),
        record(6, mid=1, staff="odd"),
    )
    result = with_followers(videos, from_rows(counts, FOLLOWERS))
    assert result["follower"].to_pylist() == [60, None, None, 10, 20, None]

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from popdanceset.bilibili.statistics import latest_statistics
from popdanceset.errors import InputError
from popdanceset.popularity.statistics import Statistics, of_store, of_table, open_statistics
from popdanceset.schema import COUNTS, FOLLOWERS, STATISTICS
from popdanceset.settings import Settings
from popdanceset.store import Store
from popdanceset.tables import from_rows
from tests.popdanceset.popularity.conftest import READ_AT, bvid, row, table

HEADER = "bvid,view,danmaku,reply,favorite,coin,share,like,follower\n"


def read_csv(tmp_path: Path, text: str) -> list[dict[str, object]]:
    file = tmp_path / "videos.csv"
    file.write_text(text, encoding="utf-8")
    return open_statistics(str(file)).table().to_pylist()


def test_a_csv_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        rows = read_csv(
            tmp_path, HEADER + f"{bvid(2)},10,1,2,3,4,5,6,\n{bvid(1)},--,1,,3.0,-4,1.2万, 6 ,77\n"
        )
    assert [r["bvid"] for r in rows] == [bvid(1), bvid(2)]
    assert [rows[0][name] for name in (*COUNTS, "follower")] == [None, 1, None, 3, None, 12000, 6, 77]
    assert [rows[1][name] for name in (*COUNTS, "follower")] == [10, 1, 2, 3, 4, 5, 6, None]
    assert {r["state"] for r in rows} == {"public"}
    assert "of 2 rows, missing or unusable counts: 1 view, 1 reply, 1 coin" in caplog.text


def test_a_parquet_file_of_any_number_type(tmp_path: Path) -> None:
    file = tmp_path / "videos.parquet"
    columns = {name: pa.array([5.0, 2.5, None], pa.float32()) for name in COUNTS}
    columns["view"] = pa.array([7, 2**63, 3], pa.uint64())
    columns["like"] = pa.array(["7", "x", None]).dictionary_encode()
    pq.write_table(pa.table({"bvid": [bvid(1), bvid(2), bvid(3)], **columns, "extra": [1, 2, 3]}), file)
    rows = open_statistics(str(file)).table().to_pylist()
    assert [r["view"] for r in rows] == [7, None, 3]
    assert [r["coin"] for r in rows] == [5, None, None]
    assert [r["like"] for r in rows] == [7, None, None]


def test_a_store(settings: Settings, store: Store) -> None:
    store.write_table("statistics/date=2026-03-01/a.parquet", table(row(1), row(2)), STATISTICS)
    assert open_statistics(settings.store).table()["bvid"].to_pylist() == [bvid(1), bvid(2)]


def test_several_rows_of_one_video(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "videos.parquet"
    pq.write_table(table(row(1, view=5), row(1, view=6), row(2)), file)
    with caplog.at_level(logging.WARNING):
        assert len(open_statistics(str(file)).table()) == 2
    assert "1 rows are ignored" in caplog.text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bvid,view\nBV1xx411c7mD,5\n", "columns danmaku, reply, favorite, coin, share, like are missing"),
        (HEADER, "there are no videos"),
        ("", "not readable"),
        (HEADER + ",1,2,3,4,5,6,7,8\n", "column 'bvid' has empty cells"),
        (HEADER + "BV1xx411c7mD,1,2\n", "not readable"),
    ],
)
def test_a_wrong_file_is_reported(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_csv(tmp_path, text)


def test_what_is_not_there_is_reported(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        open_statistics(str(tmp_path / "none.parquet"))
    with pytest.raises(InputError, match=r"no statistics.*popdanceset crawl"):
        open_statistics(str(tmp_path / "empty"))
    (tmp_path / "text.parquet").write_text("no parquet")
    with pytest.raises(InputError, match="not readable"):
        open_statistics(str(tmp_path / "text.parquet"))


def test_a_column_that_holds_no_counts_is_reported(tmp_path: Path) -> None:
    columns = {name: pa.array([1]) for name in COUNTS} | {"coin": pa.array([[1]])}
    pq.write_table(pa.table({"bvid": [bvid(1)], **columns}), tmp_path / "videos.parquet")
    with pytest.raises(InputError, match="column 'coin'"):
        open_statistics(str(tmp_path / "videos.parquet")).table()


def test_a_column_that_comes_twice_is_reported(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="columns view are duplicated"):
        read_csv(tmp_path, "view," + HEADER + f"1,{bvid(1)},1,2,3,4,5,6,7,8\n")


def test_a_row_with_every_count_goes_before_one_that_lacks_some(tmp_path: Path) -> None:
    rows = read_csv(
        tmp_path,
        HEADER + f"{bvid(1)},--,1,2,3,4,5,6,7\n{bvid(1)},9,1,2,3,4,5,6,7\n{bvid(1)},8,1,2,3,4,5,6,7\n",
    )
    assert [r["view"] for r in rows] == [9]


def test_batches_are_the_newest_snapshots(
    settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same rows as `latest_statistics`, which holds the whole table, whatever the batches."""
    random = np.random.default_rng(0)
    for day in range(1, 5):
        at = READ_AT + timedelta(days=day)
        rows = [
            row(
                int(number),
                snapshot_at=at + timedelta(hours=int(random.integers(3))),
                view=int(random.integers(1000)),
                pubdate=at,
                coin=None if random.random() < 0.3 else 5,
                state=str(random.choice(["public", "public", "gone", "unreadable"])),
                source=str(random.choice(["ranking:1004", "newest:1004"])),
            )
            for number in random.integers(40, size=60)
        ]
        store.write_table(f"statistics/date=2026-03-0{day}/a.parquet", table(*rows[:30]), STATISTICS)
        store.write_table(f"statistics/date=2026-03-0{day}/b.parquet", table(*rows[30:]), STATISTICS)
    followers = [{"mid": n, "snapshot_at": READ_AT, "follower": 1000 + n, "note": ""} for n in range(20)]
    store.write_table("followers/date=2026-03-01/00001.parquet", from_rows(followers, FOLLOWERS), FOLLOWERS)
    expected = latest_statistics(store)
    assert set(expected["follower"].to_pylist()) > {10, 1019}
    for size in (7, 1000):
        monkeypatch.setattr("popdanceset.popularity.statistics.BATCH", size)
        assert of_store(store).table().to_pylist() == expected.to_pylist()
    some = of_store(store).table(("bvid", "follower"))
    assert some.to_pylist() == expected.select(["bvid", "follower"]).to_pylist()


def test_chosen_videos(dances: pa.Table) -> None:
    found = of_table(dances).videos(pa.array([bvid(7), bvid(3), bvid(999)]), ("bvid", "view"))
    assert found["bvid"].to_pylist() == [bvid(3), bvid(7)]
    assert found["view"].to_pylist() == [dances["view"][n].as_py() for n in (3, 7)]


def test_a_few_videos(dances: pa.Table) -> None:
    few, total = of_table(dances).few(50, ("bvid", "view"))
    assert (len(few), total) == (50, 400)
    assert few["bvid"].to_pylist() == sorted(set(few["bvid"].to_pylist()))
    assert of_table(dances).few(50, ("bvid", "view"))[0] == few
    assert of_table(dances).few(50, ("bvid",), seed=1)[0] != few.select(["bvid"])
    assert of_table(dances).few(500, ("bvid",)) == (dances.select(["bvid"]), 400)
    assert len(of_table(dances.slice(0, 0)).few(5, ("bvid",))[0]) == 0


def test_a_few_are_drawn_evenly() -> None:
    """In 40 batches of 10 rows, each row is drawn about equally often."""
    ids = [bvid(n) for n in range(400)]

    def scan(columns: Sequence[str]) -> Iterator[pa.Table]:
        for first in range(0, 400, 10):
            yield pa.table({"bvid": ids[first : first + 10]})

    source = Statistics("made", scan)
    drawn = Counter(b for seed in range(100) for b in source.few(100, ("bvid",), seed)[0]["bvid"].to_pylist())
    counts = [drawn[b] for b in ids]
    assert sum(counts) == 100 * 100
    thirds = [sum(counts[first : first + 100]) for first in range(0, 400, 100)]
    assert max(thirds) - min(thirds) < 300  # 2,500 each, with a standard deviation of 37


def test_a_source_that_grows_while_it_is_read_is_reported() -> None:
    rows = [row(1)]

    def scan(columns: Sequence[str]) -> Iterator[pa.Table]:
        yield table(*rows).select([*columns])

    source = Statistics("made", scan)
    assert len(source.table()) == 1
    rows.append(row(2))
    with pytest.raises(InputError, match=r"1 rows became 2 .*no crawl"):
        source.table()

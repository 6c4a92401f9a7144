import logging
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from popdanceset.errors import InputError
from popdanceset.popularity.statistics import as_counts, read_statistics
from popdanceset.schema import COUNTS, STATISTICS
from popdanceset.settings import Settings
from popdanceset.store import Store
from tests.popdanceset.popularity.conftest import bvid, row, table

HEADER = "bvid,view,danmaku,reply,favorite,coin,share,like,follower\n"


def read_csv(tmp_path: Path, text: str) -> list[dict[str, object]]:
    file = tmp_path / "videos.csv"
    file.write_text(text, encoding="utf-8")
    return read_statistics(str(file)).to_pylist()


def test_a_csv_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        rows = read_csv(
            tmp_path, HEADER + f"{bvid(2)},10,1,2,3,4,5,6,\n{bvid(1)},--,1,,3.0,-4,1.2万, 6 ,77\n"
        )
    assert [r["bvid"] for r in rows] == [bvid(1), bvid(2)]
    assert [rows[0][name] for name in (*COUNTS, "follower")] == [None, 1, None, 3, None, None, 6, 77]
    assert [rows[1][name] for name in (*COUNTS, "follower")] == [10, 1, 2, 3, 4, 5, 6, None]
    assert {r["state"] for r in rows} == {"public"}
    assert "1 of 2 view counts are missing or no counts" in caplog.text


def test_a_parquet_file_of_any_number_type(tmp_path: Path) -> None:
    file = tmp_path / "videos.parquet"
    columns = {name: pa.array([5.0, 2.5, None], pa.float32()) for name in COUNTS}
    columns["view"] = pa.array([7, 2**63, 3], pa.uint64())
    columns["like"] = pa.array(["7", "x", None]).dictionary_encode()
    pq.write_table(pa.table({"bvid": [bvid(1), bvid(2), bvid(3)], **columns, "extra": [1, 2, 3]}), file)
    rows = read_statistics(str(file)).to_pylist()
    assert [r["view"] for r in rows] == [7, None, 3]
    assert [r["coin"] for r in rows] == [5, None, None]
    assert [r["like"] for r in rows] == [7, None, None]


def test_a_store(settings: Settings, store: Store) -> None:
    store.write_table("statistics/date=2026-03-01/a.parquet", table(row(1), row(2)), STATISTICS)
    assert read_statistics(settings.store)["bvid"].to_pylist() == [bvid(1), bvid(2)]


def test_several_rows_of_one_video(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "videos.parquet"
    pq.write_table(table(row(1, view=5), row(1, view=6), row(2)), file)
    with caplog.at_level(logging.WARNING):
        assert len(read_statistics(str(file))) == 2
    assert "1 videos have several rows" in caplog.text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("bvid,view\nBV1xx411c7mD,5\n", "columns danmaku, reply, favorite, coin, share, like are missing"),
        (HEADER, "there are no videos"),
        ("", "not readable"),
        (HEADER + ",1,2,3,4,5,6,7,8\n", "column 'bvid' has 1 empty cells"),
        (HEADER + "BV1xx411c7mD,1,2\n", "not readable"),
    ],
)
def test_a_wrong_file_is_told(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        read_csv(tmp_path, text)


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_statistics(str(tmp_path / "none.parquet"))
    with pytest.raises(InputError, match=r"no statistics.*popdanceset crawl"):
        read_statistics(str(tmp_path / "empty"))
    (tmp_path / "text.parquet").write_text("no parquet")
    with pytest.raises(InputError, match="not readable"):
        read_statistics(str(tmp_path / "text.parquet"))


def test_a_column_that_holds_no_counts_is_told(tmp_path: Path) -> None:
    columns = {name: pa.array([1]) for name in COUNTS} | {"coin": pa.array([[1]])}
    pq.write_table(pa.table({"bvid": [bvid(1)], **columns}), tmp_path / "videos.parquet")
    with pytest.raises(InputError, match="column 'coin'"):
        read_statistics(str(tmp_path / "videos.parquet"))


@given(st.lists(st.none() | st.integers(-(2**62), 2**62) | st.text(max_size=8)))
def test_text_is_a_count_or_nothing(values: list[object]) -> None:
    texts = [None if v is None else str(v).encode("utf-8", "replace").decode() for v in values]
    result = as_counts(pa.chunked_array([pa.array(texts, pa.string())])).to_pylist()
    for value, count in zip(values, result, strict=True):
        if isinstance(value, int):
            assert count == (value if 0 <= value < 10**18 else None)
        else:
            assert count is None or count == int(float(str(value)))


@given(st.lists(st.none() | st.floats() | st.integers(0, 2**53 - 1).map(float)))
def test_floats_are_counts_if_they_are_whole(values: list[float | None]) -> None:
    result = as_counts(pa.chunked_array([pa.array(values, pa.float64())])).to_pylist()
    for value, count in zip(values, result, strict=True):
        whole = value is not None and 0 <= value < 2**53 and value == int(value)
        assert count == (int(value) if whole else None)  # type: ignore[arg-type]

"""How the cells of statistics files may be written; each kind stands for many real exports."""

import datetime
import gzip
import logging
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from popdanceset.errors import InputError
from popdanceset.popularity import cells
from popdanceset.popularity.files import StatisticsFile
from popdanceset.popularity.statistics import open_statistics
from popdanceset.schema import COUNTS, STATISTICS
from tests.popdanceset.popularity.conftest import bvid

TIME = STATISTICS.field("snapshot_at").type
HEADER = "bvid,view,danmaku,reply,favorite,coin,share,like"


def chunked(values: list[object], dtype: pa.DataType | None = None) -> pa.ChunkedArray:
    """Two chunks, so that no parser relies on one."""
    whole = pa.array(values, dtype)
    half = len(whole) // 2
    return pa.chunked_array([whole[:half], whole[half:]], whole.type)


def csv_of(views: list[str], extra: dict[str, str] | None = None, delimiter: str = ",") -> str:
    """Rows whose views are written in some way, with more columns that are the same in every row."""
    extra = extra or {}
    rows = [[*HEADER.split(","), *extra]]
    rows += [[bvid(n), view, *"123456", *extra.values()] for n, view in enumerate(views)]
    return "".join(delimiter.join(f'"{cell}"' for cell in row) + "\n" for row in rows)


def written(tmp_path: Path, content: str | bytes, name: str = "videos.csv") -> str:
    file = tmp_path / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(file)


def views_of(where: str) -> list[int | None]:
    found: list[int | None] = open_statistics(where).table(("bvid", "view"))["view"].to_pylist()
    return found


@given(st.lists(st.none() | st.integers(-(2**62), 2**62)))
def test_text_of_digits_is_a_count(values: list[int | None]) -> None:
    texts = [None if v is None else str(v) for v in values]
    result = cells.counts(pa.chunked_array([pa.array(texts, pa.string())])).column.to_pylist()
    assert result == [v if v is not None and 0 <= v < 10**18 else None for v in values]


@given(st.lists(st.none() | st.text(max_size=8)))
def test_any_text_is_a_value_or_nothing(values: list[str | None]) -> None:
    texts = [None if v is None else v.encode("utf-8", "replace").decode() for v in values]
    column = pa.chunked_array([pa.array(texts, pa.string())])
    for read in (cells.counts(column), cells.durations(column), cells.times(column, TIME)):
        assert len(read.column) == len(texts)
        assert read.unreadable <= read.filled <= len(texts)
        assert bool(read.example) == bool(read.unreadable)


@given(st.lists(st.none() | st.floats() | st.integers(0, 2**53 - 1).map(float)))
def test_floats_are_counts_if_they_are_whole(values: list[float | None]) -> None:
    result = cells.counts(pa.chunked_array([pa.array(values, pa.float64())])).column.to_pylist()
    for value, count in zip(values, result, strict=True):
        whole = value is not None and 0 <= value < 2**53 and value == int(value)
        assert count == (int(value) if whole else None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("12", 12), (" 12.0 ", 12), ("0", 0), ("12.", 12),
        ("1,234", 1234), ("1,234,567", 1234567), ("1,234.00", 1234), ("1 234 567", 1234567),
        ("1\u00a0234", 1234), ("1\u202f234", 1234), ("1'234'567", 1234567), ("1_234", 1234),
        ("1.2万", 12000), ("12.34 万", 123400), ("3万", 30000), ("1.2w", 12000), ("1.2萬", 12000),
        ("1.05亿", 105000000),
        ("1.2k", 1200), ("1.2K", 1200), ("2千", 2000), ("3.5M", 3500000), ("1.2万次", 12000),
        ("1.2e+06", 1200000), ("1.234567E+6", 1234567), ("5e3", 5000),
        ("１２３", 123), ("１，２３４", 1234), ("１．２万", 12000), ("\u3000 12", 12), ("\ufeff12", 12),
    ],
)  # fmt: skip
def test_a_count_may_be_written(text: str, count: int) -> None:
    read = cells.counts(chunked([text, "7"]))
    assert (read.column.to_pylist(), read.filled, read.unreadable) == ([count, 7], 2, 0)


@pytest.mark.parametrize(
    "text", ["", " ", "--", "-", "—", "n/a", "NaN", "null", "None", "-1", "-3.0", "未知", "无"]
)
def test_an_unknown_count_is_not_an_unreadable_one(text: str) -> None:
    read = cells.counts(chunked([text, "7"]))
    assert (read.column.to_pylist(), read.filled, read.unreadable) == ([None, 7], 1, 0)


@pytest.mark.parametrize(
    "text",
    ["2.5", "1.234", "12,34", "1,2345", "10万+", "1.2345e+03", "many", "0x10", "1.2.3", "9" * 20, "1e99"],
)
def test_an_ambiguous_count_is_unreadable(text: str) -> None:
    read = cells.counts(chunked([text, "7"]))
    assert (read.column.to_pylist(), read.unreadable, read.example) == ([None, 7], 1, text)


def test_rounded_counts_are_counted() -> None:
    assert cells.counts(chunked(["1.2万", "3k", "1.2e+06", "12"])).rounded == 2


@pytest.mark.parametrize(
    ("values", "dtype", "counts"),
    [
        ([Decimal(5), None, Decimal(2**50)], pa.decimal128(38, 0), [5, None, 2**50]),
        ([Decimal("5.00"), Decimal("5.50")], pa.decimal128(10, 2), [5, None]),
        (["1,000", "x"], pa.string_view(), [1000, None]),
        (["1,000", "x"], pa.large_string(), [1000, None]),
        ([b"7", None], pa.binary(), [7, None]),
        ([7, 2**63], pa.uint64(), [7, None]),
        ([-1, 5], pa.int8(), [None, 5]),
        ([None, None], pa.null(), [None, None]),
    ],
)
def test_counts_of_any_type(values: list[object], dtype: pa.DataType, counts: list[int | None]) -> None:
    assert cells.counts(chunked(values, dtype)).column.to_pylist() == counts
    if not pa.types.is_null(dtype) and not pa.types.is_string_view(dtype):
        assert cells.counts(chunked(values, dtype).dictionary_encode()).column.to_pylist() == counts


def test_numbers_fit_their_type_and_are_exact() -> None:
    read = cells.numbers(chunked(["1.0", "20", "", "3000000000", "2.9e+09"]), pa.int32())
    assert read.column.to_pylist() == [1, 20, None, None, None]
    assert (read.column.type, read.unreadable) == (pa.int32(), 2)
    assert cells.numbers(chunked([20.0, None]), pa.int32()).column.to_pylist() == [20, None]
    assert cells.numbers(chunked(["2.91551e+15"]), pa.int64()).unreadable == 1  # it has lost digits


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("245", 245), ("75.5", 75.5), ("4:05", 245), ("1:02:03", 3723), ("0:04:05.5", 245.5), ("4：05", 245),
        ("0 days 00:04:05", 245), ("90 s", 90), ("90秒", 90), ("2.45e2", 245), ("--", None), ("4:5x", None),
    ],
)  # fmt: skip
def test_a_duration_may_be_written(text: str, seconds: float | None) -> None:
    assert cells.durations(chunked([text, "1"])).column.to_pylist() == [seconds, 1.0]


def test_durations_of_other_types() -> None:
    four = datetime.timedelta(minutes=4, seconds=5)
    assert cells.durations(chunked([four, None], pa.duration("ns"))).column.to_pylist() == [245.0, None]
    assert cells.durations(chunked([datetime.time(0, 4, 5)])).column.to_pylist() == [245.0]
    assert cells.durations(chunked([Decimal("75.5"), 60], pa.decimal128(9, 1))).column.to_pylist() == [
        75.5,
        60,
    ]


NOON = datetime.datetime(2026, 11, 20, 12, tzinfo=datetime.UTC)
SECONDS = int(NOON.timestamp())


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("2026-11-20T12:00:00Z", 0), ("2026-11-20 12:00:00", 0), ("2026-11-20 12:00", 0),
        ("2026/11/20 12:00:00", 0),
        ("2026-11-20T20:00:00+08:00", 0), ("2026-11-20T12:00:00.500Z", 0.5), ("2026-11-20", -43200),
        ("2026年11月20日 12:00", 0), ("20261120", -43200), (str(SECONDS), 0), (f"{SECONDS}.0", 0),
        (str(SECONDS * 1000), 0), (str(SECONDS * 10**6), 0), (str(SECONDS * 10**9), 0),
        (f"{SECONDS / 1e9:.9f}e9", 0),
    ],
)  # fmt: skip
def test_a_time_may_be_written(text: str, offset: float) -> None:
    read = cells.times(chunked([text, "--"]), TIME)
    assert read.column.to_pylist() == [NOON + datetime.timedelta(seconds=offset), None]
    assert read.unreadable == 0


@pytest.mark.parametrize("text", ["yesterday", "2026-02-31", "1970-01-01", "46000", "12:00", "2026-13-01"])
def test_a_time_that_cannot_be_is_unreadable(text: str) -> None:
    read = cells.times(chunked([text, "2026-11-20T12:00:00Z"]), TIME)
    assert (read.column.to_pylist(), read.unreadable, read.example) == ([None, NOON], 1, text)


@pytest.mark.parametrize(
    "values",
    [
        [SECONDS], [float(SECONDS)], [SECONDS * 1000], [SECONDS * 10**6], [SECONDS * 10**9],
        [NOON], [NOON.replace(tzinfo=None)],
    ],
)  # fmt: skip
def test_times_of_other_types(values: list[object]) -> None:
    assert cells.times(chunked([*values, None]), TIME).column.to_pylist() == [NOON, None]


def test_times_without_a_zone_are_counted() -> None:
    assert cells.times(chunked(["2026-11-20 12:00", "2026-11-20T12:00Z"]), TIME).zoneless == 1
    assert cells.times(chunked([NOON.replace(tzinfo=None), None]), TIME).zoneless == 1


def test_days_as_numbers() -> None:
    assert cells.times(chunked([20261120, 20261121]), TIME).column[0].as_py().date() == NOON.date()


def test_the_larger_counts_are_not_lost(tmp_path: Path) -> None:
    """Spreadsheets write separators from a thousand on, and the host units from ten thousand on."""
    views = [12 * 3**n for n in range(12)]
    thousands = written(tmp_path, csv_of([f"{view:,}" for view in views]))
    assert views_of(thousands) == views
    units = written(tmp_path, csv_of([f"{v / 1e4:.4f}万" if v >= 10_000 else str(v) for v in views]))
    assert views_of(units) == views


def test_a_file_with_many_unreadable_counts_is_refused(tmp_path: Path) -> None:
    where = written(tmp_path, csv_of(["5", "6", "7", *["1.234"] * 5]))
    with pytest.raises(InputError, match=r"column 'view': 5 of 8 cells cannot be read, such as '1\.234'"):
        views_of(where)


def test_a_file_with_many_unreadable_followers_is_refused(tmp_path: Path) -> None:
    where = written(tmp_path, csv_of(["5"] * 8, {"follower": "lots"}))
    with pytest.raises(InputError, match="column 'follower': 8 of 8 cells"):
        open_statistics(where).table()
    assert views_of(where) == [5] * 8  # nobody asked for followers


def test_a_few_unreadable_cells_are_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    where = written(tmp_path, csv_of(["5"] * 97 + ["x", "y", "z"], {"follower": "1.2万", "mid": "2.9e+15"}))
    rows = open_statistics(where).table().to_pylist()
    assert [row["view"] for row in rows].count(None) == 3
    assert {(row["follower"], row["mid"]) for row in rows} == {(12000, None)}
    for text in (
        "of 100 rows, missing or unusable counts: 3 view",
        "column view: 3 of 100 cells cannot be read and count as unknown, such as 'x'",
        "column follower: 100 counts are rounded",
        "column mid: 100 of 100 cells cannot be read",
    ):
        assert caplog.text.count(text) == 1


def test_unknown_counts_refuse_no_file(tmp_path: Path) -> None:
    assert views_of(written(tmp_path, csv_of(["5", *["--"] * 5, "-1"]))) == [5, *[None] * 6]


def test_the_other_columns(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    extra = {"duration": "4:05", "pages": "1.0", "tid": "20.0", "mid": "7", "snapshot_at": str(SECONDS)}
    (row,) = open_statistics(written(tmp_path, csv_of(["5"], extra))).table().to_pylist()
    assert (row["duration"], row["pages"], row["tid"], row["mid"]) == (245, 1, 20, 7)
    assert row["snapshot_at"] == NOON
    with caplog.at_level(logging.WARNING):
        open_statistics(written(tmp_path, csv_of(["5"], {"snapshot_at": "2026-11-20 12:00"}))).table()
    assert "column snapshot_at: 1 times have no zone and are read as UTC" in caplog.text


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("videos.CSV", csv_of(["5"]).encode()),
        ("videos.csv.gz", gzip.compress(csv_of(["5"]).encode(), mtime=0)),
        ("videos.CSV.GZ", gzip.compress(csv_of(["5"]).encode(), mtime=0)),
        ("semicolons.csv", csv_of(["5"], delimiter=";").encode()),
        ("tabs.csv", csv_of(["5"], delimiter="\t").encode()),
        ("mark.csv", csv_of(["5"]).encode("utf-8-sig")),
        ("utf16.csv", csv_of(["5"]).encode("utf-16")),
        ("spaces.csv", csv_of(["5"]).replace('"view"', '" view "').encode()),
    ],
)
def test_a_file_may_be_written(tmp_path: Path, name: str, content: bytes) -> None:
    assert views_of(written(tmp_path, content, name)) == [5]


def test_an_upper_case_parquet_file_in_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    pq.write_table(pa.table({"bvid": [bvid(1)], **{name: [5] for name in COUNTS}}), tmp_path / "A.PARQUET")
    assert views_of("~/A.PARQUET") == [5]


def test_another_encoding_is_named(tmp_path: Path) -> None:
    where = written(tmp_path, csv_of(["5"], {"title": "舞蹈"}).encode("gbk"))
    with pytest.raises(InputError, match=r"UTF8.*save it as UTF-8"):
        open_statistics(where).table()


def test_ids_in_other_forms(tmp_path: Path) -> None:
    ids = ["av2", "bv17x411w7KC", "https://www.bilibili.com/video/BV1Q541167Qg?p=2", "odd"]
    text = csv_of(["5"] * 4)
    for number, name in enumerate(ids):
        text = text.replace(bvid(number), name)
    rows = StatisticsFile(written(tmp_path, text)).read(["bvid"])
    assert [name for table in rows for name in table["bvid"].to_pylist()] == [
        "BV1xx411c7mD", "BV17x411w7KC", "BV1Q541167Qg", "odd",
    ]  # fmt: skip

from collections.abc import Iterator, Sequence

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from popdanceset.bilibili.records import NEEDED
from popdanceset.bilibili.statistics import latest
from popdanceset.popularity.newest import superseded, video_keys
from tests.popdanceset.popularity.conftest import READ_AT, row, table

IDS = st.sampled_from(
    ["BV1xx411c7mD", "BV1xx411c7mE", "BV0000000000", "BVzzzzzzzzzz", "", "舞", "BV1", "XV1xx411c7mD"]
)
ROWS = st.fixed_dictionaries(
    {
        "bvid": IDS,
        "view": st.none() | st.just(5),
        "state": st.sampled_from(["public", "gone", "unreadable"]),
        "source": st.sampled_from(["b", "a", "c"]),
        "hour": st.integers(0, 2),
    }
)


@given(st.lists(st.text(max_size=13) | IDS), st.integers(0, 3))
def test_a_key_belongs_to_one_id(ids: list[str], skipped: int) -> None:
    valid = [text.encode("utf-8", "replace").decode() for text in ids]
    array = pa.array(valid, pa.string()).slice(min(skipped, len(valid)))
    keys = video_keys(pa.chunked_array([array, array]), {}).tolist()
    pairs = set(zip(array.to_pylist() * 2, keys, strict=True))
    assert len(pairs) == len({text for text, _ in pairs}) == len({key for _, key in pairs})


def test_the_largest_id_has_a_key() -> None:
    keys = video_keys(pa.chunked_array([["BVzzzzzzzzzz", "BV0000000000", "BV1-00000000"]]), {})
    assert keys.tolist() == [62**10 - 1, 0, -1]


@given(st.lists(ROWS, max_size=30), st.integers(1, 7))
def test_the_same_rows_win_as_in_the_whole_table(rows: list[dict[str, object]], size: int) -> None:
    numbered = [
        row(
            0,
            pubdate=READ_AT,
            snapshot_at=READ_AT.replace(hour=int(str(r["hour"]))),
            aid=number,
            **{key: value for key, value in r.items() if key != "hour"},
        )
        for number, r in enumerate(rows)
    ]
    whole = table(*numbered)

    def scan(columns: Sequence[str]) -> Iterator[pa.Table]:
        for first in range(0, len(whole), size):
            yield whole.slice(first, size).select([*columns])

    numbers, total = superseded(scan, NEEDED)
    losers = numbers.tolist()
    assert total == len(rows)
    winners = sorted(set(range(len(rows))) - set(losers))
    assert losers == sorted(losers)
    kept = {str(rows[number]["bvid"]): number for number in winners}
    assert len(kept) == len(winners)
    assert kept == {r["bvid"]: r["aid"] for r in latest(whole).to_pylist()}

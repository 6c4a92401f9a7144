from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from popdanceset.bilibili.client import Answer
from popdanceset.bilibili.records import (
    VideoRecord,
    followers,
    from_ordered_object,
    from_video_object,
    from_view,
    moment,
    seconds,
    whole,
)
from popdanceset.schema import COUNTS, STATISTICS, State
from popdanceset.tables import from_rows
from tests.popdanceset.bilibili.conftest import START, bvid, ordered, video

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.just("--")
    | st.just("../../etc/passwd"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def test_a_complete_object() -> None:
    record = from_video_object(video(12), "ranking:1004", START)
    assert isinstance(record, VideoRecord)
    assert (record.bvid, record.mid, record.title, record.duration) == (bvid(12), 6, "dance 12", 61.0)
    assert [getattr(record, name) for name in COUNTS] == [1012, 7, 6, 5, 4, 3, 2]
    assert record.pubdate == datetime.fromtimestamp(1_700_000_012, UTC)
    assert (record.state, record.note, record.missing) == (State.PUBLIC, "", ())


def test_what_a_list_lacks_is_noted() -> None:
    record = from_ordered_object(ordered(3), "range", START)
    assert isinstance(record, VideoRecord)
    assert record.view == 1003
    assert record.missing == ("coin", "share", "like")
    assert record.note == "missing: coin, share, like"


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (5, 5),
        ("5", 5),
        (" 12.0 ", 12),
        (12.0, 12),
        (0, 0),
        (2**63 - 1, 2**63 - 1),
        (2**63, None),
        (-1, None),
        ("-1", None),
        ("--", None),
        ("1.2万", None),
        ("１２", None),
        ("", None),
        (12.5, None),
        (float("nan"), None),
        (float("inf"), None),
        (True, None),
        (None, None),
        ([5], None),
    ],
)
def test_counts(value: Any, number: int | None) -> None:
    assert whole(value) == number


def test_a_count_is_at_most_what_a_float64_holds_exactly() -> None:
    """One absurd number must not keep a model from reading all others."""
    assert whole(2**53, "count") == 2**53
    assert whole(2**53 + 1, "count") is None
    absurd = video(1, stat={**video(1)["stat"], "view": 2**63 - 1})
    record = from_video_object(absurd, "newest:1004", START)
    assert isinstance(record, VideoRecord)
    assert (record.view, record.note) == (None, "missing: view")
    assert followers(Answer(0, "", {"follower": 2**60}))[0] is None


@pytest.mark.parametrize(
    ("value", "length"),
    [
        (61, 61.0),
        ("61", 61.0),
        ("1:01", 61.0),
        ("1:01:01", 3661.0),
        (61.5, 61.5),
        ("--", None),
        (-1, None),
        (1e300, None),
    ],
)
def test_lengths(value: Any, length: float | None) -> None:
    assert seconds(value) == length


@pytest.mark.parametrize(
    ("value", "time"),
    [
        (1_700_000_000, datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
        ("1700000000", datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
        ("2022-09-01 12:00:00", datetime(2022, 9, 1, 4, tzinfo=UTC)),  # China is eight hours ahead
        ("2022-13-01 12:00:00", None),
        ("0001-01-01 00:00:00", None),
        (0, None),
        (2**60, None),
        ("--", None),
    ],
)
def test_times(value: Any, time: datetime | None) -> None:
    assert moment(value) == time


@pytest.mark.parametrize("item", [None, 7, "BV1xx411c7mD", [], {}, {"bvid": "../../etc/passwd"}, {"bvid": 5}])
def test_what_is_no_video_is_skipped_with_a_reason(item: Any) -> None:
    for read in (from_video_object, from_ordered_object):
        reason = read(item, "newest:1004", START)
        assert isinstance(reason, str)
        assert reason.startswith("newest:1004: ")


def test_a_video_that_is_not_public_says_so() -> None:
    record = from_video_object(video(1, state=-4), "newest:1004", START)
    assert isinstance(record, VideoRecord)
    assert (record.state, record.note) == (State.HIDDEN, "state -4")


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (Answer(0, "", video(1)), State.PUBLIC),
        (Answer(-404, "啥都木有"), State.GONE),
        (Answer(62002, "稿件不可见"), State.HIDDEN),
        (Answer(62004), State.HIDDEN),
        (Answer(62012), State.HIDDEN),
        (Answer(-403, "no"), State.UNREADABLE),
        (Answer(None, "HTTP 200, no JSON"), State.UNREADABLE),
        (Answer(0, "", None), State.UNREADABLE),
        (Answer(0, "", video(2)), State.UNREADABLE),
    ],
)
def test_answers_of_view(answer: Answer, state: State) -> None:
    record = from_view(bvid(1), answer, START)
    assert (record.bvid, record.state) == (bvid(1), state)
    assert bool(record.note) == (state is not State.PUBLIC)


def test_follower_counts() -> None:
    assert followers(Answer(0, "", {"mid": 1, "follower": "77"})) == (77, "")
    assert followers(Answer(0, "", {"mid": 1, "follower": "--"}))[0] is None
    assert followers(Answer(-400, "bad")) == (None, "-400: bad")
    assert followers(Answer(0, "", None))[0] is None


@given(
    st.dictionaries(st.sampled_from(sorted(video(1))), JSON), st.dictionaries(st.sampled_from(COUNTS), JSON)
)
def test_a_mutilated_object_fits_the_table_or_is_skipped(
    changes: dict[str, Any], stat: dict[str, Any]
) -> None:
    whole_object = video(1)
    item = {**whole_object, "stat": {**whole_object["stat"], **stat}, **changes}
    record = from_video_object(item, "newest:1004", START)
    if isinstance(record, VideoRecord):
        table = from_rows([record.row()], STATISTICS)
        assert table["bvid"].to_pylist() == [record.bvid]
        assert record.note or not record.missing
    else:
        assert not isinstance(changes.get("bvid", ""), str) or "bvid" in changes


@given(st.dictionaries(st.sampled_from(sorted(ordered(1))), JSON))
def test_a_mutilated_list_object_too(changes: dict[str, Any]) -> None:
    record = from_ordered_object({**ordered(1), **changes}, "range", START)
    if isinstance(record, VideoRecord):
        assert len(from_rows([record.row()], STATISTICS)) == 1

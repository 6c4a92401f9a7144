"""What splits and trims make of a plan: pieces keep their numbers, and no second of the video is lost."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from popdanceset.review.in_force import ClipReview
from popdanceset.schema import Reason
from popdanceset.video.planning import Span
from popdanceset.video.recut import LEAST, EarlierPiece, History, Piece, recut, roots

SHAKY = Reason("camera_shake")
PLAN = (
    Span(0.0, 10.0, Reason.NONE, 1, {"shake": 0.1}),
    Span(10.0, 12.0, SHAKY, 0, {"shake": 0.9}),
    Span(12.0, 20.0, Reason.NONE, 2, {"shake": 0.2}),
)


def made(reviews: dict[int, ClipReview], history: History | None = None, plan: Any = PLAN) -> list[Piece]:
    return recut(plan, reviews, history or History(), lambda start, end: {"shake": start + end})


def clips(pieces: list[Piece]) -> dict[int, tuple[float, float]]:
    return {piece.span.number: (piece.span.start, piece.span.end) for piece in pieces if piece.span.accepted}


def cut_away(pieces: list[Piece]) -> list[tuple[float, float]]:
    return [(p.span.start, p.span.end) for p in pieces if p.span.reason is Reason.TRIMMED]


def later(pieces: list[Piece]) -> History:
    """What a later plan knows of this one."""
    split = [p for p in pieces if len(p.origin) > 1]
    of: dict[int, list[EarlierPiece]] = {}
    for piece in split:
        own = EarlierPiece(piece.span.number, piece.span.start, piece.span.end)
        of.setdefault(piece.origin[-1], []).append(own)
    return History(pieces=of, highest=max(piece.span.number for piece in pieces))


def test_without_reviews_the_plan_stays() -> None:
    pieces = made({})
    assert [piece.span for piece in pieces] == list(PLAN)
    assert not any(piece.is_changed or piece.ignored for piece in pieces)


def test_a_split_clip_keeps_its_number_for_the_first_piece() -> None:
    pieces = made({1: ClipReview(splits=(3.0, 6.0))})
    assert clips(pieces) == {1: (0, 3), 3: (3, 6), 4: (6, 10), 2: (12, 20)}
    assert [piece.planned for piece in pieces if piece.is_changed] == [(0, 10)] * 3
    assert [piece.span.measures["shake"] for piece in pieces] == [3, 9, 16, 0.9, 0.2]


@pytest.mark.parametrize(
    ("trim", "clip", "away"),
    [
        ((2.0, 8.0), (2, 8), [(0, 2), (8, 10)]),
        ((0.0, 8.0), (0, 8), [(8, 10)]),
        ((0.01, 8.0), (0, 8), [(8, 10)]),  # less than half a frame
        ((-1.0, 11.0), (0, 10), []),  # the plan became shorter than the trim
        ((4.0, 11.0), (4, 10), [(0, 4)]),
    ],
)
def test_what_a_trim_cuts_away_is_a_rejected_span(trim: Any, clip: Any, away: Any) -> None:
    pieces = made({1: ClipReview(trim=trim)})
    assert clips(pieces) == {1: clip, 2: (12, 20)}
    assert cut_away(pieces) == away


@pytest.mark.parametrize(
    ("trim", "split", "found"),
    [
        ((2.0, 4.0), 5.0, {1: (2, 4), 3: (5, 10)}),  # of the first piece
        ((2.0, 8.0), 5.0, {1: (2, 5), 3: (5, 8)}),  # of the whole clip
        ((6.0, 8.0), 5.0, {1: (6, 8)}),  # nothing is left to split
    ],
)
def test_a_trim_and_a_split(trim: Any, split: float, found: Any) -> None:
    assert clips(made({1: ClipReview(splits=(split,), trim=trim)})) == found | {2: (12, 20)}


@pytest.mark.parametrize(
    ("review", "said"),
    [
        (ClipReview(splits=(11.0,)), "split 11.000 lies outside the clip"),
        (ClipReview(splits=(0.0,)), "split 0.000 lies outside the clip"),
        (ClipReview(splits=(0.5,)), "split 0.500 leaves less than 1 s"),
        (ClipReview(splits=(9.99,)), "split 9.990 leaves less than 1 s"),
        (ClipReview(trim=(12.0, 15.0)), "trim 12.000-15.000 lies outside the clip"),
        (ClipReview(trim=(3.0, 3.5)), "trim 3.000-3.500 leaves less than 1 s"),
    ],
)
def test_what_cannot_be_obeyed_is_named(review: ClipReview, said: str) -> None:
    pieces = made({1: review})
    assert clips(pieces) == {1: (0, 10), 2: (12, 20)}
    assert pieces[0].ignored == (said,)


def test_of_two_splits_that_are_too_near_the_first_counts() -> None:
    pieces = made({1: ClipReview(splits=(4.0, 4.5))})
    assert clips(pieces) == {1: (0, 4), 3: (4, 10), 2: (12, 20)}
    assert pieces[0].ignored == ("split 4.500 leaves less than 1 s",)


def test_a_piece_is_a_clip_that_can_be_split_and_trimmed() -> None:
    first = made({1: ClipReview(splits=(3.0,))})
    reviews = {1: ClipReview(splits=(3.0,)), 3: ClipReview(splits=(6.0,))}
    second = made(reviews, later(first))
    assert clips(second) == {1: (0, 3), 3: (3, 6), 4: (6, 10), 2: (12, 20)}
    assert [piece.origin for piece in second[:3]] == [(1,), (3, 1), (4, 3, 1)]
    third = made(reviews | {4: ClipReview(trim=(7.0, 9.0))}, later(second))
    assert clips(third) == {1: (0, 3), 3: (3, 6), 4: (7, 9), 2: (12, 20)}
    back = made(reviews, later(third))
    assert clips(back) == clips(second)


@pytest.mark.parametrize(
    ("splits", "found"),
    [
        ((3.0,), {1: (0, 3), 3: (3, 10)}),
        ((3.1,), {1: (0, 3.1), 3: (3.1, 10)}),  # a little later
        ((2.0, 3.0), {1: (0, 2), 4: (2, 3), 3: (3, 10)}),  # another one before
        ((3.0, 6.0), {1: (0, 3), 3: (3, 6), 4: (6, 10)}),  # another one behind: it begins in the same piece
        ((7.0,), {1: (0, 7), 4: (7, 10)}),  # something else
        ((), {1: (0, 10)}),
    ],
)
def test_pieces_are_found_again(splits: tuple[float, ...], found: Any) -> None:
    history = later(made({1: ClipReview(splits=(3.0,))}))
    assert clips(made({1: ClipReview(splits=splits)}, history)) == found | {2: (12, 20)}


def test_a_piece_that_was_retired_gets_its_number_back() -> None:
    retired = History(pieces={1: [EarlierPiece(5, 3.0, 10.0, current=False)]}, highest=7)
    assert clips(made({1: ClipReview(splits=(3.0,))}, retired)) == {1: (0, 3), 5: (3, 10), 2: (12, 20)}
    # also if it is trimmed at once, and not if it was another piece
    reviews = {1: ClipReview(splits=(3.0,)), 5: ClipReview(trim=(4.0, 6.0))}
    trimmed = History(pieces={1: [EarlierPiece(5, 4.0, 6.0, current=False)]}, highest=7)
    assert clips(made(reviews, trimmed))[5] == (4, 6)
    assert clips(made({1: ClipReview(splits=(6.0,))}, trimmed)) == {1: (0, 6), 8: (6, 10), 2: (12, 20)}


def test_a_plan_of_other_thresholds_keeps_the_numbers_of_pieces() -> None:
    reviews = {1: ClipReview(splits=(3.0, 6.0))}
    before = made(reviews)
    moved = (replace(PLAN[0], start=0.7, end=9.2), *PLAN[1:])
    assert clips(made(reviews, later(before), moved)) == {1: (0.7, 3), 3: (3, 6), 4: (6, 9.2), 2: (12, 20)}


def test_numbers_of_reviews_are_not_given_to_other_clips() -> None:
    """The file may be of a list of clips that was lost."""
    reviews = {1: ClipReview(splits=(3.0,)), 8: ClipReview(genre="popping")}
    assert set(clips(made(reviews))) == {1, 2, 9}


def test_any_reviews_of_any_plan() -> None:
    """Nothing is lost or doubled, nothing is too short, and the same reviews give the same plan again."""
    rng = np.random.default_rng(0)
    history = History(highest=2)
    for _ in range(300):
        known = [1, 2, *(piece.number for group in history.pieces.values() for piece in group)]
        reviews = {}
        for number in rng.choice(known, 2).tolist():
            splits = tuple(sorted(np.round(rng.uniform(-1, 21, rng.integers(0, 4)), 3).tolist()))
            start, length = rng.uniform(-1, 20), rng.uniform(0.1, 12)
            trim = (round(start, 3), round(start + length, 3)) if rng.random() < 0.5 else None
            reviews[number] = ClipReview(splits=splits, trim=trim)
        pieces = made(reviews, history)
        assert (pieces[0].span.start, pieces[-1].span.end) == (0, 20)
        assert all(a.span.end == b.span.start < b.span.end for a, b in pairwise(pieces))
        numbers = [piece.span.number for piece in pieces if piece.span.accepted]
        assert len(set(numbers)) == len(numbers)
        assert {1, 2} <= set(numbers)
        assert all(p.span.end - p.span.start >= LEAST - 1e-6 for p in pieces if p.span.accepted)
        history = later(pieces)
        assert clips(made(reviews, history)) == clips(pieces)


def test_clips_with_one_planned_span_belong_together() -> None:
    assert roots({1: (0, 10), 4: (0, 10), 2: (12, 20), 3: (0, 10.5)}) == {1: 1, 4: 1, 2: 2, 3: 3}

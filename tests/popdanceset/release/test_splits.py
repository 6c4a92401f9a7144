"""The splits fulfil the paper's claim: no video and no music on both sides."""

from __future__ import annotations

import logging

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from popdanceset.release.splits import SplitClip, assign_splits


def clips_of(pairs: list[tuple[int, int]]) -> list[SplitClip]:
    """Clips of (video, music); music 0 is unknown."""
    return [
        SplitClip(f"BV{v}_Clip_{n}", f"BV{v}", f"m{m}" if m else "", 100 + n)
        for n, (v, m) in enumerate(pairs, start=1)
    ]


PAIRS = st.lists(st.tuples(st.integers(1, 30), st.integers(0, 30)), min_size=1, max_size=60)


@given(PAIRS, st.floats(0, 0.99), st.integers(0, 5))
def test_no_video_and_no_music_on_both_sides(pairs: list[tuple[int, int]], share: float, seed: int) -> None:
    clips = clips_of(pairs)
    splits = assign_splits(clips, share, seed)
    assert splits.keys() == {clip.clip_id for clip in clips}
    for part_of in (lambda clip: clip.bvid, lambda clip: clip.music_id):
        sides: dict[str, set[str]] = {}
        for clip in clips:
            sides.setdefault(part_of(clip), set()).add(splits[clip.clip_id])
        sides.pop("", None)
        assert all(len(side) == 1 for side in sides.values())


@given(PAIRS, PAIRS, st.floats(0.05, 0.5))
def test_what_was_trained_on_is_never_tested_on_later(
    before: list[tuple[int, int]], added: list[tuple[int, int]], share: float
) -> None:
    # Pieces that are decided by their random numbers alone: so the clips begin with some on either side.
    anchors = [SplitClip(f"BVx{n}_Clip_1", f"BVx{n}", f"anchor {n}", 100) for n in range(60)]
    old = anchors + clips_of(before)
    first = assign_splits(old, share)
    assume({first[clip.clip_id] for clip in anchors} == {"train", "test"})
    second = assign_splits(anchors + clips_of(before + added), share)
    moved = {clip.clip_id: (first[clip.clip_id], second[clip.clip_id]) for clip in old}
    assert ("train", "test") not in moved.values()
    new_pieces = {piece for pair in added for piece in (f"BV{pair[0]}", f"m{pair[1]}")}
    if not new_pieces & {piece for clip in old for piece in (clip.bvid, clip.music_id)}:
        assert all(a == b for a, b in moved.values())


@given(PAIRS, st.randoms())
def test_the_order_of_the_clips_does_not_matter(pairs: list[tuple[int, int]], random: object) -> None:
    clips = clips_of(pairs)
    shuffled = list(clips)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert assign_splits(clips, 0.3) == assign_splits(shuffled, 0.3)


@given(st.integers(2, 40), st.floats(0.001, 0.99))
def test_with_two_pieces_of_music_neither_split_is_empty(pieces: int, share: float) -> None:
    splits = assign_splits(clips_of([(n, n) for n in range(1, pieces + 1)]), share)
    assert set(splits.values()) == {"train", "test"}


def test_the_share_is_about_what_was_asked_for() -> None:
    splits = assign_splits(clips_of([(n, n) for n in range(1, 2001)]), 0.1)
    share = sum(side == "test" for side in splits.values()) / 2000
    assert share == pytest.approx(0.1, abs=0.02)  # three standard deviations of 2,000 random numbers
    assert splits != assign_splits(clips_of([(n, n) for n in range(1, 2001)]), 0.1, seed=1)


def test_a_single_group_is_for_training_and_a_warning_says_so(caplog: pytest.LogCaptureFixture) -> None:
    chain = clips_of([(1, 1), (1, 2), (2, 2), (3, 2)])
    with caplog.at_level(logging.WARNING):
        assert set(assign_splits(chain, 0.5).values()) == {"train"}
    assert "none can be held out" in caplog.text


def test_of_a_few_pieces_the_shortest_is_held_out() -> None:
    clips = [
        SplitClip("a", "BVa", "ma", 900),
        SplitClip("b", "BVb", "mb", 90),
        SplitClip("c", "BVc", "mc", 500),
    ]
    assert assign_splits(clips, 1e-9) == {"a": "train", "b": "test", "c": "train"}
    assert assign_splits(clips, 1 - 1e-9) == {"a": "train", "b": "test", "c": "test"}


def test_nothing_is_held_out_if_nothing_is_asked_for() -> None:
    assert set(assign_splits(clips_of([(1, 1), (2, 2)]), 0).values()) == {"train"}


@given(PAIRS, st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)), max_size=8), st.floats(0.01, 0.9))
def test_music_that_may_be_one_piece_stays_on_one_side(
    pairs: list[tuple[int, int]], alike: list[tuple[int, int]], share: float
) -> None:
    clips = clips_of(pairs)
    splits = assign_splits(clips, share, alike=[(f"m{a}", f"m{b}") for a, b in alike])
    assert splits.keys() == {clip.clip_id for clip in clips}
    sides: dict[str, set[str]] = {}
    for clip in clips:
        sides.setdefault(clip.music_id, set()).add(splits[clip.clip_id])
    for a, b in alike:
        assert len(sides.get(f"m{a}", set()) | sides.get(f"m{b}", set())) < 2

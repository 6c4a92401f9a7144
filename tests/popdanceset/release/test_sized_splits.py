"""Splits by size: no leak, as near as groups allow, and what was trained on stays in training."""

from __future__ import annotations

import itertools
import logging
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from popdanceset.errors import InputError
from popdanceset.release.groups import SplitClip, groups_of, music_name, video_name
from popdanceset.release.leaks import Kind, ListedClip, find_leaks
from popdanceset.release.sizes import SplitSize, parse_size
from popdanceset.release.splits import Earlier, Split, Stratum, assign_splits

GENRES = ("k-pop", "otaku", "hip-hop")
FACTS = st.tuples(
    st.integers(1, 14),  # video
    st.integers(0, 12),  # music; 0: unknown
    st.integers(30, 1000),  # frames
    st.sets(st.integers(1, 9), max_size=2),  # dancers
    st.sampled_from(GENRES),
)
DATASETS = st.lists(FACTS, min_size=1, max_size=16)
SIZES = st.one_of(
    st.builds(lambda n: SplitSize(n, "clips"), st.integers(1, 12)),
    st.builds(lambda n: SplitSize(n, "s"), st.floats(1, 60)),
    st.builds(lambda n: SplitSize(n, "share"), st.floats(0.01, 0.9)),
)
STRATA = st.sampled_from([(), ("genre",), ("length",), ("genre", "length")])


def clips_of(facts: list[tuple[int, int, int, set[int], str]]) -> list[SplitClip]:
    return [
        SplitClip(f"BV{v}_Clip_{n}", f"BV{v}", f"m{m}" if m else "", f, tuple(f"d{d}" for d in sorted(ds)), g)
        for n, (v, m, f, ds, g) in enumerate(facts, start=1)
    ]


def divided(clips: list[SplitClip], size: SplitSize, **options: object) -> dict[str, Split] | None:
    """The splits; None if the size leaves nothing for training."""
    try:
        return assign_splits(clips, 0.1, size=size, **options)  # type: ignore[arg-type]
    except InputError:
        return None


def earlier_of(*releases: tuple[list[SplitClip], dict[str, Split]]) -> Earlier:
    used: dict[str, set[str]] = {"train": set(), "test": set()}
    for clips, splits in releases:
        for clip in clips:
            used[splits[clip.clip_id]] |= {video_name(clip.bvid)}
            used[splits[clip.clip_id]] |= {music_name(clip.music_id)} if clip.music_id else set()
    return Earlier(frozenset(used["train"]), frozenset(used["test"]))


def measure(clips: list[SplitClip], splits: dict[str, Split], size: SplitSize) -> int:
    held = [clip for clip in clips if splits[clip.clip_id] == "test"]
    return len(held) if size.unit == "clips" else sum(clip.frames for clip in held)


@given(DATASETS, SIZES, STRATA, st.booleans())
def test_nothing_is_shared(
    facts: list, size: SplitSize, strata: tuple[Stratum, ...], by_dancer: bool
) -> None:
    clips = clips_of(facts)
    splits = divided(clips, size, stratify=strata, by_dancer=by_dancer)
    if splits is None:
        return
    listed = [
        ListedClip(
            clip.clip_id,
            splits[clip.clip_id],
            {
                Kind.VIDEO: (clip.bvid,),
                Kind.MUSIC: (clip.music_id,) if clip.music_id else (),
                Kind.DANCER: clip.dancers,
            },
        )
        for clip in clips
    ]
    failing = [Kind.VIDEO, Kind.MUSIC, *([Kind.DANCER] if by_dancer else [])]
    assert not find_leaks("splits", listed, failing).failed


@given(DATASETS, SIZES, STRATA)
def test_the_size_is_as_near_as_groups_allow(
    facts: list, size: SplitSize, strata: tuple[Stratum, ...]
) -> None:
    clips = clips_of(facts)
    splits = divided(clips, size, stratify=strata)
    if splits is None:
        return
    groups = groups_of(clips)
    sizes = [size.measure(len(group.clips), group.frames) for group in groups]
    target = size.target(len(clips), sum(clip.frames for clip in clips))
    # Neither split may be empty, if there are two groups.
    sums = [sum(some) for count in range(1, len(groups)) for some in itertools.combinations(sizes, count)]
    found = measure(clips, splits, size)
    if len(groups) == 1:
        assert found == 0
    elif target >= min(sizes) / 2 and target <= max(sums):
        assert abs(found - target) == min(abs(each - target) for each in sums)
    else:
        assert set(splits.values()) == {"train", "test"}


@given(DATASETS, SIZES, STRATA, st.randoms())
def test_the_order_does_not_matter(
    facts: list, size: SplitSize, strata: tuple[Stratum, ...], random: object
) -> None:
    clips = clips_of(facts)
    shuffled = list(clips)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert divided(clips, size, stratify=strata) == divided(shuffled, size, stratify=strata)


@given(DATASETS, DATASETS, DATASETS, SIZES, SIZES, STRATA, STRATA, st.booleans())
def test_what_was_trained_on_is_never_tested_on_later(
    first: list,
    second: list,
    third: list,
    size: SplitSize,
    other_size: SplitSize,
    strata: tuple[Stratum, ...],
    other_strata: tuple[Stratum, ...],
    by_dancer: bool,
) -> None:
    releases: list[tuple[list[SplitClip], dict[str, Split]]] = []
    for facts, wanted, some, seed in (
        (first, size, strata, 0),
        (first + second, other_size, other_strata, 1),
        (first + second + third, size, strata, 0),
    ):
        clips = clips_of(facts)
        splits = divided(
            clips, wanted, stratify=some, seed=seed, by_dancer=by_dancer, earlier=earlier_of(*releases)
        )
        if splits is None:
            continue
        for _, before in releases:
            assert not any(before[name] == "train" and splits[name] == "test" for name in before)
        releases.append((clips, splits))
        # Publishing again changes nothing.
        assert splits == divided(
            clips, wanted, stratify=some, seed=seed, by_dancer=by_dancer, earlier=earlier_of(*releases)
        )


@given(st.lists(st.integers(1, 4), min_size=8, max_size=30), st.lists(st.integers(1, 4), max_size=30), STRATA)
def test_new_videos_leave_the_test_split_as_it_is(
    before: list[int], added: list[int], strata: tuple[Stratum, ...]
) -> None:
    def videos(counts: list[int], first: int) -> list[SplitClip]:
        return [
            SplitClip(f"BV{v}_Clip_{n}", f"BV{v}", f"m{v}", 100 * v % 1000 + 30, (), GENRES[v % 3])
            for v, count in enumerate(counts, first)
            for n in range(count)
        ]

    clips = videos(before, 0)
    size = SplitSize(6, "clips")
    old = assign_splits(clips, 0.1, size=size, stratify=strata)
    if Counter(old.values())["test"] != 6:
        return
    more = clips + videos(added, 100)
    new = assign_splits(more, 0.1, size=size, stratify=strata, earlier=earlier_of((clips, old)))
    assert {name for name, split in new.items() if split == "test"} == {
        name for name, split in old.items() if split == "test"
    }


@pytest.mark.parametrize("size", ["40clips", "0.1", "600s"])
def test_strata_are_held_out_in_proportion(size: str) -> None:
    shares = {"k-pop": 0.5, "otaku": 0.3, "hip-hop": 0.2}
    genres = [genre for genre, share in shares.items() for _ in range(round(400 * share))]
    lengths = (200, 500, 1000)  # short, medium, long
    clips = [
        SplitClip(f"BV{n}_Clip_1", f"BV{n}", f"m{n}", lengths[n % 3], (), genre)
        for n, genre in enumerate(genres)
    ]
    splits = assign_splits(clips, 0.1, size=parse_size(size), stratify=("genre", "length"))
    held = [clip for clip in clips if splits[clip.clip_id] == "test"]
    for count, of in ((len, clips),):
        total, test_total = count(of), count(held)
        for genre in GENRES:
            share = count([c for c in of if c.genre == genre]) / total
            assert abs(count([c for c in held if c.genre == genre]) - share * test_total) <= 4
    by_chance = assign_splits(clips, 0.1, size=parse_size(size))
    assert by_chance != splits


def test_a_size_that_leaves_nothing_for_training() -> None:
    clips = clips_of([(1, 1, 300, set(), "otaku"), (2, 2, 300, set(), "otaku")])
    with pytest.raises(InputError, match=r"of 2clips leaves nothing .* 2 clips, 20 s"):
        assign_splits(clips, 0.1, size=SplitSize(2, "clips"))


def test_a_size_that_groups_do_not_allow_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    clips = clips_of([(v, v, 300, set(), "otaku") for v in (1, 1, 1, 2, 2, 2)])
    with caplog.at_level(logging.WARNING):
        splits = assign_splits(clips, 0.1, size=SplitSize(1, "clips"))
    assert Counter(splits.values()) == {"train": 3, "test": 3}
    assert "has 3 clips instead of 1 clips" in caplog.text


def test_if_everything_was_trained_on_nothing_is_held_out(caplog: pytest.LogCaptureFixture) -> None:
    clips = clips_of([(v, v, 300, set(), "otaku") for v in range(1, 9)])
    earlier = earlier_of((clips, dict.fromkeys((clip.clip_id for clip in clips), "train")))
    for options in ({}, {"size": SplitSize(2, "clips")}):
        with caplog.at_level(logging.WARNING):
            splits = assign_splits(clips, 0.5, earlier=earlier, **options)  # type: ignore[arg-type]
        assert set(splits.values()) == {"train"}
    assert "an earlier release used for training, so none can be held out" in caplog.text


def test_dancers_of_joint_uploads_connect_their_videos() -> None:
    clips = clips_of([(1, 1, 100, {1, 2}, "otaku"), (2, 2, 100, {2, 3}, "otaku"), (3, 3, 100, {4}, "otaku")])
    assert [len(group.clips) for group in groups_of(clips, by_dancer=True)] == [2, 1]
    splits = assign_splits(clips, 0.1, by_dancer=True)
    assert splits == {"BV1_Clip_1": "train", "BV2_Clip_2": "train", "BV3_Clip_3": "test"}

"""Every leak between splits is found, once, on the side that is held out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from popdanceset.release.leaks import Kind, ListedClip, find_leaks

CLIPS = st.lists(
    st.builds(
        lambda number, split, video, music, dancers: ListedClip(
            f"c{number}",
            split,
            {
                Kind.VIDEO: (f"v{video}",),
                **({Kind.MUSIC: (f"m{music}",)} if music else {}),
                Kind.DANCER: tuple(f"d{dancer}" for dancer in dancers),
            },
        ),
        st.integers(0, 40),
        st.sampled_from(["train", "val", "test"]),
        st.integers(0, 12),
        st.integers(0, 8),
        st.sets(st.integers(0, 9), max_size=2),
    ),
    max_size=25,
)


@given(CLIPS)
def test_all_pairs_of_clips_are_compared(clips: list[ListedClip]) -> None:
    report = find_leaks("lists", clips)
    order = list(report.sizes)
    assert order == sorted(order, key=lambda s: (s != "train", -sum(clip.split == s for clip in clips), s))
    for kind in (Kind.VIDEO, Kind.MUSIC, Kind.DANCER, Kind.UPLOADER):
        expected = {
            (one.clip_id, one.split)
            for one in clips
            for other in clips
            if order.index(other.split) < order.index(one.split)
            and set(one.keys.get(kind, ())) & set(other.keys.get(kind, ()))
        }
        found = [(leak.clip_id, leak.split) for leak in report.leaks if leak.kind == kind]
        assert sorted(found) == sorted(expected)
    twice = {clip.clip_id for clip in clips if sum(c.clip_id == clip.clip_id for c in clips) > 1}
    assert {leak.clip_id for leak in report.leaks if leak.kind is Kind.CLIP} == twice
    assert report.unknown.get(Kind.UPLOADER, 0) == len(clips)


def test_a_leak_names_what_is_shared_and_with_which_clips() -> None:
    clips = [
        ListedClip("a_Clip_1", "train", {Kind.VIDEO: ("a",), Kind.MUSIC: ("m",)}),
        ListedClip("a_Clip_2", "train", {Kind.VIDEO: ("a",)}),
        ListedClip("b_Clip_1", "val", {Kind.VIDEO: ("b",), Kind.MUSIC: ("m",)}),
        ListedClip("a_Clip_3", "test", {Kind.VIDEO: ("a",), Kind.MUSIC: ("m",)}),
    ]
    report = find_leaks("lists", clips)
    video, music_of_test, music_of_val = sorted(
        report.leaks, key=lambda leak: (leak.kind != "video", leak.split)
    )
    assert (video.clip_id, video.split, video.others) == ("a_Clip_3", "test", ("train",))
    assert video.shared[0].clips == {"train": ("a_Clip_1", "a_Clip_2"), "test": ("a_Clip_3",)}
    assert (music_of_test.clip_id, music_of_test.split) == ("a_Clip_3", "test")
    assert (music_of_val.clip_id, music_of_val.split) == ("b_Clip_1", "val")
    assert {*music_of_test.others, *music_of_val.others} == {
        "train",
        "test",
    }  # val and test, of one size: once
    assert report.failed
    document = report.document()
    assert document["kinds"]["music"] == {"leaks": {"test": 1, "val": 1}, "known": 3, "fails": True}
    assert [each["key"] for each in document["shared"]] == ["a", "m"]


def test_kinds_that_are_only_reported_do_not_fail() -> None:
    clips = [
        ListedClip("a_Clip_1", "train", {Kind.DANCER: ("7", "8")}),
        ListedClip("b_Clip_1", "test", {Kind.DANCER: ("8",)}),
    ]
    assert not find_leaks("lists", clips).failed
    assert find_leaks("lists", clips, [Kind.DANCER]).failed


def test_a_clip_listed_again_always_fails() -> None:
    report = find_leaks("lists", [ListedClip("a", "test", {}), ListedClip("a", "test", {})], [Kind.MUSIC])
    assert report.failed
    assert report.leaks[0].shared[0].clips == {"test": ("a", "a")}

"""The assignment of media to videos, and the expected outcomes."""

import json
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from popdanceset.errors import InputError, MediaError
from popdanceset.schema import Reason
from popdanceset.simulator.casting import Media, cast, parse_mode, read_media, with_mode
from popdanceset.simulator.population import population
from popdanceset.simulator.records import Mode

VIDEOS = population(400, 0, date(2026, 3, 1))


def test_the_most_viewed_meet_every_medium_and_mode(media: dict[str, Media]) -> None:
    videos = cast(VIDEOS, media)
    assert [v.bvid for v in videos] == [v.bvid for v in VIDEOS]
    selectable = sorted((v for v in videos if v.counts.view > v.follower), key=lambda v: -v.counts.view)
    first = [(v.media, v.mode, v.expected) for v in selectable[:4]]
    assert first == [
        ("waltz", Mode.OK, "accepted"),
        ("crowd", Mode.OK, "several_dancers"),
        ("waltz", Mode.DELETED, "gone"),
        ("waltz", Mode.PAID_PREVIEW, "paid_preview"),
    ]


def test_statistics_agree_with_the_media_except_for_previews(media: dict[str, Media]) -> None:
    videos = cast(VIDEOS, media, seed=1)
    for video in videos:
        seconds = media[video.media].seconds
        if video.mode is Mode.PAID_PREVIEW:
            assert video.duration >= max(60, 3 * seconds)
        else:
            assert video.duration == round(seconds)
        assert video.size == (media[video.media].width, media[video.media].height)
    modes = Counter(video.mode for video in videos)
    assert modes[Mode.OK] > 0.8 * len(videos)
    assert modes[Mode.DELETED] == pytest.approx(modes[Mode.PAID_PREVIEW], abs=1)


def test_the_cast_is_reproducible(media: dict[str, Media]) -> None:
    assert cast(VIDEOS, media, 3) == cast(VIDEOS, media, 3)
    assert cast(VIDEOS, media, 3) != cast(VIDEOS, media, 4)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("login", "restricted"), ("geo", "restricted"), ("paid", "restricted"), ("owner_only", "gone")],
)
def test_further_modes_go_to_the_most_viewed_ordinary_videos(
    media: dict[str, Media], mode: str, expected: str
) -> None:
    before = cast(VIDEOS, media)
    after = with_mode(before, *parse_mode(f"{mode}:3"))
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert len(changed) == 3
    assert all(old.mode is Mode.OK and new.mode == mode and new.expected == expected for old, new in changed)
    least = min(old.counts.view for old, _ in changed)
    ordinary = [v for v in after if v.mode is Mode.OK]
    assert all(v.counts.view <= least for v in ordinary)


def test_what_is_expected_is_in_the_vocabulary_of_the_tables(media: dict[str, Media]) -> None:
    videos = cast(VIDEOS, media)
    for mode in Mode:
        videos = with_mode(videos, mode, 1)
    assert {video.expected for video in videos} - {"accepted"} <= set(Reason)


def test_modes_on_the_command_line() -> None:
    assert parse_mode("deleted") == (Mode.DELETED, 1)
    assert parse_mode("paid_preview:12") == (Mode.PAID_PREVIEW, 12)
    for text in ("", "ok", "stolen", "deleted:", "deleted:-1", "deleted:x"):
        with pytest.raises(InputError, match="unknown"):
            parse_mode(text)
    with pytest.raises(InputError, match="only 400 are left"):
        with_mode(VIDEOS, Mode.GEO, 401)
    assert with_mode(VIDEOS, Mode.OK, 1) == VIDEOS


def test_an_index_that_cannot_be_used(tmp_path: Path) -> None:
    index = tmp_path / "index.json"
    with pytest.raises(InputError, match="cannot read the media index"):
        read_media(tmp_path)
    for text in ("{", "[1]", '{"a": {"file": "a.mp4"}}', "{}"):
        index.write_text(text)
        with pytest.raises(InputError, match="index"):
            read_media(tmp_path)
    entry = {"file": "a.mp4", "seconds": 1, "fps": 30, "width": 2, "height": 2, "outcome": "accepted"}
    index.write_text(json.dumps({"a": entry}))
    with pytest.raises(MediaError, match="missing"):
        read_media(tmp_path)
    with pytest.raises(InputError, match="there are no media"):
        cast(VIDEOS, {})

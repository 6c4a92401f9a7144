"""Groups of clips that must stay in one split, because they share a video, a piece of music or a dancer."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from popdanceset.music.merges import joined


class SplitClip(NamedTuple):
    """The facts that decide a clip's split.

    Attributes:
        clip_id, bvid: the clip and its video.
        music_id: its music; "" if unknown.
        frames: its length.
        dancers: its dancers; none if unknown.
        genre: its genre.
    """

    clip_id: str
    bvid: str
    music_id: str
    frames: int
    dancers: tuple[str, ...] = ()
    genre: str = "unknown"


@dataclass(frozen=True, slots=True)
class Group:
    """Clips that are connected.

    Attributes:
        name: the alphabetically first of its names.
        names: the videos, pieces of music and dancers that connect it, as `video BV…`, `music …`.
        clips: its clips.
        number: in [0, 1), decided by its pieces of music and the seed; the greatest of their numbers.
    """

    name: str
    names: frozenset[str]
    clips: tuple[SplitClip, ...]
    number: float

    @property
    def frames(self) -> int:
        """Frames of all its clips."""
        return sum(clip.frames for clip in self.clips)


def groups_of(
    clips: Iterable[SplitClip],
    alike: Iterable[tuple[str, str]] = (),
    seed: int = 0,
    *,
    by_dancer: bool = False,
) -> list[Group]:
    """Returns the groups of connected clips, ordered by name.

    Args:
        clips: of the release, in any order.
        alike: pairs of music ids that connect clips as if they were one.
        seed: of the numbers.
        by_dancer: whether clips with a common dancer are connected, too.
    """
    members = sorted(clips)
    links = [(f"music {one}", f"music {other}") for one, other in alike]
    for clip in members:
        video = video_name(clip.bvid)
        links.append((video, video))
        if clip.music_id:
            links.append((video, music_name(clip.music_id)))
        if by_dancer:
            links += [(video, f"dancer {dancer}") for dancer in clip.dancers]
    names: dict[str, set[str]] = {}
    least = joined(links)
    for name, first in least.items():
        names.setdefault(first, set()).add(name)
    own: dict[str, list[SplitClip]] = {}
    for clip in members:
        own.setdefault(least[video_name(clip.bvid)], []).append(clip)
    return [
        Group(
            name,
            frozenset(names[name]),
            tuple(own[name]),
            max(_random_number(piece, seed) for piece in {_piece(clip) for clip in own[name]}),
        )
        for name in sorted(own)
    ]


def video_name(bvid: str) -> str:
    """Returns the name of a video in `Group.names`."""
    return f"video {bvid}"


def music_name(music_id: str) -> str:
    """Returns the name of a piece of music in `Group.names`."""
    return f"music {music_id}"


def _piece(clip: SplitClip) -> str:
    """Returns what the clip's random number depends on: its music, or its video if the music is unknown."""
    return music_name(clip.music_id) if clip.music_id else video_name(clip.bvid)


def _random_number(piece: str, seed: int) -> float:
    digest = hashlib.sha256(f"{seed} {piece}".encode()).digest()
    return int.from_bytes(digest[:6]) / 2**48

"""Divides clips into a training and a test split that share no video and no music.

The paper (POPDG, Sec. 3.1) claims that neither a dance nor a piece of music of the test split occurs in
training; this module guarantees it. Clips that share a video or a piece of music, directly or through other
clips, form a group, and a group is never divided.

Every piece of music gets a random number in [0, 1) from a hash of its name and the seed. A group is held out
for testing if all its numbers are below the test share. So the decision on a piece does not depend on the
rest of the dataset. When clips are added, a group changes sides only if a new video joins it to another
group, and then only from test to training. A model trained on an older release is never tested on clips it
has seen.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from popdanceset.music.merges import joined

Split = Literal["train", "test"]

_log = logging.getLogger(__name__)


class SplitClip(NamedTuple):
    """The facts that decide a clip's split: video, music ("" if unknown) and length in frames."""

    clip_id: str
    bvid: str
    music_id: str
    frames: int


def assign_splits(
    clips: Iterable[SplitClip], test_share: float, seed: int = 0, alike: Iterable[tuple[str, str]] = ()
) -> dict[str, Split]:
    """Assigns every clip to a split.

    If there are two groups or more, neither split stays empty: if the numbers hold out no group, the shortest
    group is held out (unless the test share is 0); if they hold out all groups, the longest one is kept for
    training. A single group is used for training; a warning says so.

    Args:
        clips: of the release, in any order.
        test_share: expected share of the pieces of music that is held out, 0..1; the share of the frames is
            about the same.
        seed: of the random numbers.
        alike: pairs of music ids that are, or were taken for, one piece: they stay together.

    Returns:
        clip id → `train` or `test`.
    """
    members = list(clips)
    groups = _groups(members, alike)
    if not test_share:
        return dict.fromkeys((clip.clip_id for clip in members), "train")
    if len(groups) < 2:
        _log.warning("all clips share their videos or music, so none can be held out for testing")
        return dict.fromkeys((clip.clip_id for clip in members), "train")
    # The highest number decides: the group is held out only if every piece in it would be.
    held_out = {
        group
        for group, pieces in groups.items()
        if max(_random_number(piece, seed) for piece in pieces) < test_share
    }
    if len(held_out) in (0, len(groups)):
        group_of = {piece: group for group, pieces in groups.items() for piece in pieces}
        frames = dict.fromkeys(groups, 0)
        for clip in members:
            frames[group_of[_piece(clip)]] += clip.frames
        by_length = sorted(groups, key=lambda group: (frames[group], group))
        held_out = {by_length[0]} if not held_out else held_out - {by_length[-1]}
    side = {piece: group in held_out for group, pieces in groups.items() for piece in pieces}
    return {clip.clip_id: "test" if side[_piece(clip)] else "train" for clip in members}


def _piece(clip: SplitClip) -> str:
    """Returns what the clip's random number depends on: its music, or its video if the music is unknown."""
    return f"music {clip.music_id}" if clip.music_id else f"video {clip.bvid}"


def _groups(clips: Iterable[SplitClip], alike: Iterable[tuple[str, str]]) -> Mapping[str, set[str]]:
    """Returns groups of connected pieces, under the alphabetically first of their names.

    Two pieces are connected by a video that has both, or by being alike.
    """
    first_of: dict[str, str] = {}
    links = [(piece := _piece(clip), first_of.setdefault(clip.bvid, piece)) for clip in clips]
    pieces = {piece for piece, _ in links}
    # Ids without clips connect too: one of their videos may have been rejected.
    links += [(f"music {one}", f"music {other}") for one, other in alike]
    groups: dict[str, set[str]] = {}
    for piece, least in joined(links).items():
        if piece in pieces:
            groups.setdefault(least, set()).add(piece)
    return groups


def _random_number(piece: str, seed: int) -> float:
    digest = hashlib.sha256(f"{seed} {piece}".encode()).digest()
    return int.from_bytes(digest[:6]) / 2**48

"""Which clips train and which test: held out by video and by music at once.

The paper (POPDG, Sec. 3.1) claims that neither a dance nor a piece of music of the test part occurs in
training; here it holds. Clips that share a video or a piece of music, directly or through others, form a
group, and a group is never divided.

Every piece of music draws a lot in [0, 1) from its name and the seed. A group is held out if all its lots lie
below the share of the test part. So each piece decides for itself, whatever else is in the dataset, and when
clips are added a group changes sides only if a new video joins it to another one; then it becomes training
material. A model trained on an older release is never tested on what it has seen.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from popdanceset.music.merges import joined

Split = Literal["train", "test"]

_log = logging.getLogger(__name__)


class Clip(NamedTuple):
    """What decides on a clip's side: video, music ("" if that is not known) and length in frames."""

    clip_id: str
    bvid: str
    music_id: str
    frames: int


def assign_splits(
    clips: Iterable[Clip], test_share: float, seed: int = 0, alike: Iterable[tuple[str, str]] = ()
) -> dict[str, Split]:
    """The side of every clip.

    Where there are two groups or more, neither part is left empty: if no group is held out by its lots, the
    shortest one is (unless nothing is to be held out), and if all are, the longest one is not. A single group
    is all training material; a warning says so.

    Args:
        clips: of the release, in any order.
        test_share: expected share of the pieces of music, and so about that of the frames, that is held out,
        0..1.
        seed: of the lots.
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
    # The highest lot decides: the group is held out only if every piece in it is.
    held_out = {
        group for group, pieces in groups.items() if max(_lot(piece, seed) for piece in pieces) < test_share
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


def _piece(clip: Clip) -> str:
    """What draws a lot: the music; a clip of unknown music draws by its video."""
    return f"music {clip.music_id}" if clip.music_id else f"video {clip.bvid}"


def _groups(clips: Iterable[Clip], alike: Iterable[tuple[str, str]]) -> Mapping[str, set[str]]:
    """The connected pieces of music (two are connected by a video that has both, or by being alike), under
    the least of their names."""
    first_of: dict[str, str] = {}
    links = [(piece := _piece(clip), first_of.setdefault(clip.bvid, piece)) for clip in clips]
    pieces = {piece for piece, _ in links}
    # Also ids without clips connect: a video of theirs may have been rejected.
    links += [(f"music {one}", f"music {other}") for one, other in alike]
    groups: dict[str, set[str]] = {}
    for piece, least in joined(links).items():
        if piece in pieces:
            groups.setdefault(least, set()).add(piece)
    return groups


def _lot(piece: str, seed: int) -> float:
    digest = hashlib.sha256(f"{seed} {piece}".encode()).digest()
    return int.from_bytes(digest[:6]) / 2**48

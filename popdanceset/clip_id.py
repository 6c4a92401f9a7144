"""Ids of parts and clips, as used in tables, file names and addresses."""

from __future__ import annotations

import re

_SUFFIX = re.compile(r"(?:_p\d+)?(?:_Clip_\d+)?$", re.ASCII)
_CLIP_ID = re.compile(r"(?P<bvid>.+?)(?:_p(?P<page>\d+))?_Clip_(?P<number>\d+)")

_CLIP = re.compile(r"_Clip_\d+$", re.ASCII)


def part_id(bvid: str, page: int = 1) -> str:
    """Returns `{bvid}`, or `{bvid}_p{page}` from the second part on."""
    return bvid if page == 1 else f"{bvid}_p{page}"


def video_of(item: str) -> str:
    """Returns the video of a part or clip: `BV…` of `BV…_p2_Clip_1`."""
    return _SUFFIX.sub("", item)


def is_clip(item: str) -> bool:
    """Returns whether an id is a clip's, not a part's."""
    return "_Clip_" in item


def part_of(clip_id: str) -> str:
    """Returns the part of a clip: `BV…_p2` of `BV…_p2_Clip_1`."""
    return _CLIP.sub("", clip_id)


def clip_id(bvid: str, number: int, page: int = 1) -> str:
    """Returns `{bvid}_Clip_{number}`, or `{bvid}_p{page}_Clip_{number}`; numbers begin at 1."""
    return f"{part_id(bvid, page)}_Clip_{number}"


def clip_order(clip_id: str) -> tuple[str, int, int]:
    """Returns a sort key: by video, then part, then number, so that `…_Clip_2` comes before `…_Clip_10`."""
    match = _CLIP_ID.fullmatch(clip_id)
    return (match["bvid"], int(match["page"] or 1), int(match["number"])) if match else (clip_id, 0, 0)

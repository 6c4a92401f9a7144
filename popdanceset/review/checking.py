"""Checks decisions against the clips that they are about, before they are kept."""

from __future__ import annotations

from collections.abc import Sequence

from popdanceset.errors import InputError
from popdanceset.review.decisions import Decision, Kind, checked_name, checked_note, checked_value, span_of
from popdanceset.review.rooms import ClipList, Room, Row

_SLACK = 0.001
"""Seconds: times are kept to the millisecond."""


def checked_decisions(
    room: Room, reviewer: str, clip_ids: Sequence[str], kind: str, value: str, note: str
) -> list[Decision]:
    """Returns a decision on each of the clips, in the form in which it is kept.

    Raises:
        UnknownClipError: there is no such clip.
        InputError: anything else is wrong; nothing is decided then.
    """
    reviewer, note = checked_name(reviewer), checked_note(note)
    if not clip_ids:
        raise InputError("no clip is chosen", do="choose at least one")
    if kind not in set(Kind):
        raise InputError(f"{kind[:40]!r} is not a decision", do=f"choose one of {', '.join(Kind)}")
    about = Kind(kind)
    value = checked_value(about, value, room.genres)
    clips = room.clips()
    rows = [clips[clip_id] for clip_id in dict.fromkeys(clip_ids)]
    for row in rows:
        _check(about, value, row, clips)
    return [Decision(row["clip_id"], about, value, note, reviewer) for row in rows]


def _check(kind: Kind, value: str, row: Row, clips: ClipList) -> None:
    clip_id = row["clip_id"]
    match kind:
        case Kind.ACCEPT if row["waiting"]:
            raise InputError("has no poses to accept yet", clip_id, "run `popdanceset extract`")
        case Kind.SPLIT:
            start, end = row["start"], row["end"]
            if not start + _SLACK < float(value) < end - _SLACK:
                raise InputError(f"cannot be split at {value} s", clip_id, _between(start, end))
        case Kind.TRIM | Kind.SWAP:
            # A trim replaces an earlier one, so that it may go back to all that was planned.
            start, end = row["planned"] if kind is Kind.TRIM else (row["start"], row["end"])
            first, last = span_of(value)
            if first < start - _SLACK or last > end + _SLACK:
                raise InputError(f"does not contain the span {value}", clip_id, _between(start, end))
        case Kind.MUSIC if value == clip_id:
            raise InputError("is the clip itself", clip_id, "choose another clip of the same music")
        case Kind.MUSIC if value not in clips.by_id:
            raise InputError(f"there is no clip {value!r} here", do="choose a clip of the list")
        case _:
            pass


def _between(start: float, end: float) -> str:
    return f"choose times between {start:.3f} and {end:.3f} s of the video"

"""Decisions of reviewers on clips: their kinds, and how their values are written.

Times in values are seconds from the first frame of the clip's part, not of the clip, so that they stay true
when the clip is cut again.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from popdanceset.errors import InputError
from popdanceset.schema import Reason
from popdanceset.video import rules

MAX_NAME = 80
"""Longest name of a reviewer, dancer or genre, in characters."""
MAX_NOTE = 20_000
"""Longest note, in characters."""

_SECONDS = re.compile(r"\d{1,6}(?:\.\d{1,6})?", re.ASCII)


class Kind(StrEnum):
    """What a decision is about. Its value is in brackets.

    Attributes:
        meaning: what the pipeline does with it, in a few words.
        many: whether a clip can have several of them at once; otherwise the newest counts.
    """

    _value_: str
    meaning: str
    many: bool

    def __new__(cls, value: str, meaning: str = "", many: bool = False) -> Kind:
        member = str.__new__(cls, value)
        member._value_, member.meaning, member.many = value, meaning, many
        return member

    ACCEPT = "accept", "the poses are right: publish the clip whatever its verdict is"
    REJECT = "reject", "leave the clip out of releases [a reason]"
    REDO = "redo", "extract the poses again"
    SPLIT = "split", "divide the clip [seconds]", True
    TRIM = "trim", "keep only a part of the clip [seconds-seconds]"
    SWAP = "swap", "left and right are exchanged [seconds-seconds]", True
    GENRE = "genre", "the clip's genre [a name]"
    DANCER = "dancer", "who dances [a name]"
    MUSIC = "music", "the clip has the same music as another [a clip id]"


JUDGEMENTS = (Kind.ACCEPT, Kind.REJECT)
"""Kinds that exclude each other."""

REASONS: tuple[Reason, ...] = (
    Reason.NOT_TRACKED,
    Reason.UNSTEADY_POSE,
    Reason.WRONG_PERSON,
    Reason.NOT_A_DANCE,
    Reason.CAMERA_CUTS,
    Reason.TOO_SHORT,
    *(Reason(reason) for reason, _ in rules.reasons()),
)
"""Reasons for which a reviewer may reject a clip."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision on a clip.

    Attributes:
        clip_id: the clip.
        kind: what it is about.
        value: in the form of its kind, as `checked_value` returns it.
        note: the reviewer's remark.
        reviewer: who decided.
        decided_at: when, UTC, as `2026-11-29T12:00:00.000Z`.
    """

    clip_id: str
    kind: Kind
    value: str = ""
    note: str = ""
    reviewer: str = ""
    decided_at: str = ""

    @property
    def slot(self) -> str:
        """What the decision is about: a later decision on the same clip and slot takes its place."""
        if self.kind in JUDGEMENTS:
            return "judgement"
        return f"{self.kind} {self.value}" if self.kind.many else str(self.kind)


def checked_value(kind: Kind, value: str, genres: Sequence[str] = ()) -> str:
    """Returns a value in the one form in which it is kept.

    Args:
        genres: the names that a genre may have; empty: any name.

    Raises:
        InputError: the kind does not take this value.
    """
    value = value.strip()
    match kind:
        case Kind.ACCEPT | Kind.REDO:
            if value:
                raise InputError(f"{kind} takes no value, not {value[:40]!r}")
            return ""
        case Kind.REJECT:
            if value not in REASONS:
                raise InputError(f"{value[:40]!r} is not a reason to reject a clip", do=_listed(REASONS))
            return value
        case Kind.SPLIT:
            return _written(_seconds(value))
        case Kind.TRIM | Kind.SWAP:
            return "-".join(map(_written, span_of(value)))
        case Kind.GENRE:
            if genres and value not in genres:
                raise InputError(f"{value[:40]!r} is not a genre", do=_listed(genres))
            return checked_name(value)
        case Kind.DANCER | Kind.MUSIC:
            return checked_name(value)


def checked_name(name: str) -> str:
    """Returns a name without space around it.

    Raises:
        InputError: it is empty, too long, or contains control characters.
    """
    name = name.strip()
    if not name or len(name) > MAX_NAME:
        raise InputError(f"a name has 1 to {MAX_NAME} characters, not {len(name)}")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
        raise InputError("a name cannot contain control characters", do="type it again")
    return name


def checked_note(note: str) -> str:
    """Returns a note without space around it.

    Raises:
        InputError: it is too long, or contains characters that a CSV file cannot hold.
    """
    note = note.strip()
    if len(note) > MAX_NOTE:
        raise InputError(f"a note has at most {MAX_NOTE:,} characters, not {len(note):,}", do="shorten it")
    if any(unicodedata.category(character) == "Cs" or character == "\0" for character in note):
        raise InputError("the note contains characters that cannot be written", do="type it again")
    return note


def span_of(value: str) -> tuple[float, float]:
    """Returns start and end of `1.5-7.25`, in seconds.

    Raises:
        InputError: it is not such a span, or ends before it starts.
    """
    start, dash, end = value.partition("-")
    if not dash:
        raise InputError(f"{value[:40]!r} is not a span", do="write it as 1.5-7.25, in seconds")
    span = _seconds(start), _seconds(end)
    if span[0] >= span[1]:
        raise InputError(f"the span {value[:40]!r} is empty", do="its end must come after its start")
    return span


def _seconds(text: str) -> float:
    if not _SECONDS.fullmatch(text.strip()):
        raise InputError(f"{text[:40]!r} is not a time", do="write seconds, as 12.5")
    return float(text)


def _written(seconds: float) -> str:
    return f"{math.floor(1000 * seconds + 0.5) / 1000:.3f}"


def _listed(names: Sequence[str]) -> str:
    return f"choose one of {', '.join(names)}"

"""A measured number, and the flags that say what a reader must know about it."""

from __future__ import annotations

from dataclasses import dataclass

NO_MUSIC = "no music"
NO_MUSIC_BEATS = "no music beats"
NO_MOTION_BEATS = "no motion beats"

UNDEFINED = frozenset({NO_MUSIC, NO_MUSIC_BEATS})
"""Flags of scores that say nothing about the motion: means over clips leave these scores out."""

ITSELF = "the real set against itself"
NO_MUSIC_NAMES = "music not named"


@dataclass(frozen=True)
class Score:
    """A number measured on one clip, or on one set without resampling.

    Attributes:
        value: never NaN.
        flag: "" or, where the equation has no answer, why `value` is an agreed substitute.
    """

    value: float
    flag: str = ""


@dataclass(frozen=True)
class Interval:
    """A number of a set of clips with its confidence interval.

    Attributes:
        value: never NaN.
        low: lower end of the interval.
        high: upper end of the interval.
        flag: "" or what the number leaves out, or why the number or its interval is a substitute.
    """

    value: float
    low: float
    high: float
    flag: str = ""


def joined(*flags: str) -> str:
    """Joins the flags that are not empty with "; ", each once."""
    return "; ".join(dict.fromkeys(flag for flag in flags if flag))

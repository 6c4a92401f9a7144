"""Clip planning: which spans of a video become clips, and why the others do not.

Pure arithmetic on a screening report. `popdanceset.video.judging` finds out what is wrong when; this module
divides the video accordingly.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from popdanceset.runs import runs_of
from popdanceset.schema import Reason
from popdanceset.video.judging import EPSILON, STEP, Flags, Judge, Shot
from popdanceset.video.measures import as_floats, measure
from popdanceset.video.screening.report import Screening

if TYPE_CHECKING:
    from popdanceset.settings import Settings

KEEPS_NUMBER = 0.8
"""Share of the longer one of two spans that they must have in common to be the same clip."""

_PAUSE_REACH = 1.0  # seconds around a pause in which nothing moves less
_CHANGE_LAG = 0.25  # seconds: a change of brightness is measured against the frame half a second before
_UNEVEN = 0.25  # share by which a part of a divided span may differ from even parts


@dataclass(frozen=True, slots=True)
class Span:
    """Part of a video.

    Attributes:
        start, end: seconds from the first frame.
        reason: why it does not become a clip; empty if it does.
        number: of the clip, from 1; 0 for a rejected span.
        measures: of the span, by column of CLIPS (`popdanceset.video.measures.measure`).
    """

    start: float
    end: float
    reason: Reason
    number: int
    measures: dict[str, float | None]

    @property
    def accepted(self) -> bool:
        """Whether it becomes a clip."""
        return self.reason is Reason.NONE


@dataclass(frozen=True, slots=True)
class Known:
    """A clip of an earlier plan: its number, and where it was, seconds."""

    number: int
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class _Piece:
    start: float
    end: float
    reason: Reason
    seam: bool = False  # the frames next to a cut, left out for safety


def plan(
    screening: Screening,
    settings: Settings,
    moments: Sequence[float] = (),
    known: Sequence[Known] = (),
    highest: int = 0,
) -> list[Span]:
    """Divides a video into clips and rejected spans, in order, without gap or overlap.

    A shot is what lies between two cuts or transitions. In each shot the longest spans become clips in which
    no rule is broken for longer than `clips.max_lapse`, and which satisfy every rule as a whole. Those longer
    than `clips.max_seconds` are divided. Clips keep one frame away from cuts, so that nothing of another shot
    is inside. Rejected neighbours with the same reason are one span.

    Args:
        moments: where a clip may be divided, seconds: beats or pauses. Without any, or where none lies
            within reach, it is divided evenly.
        known: clips of an earlier plan. A clip that has `KEEPS_NUMBER` of its time in common with one of them
            takes its number; new clips have numbers above all of them.
        highest: a number that new clips have to exceed too.
    """
    judge = Judge(screening, settings)
    seam = 1 / screening.fps if screening.fps else 0.0
    pieces: list[_Piece] = []
    at = 0.0
    for left, right in itertools.chain(_breaks(screening), [(screening.duration, screening.duration)]):
        start = at + seam if at > 0 else at
        end = left - seam if left < screening.duration else left
        if end <= start:
            pieces.append(_Piece(at, max(right, at), Reason.CAMERA_CUTS))
        else:
            pieces.append(_Piece(at, start, Reason.CAMERA_CUTS, seam=True))
            pieces += _divide_shot(judge.shot(start, end), settings, moments)
            pieces.append(_Piece(end, right, Reason.CAMERA_CUTS, seam=True))
        at = max(at, right)
    joined = _joined([p for p in pieces if p.end > p.start])
    return _numbered(joined, screening, settings, known, highest)


def is_divided(spans: Iterable[Span]) -> bool:
    """Returns whether a plan had to divide a clip: two clips meet."""
    return any(
        a.accepted and b.accepted and abs(a.end - b.start) < EPSILON for a, b in itertools.pairwise(spans)
    )


def pauses(screening: Screening) -> list[float]:
    """Times at which the dancer moves least within a second around, seconds."""
    time, change = np.array(screening.picture.time), as_floats(screening.picture.change)
    reach = round(_PAUSE_REACH / STEP)
    if len(change) < 2 * reach + 1:
        return []
    windows = np.lib.stride_tricks.sliding_window_view(change, 2 * reach + 1)
    least = change[reach:-reach] <= windows.min(1)
    return [float(t) - _CHANGE_LAG for t in time[reach:-reach][least]]


def divided(start: float, end: float, longest: float, moments: Sequence[float]) -> list[float]:
    """Edges of the parts of a span, in as few parts as `longest` allows, seconds.

    Each inner edge is the moment nearest to where even parts would end, if one leaves no part longer than
    `longest`; otherwise it lies there.
    """
    number = max(1, math.ceil((end - start) / longest - EPSILON))
    edges = [start]
    marks = np.sort(np.array(moments, np.float64))
    for left in range(number - 1, 0, -1):
        part = (end - edges[-1]) / (left + 1)
        even = edges[-1] + part
        highest = edges[-1] + min(longest, part * (1 + _UNEVEN))
        lowest = max(end - left * longest, edges[-1] + part * (1 - _UNEVEN))
        inside = marks[(marks >= lowest) & (marks <= highest)]
        edges.append(float(inside[np.abs(inside - even).argmin()]) if len(inside) else even)
    return [*edges, end]


def _breaks(screening: Screening) -> list[tuple[float, float]]:
    """Where shots end and begin: cuts (both the same) and transitions, in order, inside the video."""
    both = sorted([*((cut, cut) for cut in screening.cuts), *screening.transitions])
    end = screening.duration
    return [(max(a, 0.0), min(b, end)) for a, b in both if a < end and b >= 0]


def _divide_shot(shot: Shot, settings: Settings, moments: Sequence[float]) -> list[_Piece]:
    """Divides a shot into clips and rejected spans."""
    pieces: list[_Piece] = []
    at = shot.start
    least = settings.clips.min_seconds - EPSILON
    for start, end in [*_good_spans(shot, shot.broken_too_long, 0, shot.steps, least), (shot.end, shot.end)]:
        if start > at:
            pieces.append(_Piece(at, start, shot.blame(at, start)))
        if end > start:
            edges = divided(start, end, settings.clips.max_seconds, moments)
            pieces += [_Piece(x, y, Reason.NONE) for x, y in itertools.pairwise(edges)]
        at = end
    return pieces


def _good_spans(
    shot: Shot, broken: Flags, first: int, length: int, least: float
) -> Iterator[tuple[float, float]]:
    """Spans of a shot, seconds, that keep all rules and are not too short.

    A span that keeps the rules at each moment, apart from lapses, but not as a whole, is searched again
    without lapses.

    Args:
        broken: (steps,) of the shot.
        first, length: part of the shot that is searched, steps.
        least: seconds.
    """
    for start, stop in runs_of(~broken[first : first + length]).tolist():
        span = shot.time(first + start), shot.time(first + stop)
        if span[1] - span[0] < least:
            continue
        if shot.keeps_rules(*span):
            yield span
        elif broken is not shot.broken:
            yield from _good_spans(shot, shot.broken, first + start, stop - start, least)


def _joined(pieces: Sequence[_Piece]) -> list[_Piece]:
    """Joins rejected neighbours if their reason is the same, or if one of them is only the seam of a cut."""
    joined: list[_Piece] = []
    for piece in pieces:
        last = joined[-1] if joined else None
        if last and last.reason and piece.reason and (last.reason == piece.reason or last.seam or piece.seam):
            kept = piece if last.seam else last
            joined[-1] = _Piece(last.start, piece.end, kept.reason, last.seam and piece.seam)
        else:
            joined.append(piece)
    return joined


def _numbered(
    pieces: Sequence[_Piece], screening: Screening, settings: Settings, known: Sequence[Known], highest: int
) -> list[Span]:
    free = max((highest, *(clip.number for clip in known)))
    spans = []
    for piece in pieces:
        number = 0
        if piece.reason is Reason.NONE:
            # The most alike: planned again, every clip is recognised as what it is already.
            own = piece.start, piece.end
            same = max(known, key=lambda clip: likeness((clip.start, clip.end), own), default=None)
            if same is not None and likeness((same.start, same.end), own) >= KEEPS_NUMBER - EPSILON:
                number = same.number
            else:
                number = free = free + 1
        measures = measure(screening, piece.start, piece.end, settings.screening)
        spans.append(Span(piece.start, piece.end, piece.reason, number, measures))
    return spans


def likeness(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Time that two spans have in common over that of the longer one; below 0 where they lie apart."""
    shared = min(one[1], other[1]) - max(one[0], other[0])
    return shared / max(one[1] - one[0], other[1] - other[0])

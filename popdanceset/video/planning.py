"""Clip planning: which spans of a video become clips, and why the others do not.

Pure arithmetic on a screening report.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from popdanceset.schema import Reason
from popdanceset.video.screening.report import Screening

if TYPE_CHECKING:
    from popdanceset.settings import Settings

_EPSILON = 1e-6  # seconds


@dataclass(frozen=True, slots=True)
class Measures:
    """What screening says of a span.

    Attributes:
        shake: root mean square of the camera jitter, share of the diagonal; None where it is not known.
        dancers: mean number of people; None where nobody looked.
        visibility: share of the pictures looked at with exactly one person, whole; None likewise.
    """

    shake: float | None
    dancers: float | None
    visibility: float | None


@dataclass(frozen=True, slots=True)
class Span:
    """Part of a video.

    Attributes:
        start, end: seconds from the first picture.
        reason: why it is no clip; empty if it is one.
        number: of the clip, from 1; 0 if it is none.
        measures: of the span.
    """

    start: float
    end: float
    reason: Reason
    number: int
    measures: Measures

    @property
    def accepted(self) -> bool:
        """Whether it becomes a clip."""
        return self.reason is Reason.NONE


@dataclass(frozen=True, slots=True)
class _Piece:
    start: float
    end: float
    reason: Reason
    seam: bool = False  # the pictures beside a cut, left out for safety


def plan(screening: Screening, settings: Settings) -> list[Span]:
    """Divides a video into clips and rejected spans, in order, without gap or overlap.

    A shot is what lies between two cuts. Shots longer than `clips.max_seconds` are divided evenly. Clips keep
    one picture off the cuts, so that nothing of another shot is inside. Rejected neighbours with the same
    reason are one span.
    """
    bounds = (0.0, *screening.cuts, screening.duration)
    seam = 1 / screening.fps if screening.fps else 0.0
    pieces: list[_Piece] = []
    for begin, finish in itertools.pairwise(bounds):
        start = begin + seam if begin > 0 else begin
        end = finish - seam if finish < screening.duration else finish
        if end <= start:
            pieces.append(_Piece(begin, finish, Reason.CAMERA_CUTS))
            continue
        pieces.append(_Piece(begin, start, Reason.CAMERA_CUTS, seam=True))
        pieces += _judged(start, end, screening, settings)
        pieces.append(_Piece(end, finish, Reason.CAMERA_CUTS, seam=True))
    return _numbered(_joined([p for p in pieces if p.end > p.start]), screening)


def measure(screening: Screening, start: float, end: float) -> Measures:
    """The measures of a span, from the samples inside."""
    time, value = np.array(screening.shake.time), np.array(screening.shake.value, float)
    jitter = value[(time >= start) & (time < end)]
    jitter = jitter[~np.isnan(jitter)]
    seen = screening.dancers
    inside = (np.array(seen.time) >= start) & (np.array(seen.time) < end)
    count, whole = np.array(seen.count)[inside], np.array(seen.whole)[inside]
    return Measures(
        shake=float(np.sqrt(np.mean(jitter**2))) if jitter.size else None,
        dancers=float(count.mean()) if count.size else None,
        visibility=float(((count == 1) & (whole == 1)).mean()) if count.size else None,
    )


def _judged(start: float, end: float, screening: Screening, settings: Settings) -> list[_Piece]:
    """A shot, divided if it is too long; each piece with its verdict."""
    number = max(1, math.ceil((end - start) / settings.clips.max_seconds - _EPSILON))
    edges = [start + (end - start) * i / number for i in range(number)] + [end]
    return [_Piece(a, b, _verdict(a, b, screening, settings)) for a, b in itertools.pairwise(edges)]


def _verdict(start: float, end: float, screening: Screening, settings: Settings) -> Reason:
    found = measure(screening, start, end)
    # First, because strong shake can look like a cut, and then the shot would be blamed for being short.
    if found.shake is not None and found.shake > settings.screening.max_shake:
        return Reason.CAMERA_SHAKE
    if end - start < settings.clips.min_seconds - _EPSILON:
        made_short = screening.duration >= settings.clips.min_seconds - _EPSILON and bool(screening.cuts)
        return Reason.CAMERA_CUTS if made_short else Reason.TOO_SHORT
    if (found.visibility or 0.0) >= settings.screening.min_visibility:
        return Reason.NONE
    count = np.array(screening.dancers.count)
    time = np.array(screening.dancers.time)
    count = count[(time >= start) & (time < end)]
    several = (count > 1).sum()
    return Reason.SEVERAL_DANCERS if several and several >= (count == 0).sum() else Reason.NO_DANCER


def _joined(pieces: Sequence[_Piece]) -> list[_Piece]:
    """Rejected neighbours as one, if their reason is the same or one of them is but the seam of a cut."""
    joined: list[_Piece] = []
    for piece in pieces:
        last = joined[-1] if joined else None
        if last and last.reason and piece.reason and (last.reason == piece.reason or last.seam or piece.seam):
            kept = piece if last.seam else last
            joined[-1] = _Piece(last.start, piece.end, kept.reason, last.seam and piece.seam)
        else:
            joined.append(piece)
    return joined


def _numbered(pieces: Sequence[_Piece], screening: Screening) -> list[Span]:
    spans, number = [], 0
    for piece in pieces:
        accepted = piece.reason is Reason.NONE
        number += accepted
        spans.append(
            Span(
                piece.start,
                piece.end,
                piece.reason,
                number if accepted else 0,
                measure(screening, piece.start, piece.end),
            )
        )
    return spans

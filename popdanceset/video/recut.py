"""Recutting: what reviewers' splits and trims make of planned spans. Pure arithmetic.

A split divides a clip. Its first piece keeps the clip's number; the others get numbers that are new at first
and stay theirs in every later plan, for they are found again among the pieces of earlier plans. Pieces are
clips, on which reviewers decide in turn: a piece can be split and trimmed again.

A trim keeps a part of a clip. What is cut away becomes a rejected span, so that the whole video stays in the
plan. Where a clip was both split and trimmed, a trim that ends before the first split is one of the first
piece; any other is one of the clip as a whole, and splits outside of it are ignored.

A person may make clips that are shorter than `clips.min_seconds`, but none shorter than `LEAST`. A decision
that would, or that has nothing to do with the span, is ignored, and named.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from popdanceset.review.in_force import NOTHING, ClipReview
from popdanceset.schema import FPS, Reason
from popdanceset.video.judging import EPSILON
from popdanceset.video.planning import KEEPS_NUMBER, Known, Span, likeness

LEAST = 1.0
"""Seconds. In less there is neither a beat nor a motion to learn from."""

_HALF_FRAME = 0.5 / FPS
"""Seconds. Trims that leave less over keep it."""

Interval = tuple[float, float]
"""Start and end in the clip's part, seconds."""

Measured = Callable[[float, float], dict[str, float | None]]
"""Measures of a span, from its start and end in seconds (`popdanceset.video.measures.measure`)."""


@dataclass(frozen=True, slots=True)
class EarlierPiece:
    """A clip of an earlier plan that a reviewer had split from another one.

    Attributes:
        current: whether it was made when last planned.
    """

    number: int
    start: float
    end: float
    current: bool = True


@dataclass(frozen=True, slots=True)
class History:
    """The clips of a part in earlier plans.

    Attributes:
        planned: clips as they were planned, before anything was cut off them.
        pieces: what was split from them, by the number of the planned clip.
        highest: the highest number that was ever given.
    """

    planned: tuple[Known, ...] = ()
    pieces: Mapping[int, Sequence[EarlierPiece]] = field(default_factory=dict)
    highest: int = 0


@dataclass(frozen=True, slots=True)
class Piece:
    """A planned span, or what reviewers made of it.

    Attributes:
        span: with its own number and measures.
        planned: the planned span that it lies in.
        origin: its number, then those of the clips that it was split from; empty for a rejected span.
        ignored: decisions on it that cannot be obeyed, and why.
    """

    span: Span
    planned: Interval
    origin: tuple[int, ...] = ()
    ignored: tuple[str, ...] = ()

    @property
    def is_changed(self) -> bool:
        """Whether it differs from the planned span."""
        return (self.span.start, self.span.end) != self.planned


def recut(
    spans: Iterable[Span], reviews: Mapping[int, ClipReview], history: History, measured: Measured
) -> list[Piece]:
    """Applies splits and trims to a plan.

    Args:
        spans: the plan, in order.
        reviews: clip number → what reviewers decided on it.
        history: where the numbers of pieces come from.
        measured: measures the spans that are new.

    Returns:
        Spans in order, without gap or overlap, as they were before.
    """
    plan = list(spans)
    free = max((history.highest, *(span.number for span in plan), *reviews))
    pieces: list[Piece] = []
    for span in plan:
        planned = span.start, span.end
        if not span.accepted:
            pieces.append(Piece(span, planned))
            continue
        cutter = _Cutter(planned, reviews, history.pieces.get(span.number, ()), free)
        for piece in cutter.cut(span.number, *planned):
            if piece.is_changed:
                own = piece.span
                piece = replace(piece, span=replace(own, measures=measured(own.start, own.end)))
            else:
                piece = replace(piece, span=span)
            pieces.append(piece)
        free = cutter.free
    return pieces


def roots(planned: Mapping[int, Interval]) -> dict[int, int]:
    """Returns clip number → number of the planned clip that it belongs to.

    Clips with the same planned span belong together. The lowest number is that of the planned clip: pieces
    get theirs later.

    Args:
        planned: clip number → its planned span.
    """
    lowest: dict[Interval, int] = {}
    for number in sorted(planned):
        lowest.setdefault(planned[number], number)
    return {number: lowest[span] for number, span in planned.items()}


@dataclass(frozen=True, slots=True)
class _Division:
    """What a review makes of a span.

    Attributes:
        edges: of the pieces, ascending; what lies outside of them is cut away.
        first: what is kept of the first piece.
        ignored: decisions that cannot be obeyed, and why.
    """

    edges: tuple[float, ...]
    first: Interval
    ignored: tuple[str, ...]


class _Cutter:
    """Cuts one planned span into pieces.

    Attributes:
        free: the highest number that is taken.
    """

    def __init__(
        self,
        planned: Interval,
        reviews: Mapping[int, ClipReview],
        earlier: Sequence[EarlierPiece],
        free: int,
    ) -> None:
        self._planned, self._reviews, self.free = planned, reviews, free
        # Of several that fit, the one that is made now, then the oldest.
        self._left = sorted(earlier, key=lambda piece: (not piece.current, piece.number))

    def cut(self, number: int, start: float, end: float, above: tuple[int, ...] = ()) -> Iterator[Piece]:
        """Yields what becomes of a clip that reaches from `start` to `end`, split from the clips `above`."""
        division = _divided(self._reviews.get(number, NOTHING), start, end)
        edges, (first, until) = division.edges, division.first
        own = Span(first, until, Reason.NONE, number, {})
        origin = (number, *above)
        yield from self._trimmed(start, first)
        yield Piece(own, self._planned, origin, division.ignored)
        yield from self._trimmed(until, edges[1])
        others = list(itertools.pairwise(edges[1:]))
        for each, span in zip(self._numbers(others), others, strict=True):
            yield from self.cut(each, *span, origin)
        yield from self._trimmed(edges[-1], end)

    def _trimmed(self, start: float, end: float) -> Iterator[Piece]:
        if end > start:
            yield Piece(Span(start, end, Reason.TRIMMED, 0, {}), self._planned)

    def _numbers(self, spans: Sequence[Interval]) -> list[int]:
        """Numbers of sibling pieces: of earlier pieces that are alike or begin in them, or new ones."""
        found: dict[Interval, int] = {}
        for fits in (self._is_alike, _begins_in):
            for span in spans:
                same = next((each for each in self._left if span not in found and fits(each, span)), None)
                if same is not None:
                    found[span] = same.number
                    self._left.remove(same)
        for span in spans:
            if span not in found:
                self.free += 1
                found[span] = self.free
        return [found[span] for span in spans]

    def _is_alike(self, earlier: EarlierPiece, span: Interval) -> bool:
        """Whether the span, or what the earlier piece's own review makes of it, is the earlier piece."""
        own = _divided(self._reviews.get(earlier.number, NOTHING), *span).first
        was = earlier.start, earlier.end
        return max(likeness(was, span), likeness(was, own)) >= KEEPS_NUMBER - EPSILON


def _begins_in(earlier: EarlierPiece, span: Interval) -> bool:
    return earlier.current and span[0] - EPSILON <= earlier.start < span[1] - EPSILON


def _divided(review: ClipReview, start: float, end: float) -> _Division:
    trim, ignored = _trim(review.trim, start, end)
    edges, without = _edges(review.splits, start, end)
    if trim and not (len(edges) > 2 and trim[1] <= edges[1] + EPSILON):
        edges, without = _edges(review.splits, *trim)
        trim = None
    first = trim or (edges[0], edges[1])
    return _Division(edges, first, (*ignored, *without))


def _trim(trim: Interval | None, start: float, end: float) -> tuple[Interval | None, tuple[str, ...]]:
    """The part of a span that a trim keeps, None if all of it; and why the trim is ignored, if it is."""
    if trim is None:
        return None, ()
    said = f"trim {trim[0]:.3f}-{trim[1]:.3f}"
    kept = max(start, trim[0]), min(end, trim[1])
    if kept[1] <= kept[0]:
        return None, (f"{said} lies outside the clip",)
    if kept[1] - kept[0] < LEAST - EPSILON:
        return None, (f"{said} leaves less than {LEAST:g} s",)
    near = kept[0] - start < _HALF_FRAME, end - kept[1] < _HALF_FRAME
    kept = start if near[0] else kept[0], end if near[1] else kept[1]
    return (None if kept == (start, end) else kept), ()


def _edges(splits: Sequence[float], start: float, end: float) -> tuple[tuple[float, ...], tuple[str, ...]]:
    """The edges of the pieces of a span; and why splits are ignored."""
    edges, ignored = [start], list[str]()
    for split in splits:
        if not start < split < end:
            ignored.append(f"split {split:.3f} lies outside the clip")
        elif min(split - edges[-1], end - split) < LEAST - EPSILON:
            ignored.append(f"split {split:.3f} leaves less than {LEAST:g} s")
        else:
            edges.append(split)
    return (*edges, end), tuple(ignored)

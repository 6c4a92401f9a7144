"""Earlier plans of a part, as its rows and the manifest's list of clips know them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from popdanceset.review.in_force import ClipReview
from popdanceset.schema import Reason
from popdanceset.video import rules
from popdanceset.video.clip_list import Listed, planned_span
from popdanceset.video.planning import Known, Span
from popdanceset.video.recut import EarlierPiece, History, Interval, Measured, roots

Row = dict[str, Any]


def _number(row: Row) -> int:
    return int(row["clip_id"].rpartition("_")[2])


def _planned_span(row: Row) -> Interval:
    """Where a clip was planned, whatever reviewers made of it; seconds."""
    return planned_span(row) or (row["start"], row["end"])


def history_of(listed: Sequence[Listed], before: Sequence[Row], decided: Mapping[int, ClipReview]) -> History:
    """Returns the clips of earlier plans.

    Args:
        listed: clips of the manifest's list. It is older than the store if a run stopped between the two.
        before: the part's rows in the store, which are right then.
        decided: clip number → what reviewers decided on it.
    """
    now = {_number(row): row for row in before if row["accepted"]}
    planned = {line.clip.number: line.planned for line in listed}
    whole = roots(planned) | roots({number: _planned_span(row) for number, row in now.items()})
    planned |= {number: _planned_span(row) for number, row in now.items()}
    pieces: dict[int, list[EarlierPiece]] = {}
    for line in listed:
        number = line.clip.number
        if number not in now and whole[number] != number:
            is_current = not line.retired and not now
            piece = EarlierPiece(number, line.clip.start, line.clip.end, is_current)
            pieces.setdefault(whole[number], []).append(piece)
    for number, row in now.items():
        if whole[number] != number:
            pieces.setdefault(whole[number], []).append(EarlierPiece(number, row["start"], row["end"]))
    known = tuple(Known(each, *planned[each]) for each in sorted(planned) if whole[each] == each)
    return History(known, pieces, max((0, *planned, *decided)))


def plan_of(before: Sequence[Row], measured: Measured) -> list[Span]:
    """Returns the plan of which a part's rows were made, without what reviewers changed.

    Args:
        before: the rows.
        measured: measures spans that no row has.
    """
    spans: list[Span] = []
    clips = {_number(row): row for row in before if row["accepted"]}
    for number, root in roots({number: _planned_span(row) for number, row in clips.items()}).items():
        if number == root:
            own = _planned_span(clips[number])
            spans.append(Span(*own, Reason.NONE, number, _measures(clips[number], own, measured)))
    for row in before:
        if not row["accepted"] and row["reason"] != Reason.TRIMMED:
            own = row["start"], row["end"]
            spans.append(Span(*own, Reason(row["reason"]), 0, _measures(row, own, measured)))
    return sorted(spans, key=lambda span: (span.start, span.end))


def _measures(row: Row, span: Interval, measured: Measured) -> dict[str, float | None]:
    """A span's measures: those of its row, if it is all of the span."""
    if (row["start"], row["end"]) != span:
        return measured(*span)
    return {m.name: row[m.name] for m in rules.MEASURES}

"""The decisions in force on a version's clips, as text that people can review: `manifests/NAME/reviews.csv`.

`popdanceset review export` writes the file, and people may edit it. `acquire` obeys what changes a clip
(`ClipReview.changes`) and notes it in the clip's row; `publish` obeys judgements.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from pydantic import StringConstraints, field_validator

from popdanceset import layout
from popdanceset.clip_id import clip_order
from popdanceset.errors import InputError, ManifestError
from popdanceset.review.decisions import Decision, Kind, checked_value, span_of
from popdanceset.store import Store
from popdanceset.video.csv_lines import Line, read_lines

COLUMNS = ("clip_id", "kind", "value", "note", "reviewer", "decided_at")

Span = tuple[float, float]
"""Start and end in the clip's part, seconds."""


@dataclass(frozen=True, slots=True)
class ClipReview:
    """What reviewers decided on a clip. Times are seconds in its part.

    Attributes:
        judgement: accept or reject, if they agree on one.
        redo: when they asked last for new poses; empty if they did not.
        splits: where to divide the clip, ascending.
        trim: the part of the clip to keep.
        swaps: spans in which left and right are exchanged, ascending.
        genre, dancer: what they named; empty if nothing.
        music: a clip with the same music; empty if none was named.
    """

    judgement: Decision | None = None
    redo: str = ""
    splits: tuple[float, ...] = ()
    trim: Span | None = None
    swaps: tuple[Span, ...] = ()
    genre: str = ""
    dancer: str = ""
    music: str = ""

    @property
    def changes(self) -> str:
        """Everything that `acquire` obeys, as one text: the column `reviewed` of its row then."""
        found = [
            *(["redo " + self.redo] if self.redo else []),
            *(f"split {at:.3f}" for at in self.splits),
            *(["trim " + _text(self.trim)] if self.trim else []),
            *(f"swap {_text(span)}" for span in self.swaps),
            *(f"{kind} {name}" for kind in ("genre", "dancer", "music") if (name := getattr(self, kind))),
        ]
        return "; ".join(found)


NOTHING = ClipReview()
Reviews = Mapping[str, ClipReview]
"""Clip id → what was decided on it."""


class ReviewLine(Line):
    """A line of the file."""

    clip_id: Annotated[str, StringConstraints(min_length=1)]
    kind: Kind
    value: str
    note: str
    reviewer: str
    decided_at: str

    @field_validator("kind", mode="before")
    @classmethod
    def _known(cls, kind: str) -> Kind:
        return Kind(kind.strip().lower())


def read_decisions(folder: Path) -> list[Decision]:
    """Returns the decisions of a manifest's folder, in the order of the file; none if there is no file.

    Raises:
        ManifestError: the file is unreadable, lacks a column, has a wrong value, or contradicts itself.
    """
    found: list[Decision] = []
    taken: dict[tuple[str, str], str] = {}
    for where, line in read_lines(folder / layout.MANIFEST_REVIEWS, ReviewLine):
        try:
            value = checked_value(line.kind, line.value)
        except InputError as error:
            raise ManifestError(error.what, where, error.do or "correct or remove the line") from error
        if line.kind is Kind.REDO and not line.decided_at:
            raise ManifestError("a redo needs the time of the decision", where, "fill in decided_at")
        decision = Decision(line.clip_id, line.kind, value, line.note, line.reviewer, line.decided_at)
        key = decision.clip_id, decision.slot
        if key in taken:
            name = decision.slot.partition(" ")[0]
            raise ManifestError(
                f"{line.clip_id} has this {name} already in {taken[key]}", where, "remove one of the lines"
            )
        taken[key] = f"line {where.rpartition(' ')[2]}"
        found.append(decision)
    return found


def read_reviews(folder: Path) -> dict[str, ClipReview]:
    """Returns clip id → what is in force; empty if the manifest has no such file.

    Raises:
        ManifestError: as `read_decisions`.
    """
    return in_force(read_decisions(folder))


def in_force(decisions: Iterable[Decision]) -> dict[str, ClipReview]:
    """Gathers decisions by clip. Of those that exclude each other, the last one counts."""
    found: dict[str, ClipReview] = {}
    for decision in decisions:
        found[decision.clip_id] = _with(found.get(decision.clip_id, NOTHING), decision)
    return found


def write_decisions(folder: Path, decisions: Iterable[Decision]) -> None:
    """Writes the file, sorted; without decisions there is none. The same decisions give the same bytes.

    Raises:
        StoreError: the folder is not writable.
    """
    lines = sorted(decisions, key=lambda d: (clip_order(d.clip_id), list(Kind).index(d.kind), d.value))
    store = Store(folder)
    if not lines:
        store.remove(layout.MANIFEST_REVIEWS)
        return
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for line in lines:
        writer.writerow([getattr(line, column) for column in COLUMNS])
    store.write_bytes(layout.MANIFEST_REVIEWS, text.getvalue().encode())


def _with(review: ClipReview, decision: Decision) -> ClipReview:
    value = decision.value
    match decision.kind:
        case Kind.ACCEPT | Kind.REJECT:
            return replace(review, judgement=decision)
        case Kind.REDO:
            return replace(review, redo=decision.decided_at)
        case Kind.SPLIT:
            return replace(review, splits=tuple(sorted({*review.splits, float(value)})))
        case Kind.TRIM:
            return replace(review, trim=span_of(value))
        case Kind.SWAP:
            return replace(review, swaps=tuple(sorted({*review.swaps, span_of(value)})))
        case Kind.GENRE:
            return replace(review, genre=value)
        case Kind.DANCER:
            return replace(review, dancer=value)
        case Kind.MUSIC:
            return replace(review, music=value)


def _text(span: Span) -> str:
    return f"{span[0]:.3f}-{span[1]:.3f}"

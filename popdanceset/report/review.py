"""What reviewers decided about the clips of a report.

Names of reviewers are personal, and a report may be shown to others: it numbers them.
"""

from __future__ import annotations

import contextlib
import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from popdanceset import layout
from popdanceset.errors import StoreError
from popdanceset.release.reviewed import (
    ACCEPT,
    REVIEWED,
    WAITING,
    is_accepted,
    waiting_for_changes,
    why_rejected,
)
from popdanceset.review.decisions import Decision, Kind
from popdanceset.review.in_force import NOTHING, in_force, read_decisions
from popdanceset.review.in_store import database_path
from popdanceset.review.statistics import ReviewStatistics, read_statistics
from popdanceset.schema import Reason
from popdanceset.store import Store

_log = logging.getLogger(__name__)

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two reviewers by their numbers: clips that both judged, those on which they agree, kappa as text."""

    first: int
    second: int
    clips: int
    agreed: int
    kappa: str


@dataclass(frozen=True, slots=True)
class ReviewSummary:
    """What the report says about the review.

    Attributes:
        clips: number of clips.
        decided: those that reviewers decided something about.
        accepted: those whose poses they accepted.
        rejected: reason with its meaning → clips that they rejected for it.
        changes: kind of change, in words → clips.
        waiting: clips that do not have their changes yet.
        disagreed: clips that some reviewers accept and others reject, in the database, which also has
            decisions that are not exported yet; None if the store has none.
        open: of these, clips that as many accept as reject.
        pairs: agreement of each pair of reviewers.
    """

    clips: int
    decided: int
    accepted: int
    rejected: Mapping[str, int]
    changes: Mapping[str, int]
    waiting: int
    disagreed: int | None
    open: int
    pairs: tuple[Pair, ...]


def decisions_of(folder: Path | None) -> tuple[Decision, ...] | None:
    """Returns the decisions in force of a manifest; None if its folder does not exist.

    Raises:
        ManifestError: the file is wrong.
    """
    return tuple(read_decisions(folder)) if folder and folder.is_dir() else None


def outcomes(clips: Iterable[Row], decisions: Iterable[Decision] | None) -> dict[str, str]:
    """Returns clip id → what reviewers made of it: `accept`, `reviewed: …` with the reason, or that it waits.

    Args:
        clips: accepted rows of CLIPS.
        decisions: in force; None: unknown, and so is what became of the clips.
    """
    if decisions is None:
        return {}
    rows, reviews = list(clips), in_force(decisions)
    waiting = waiting_for_changes(rows, reviews)
    found = {}
    for clip_id in (row["clip_id"] for row in rows):
        review = reviews.get(clip_id, NOTHING)
        accepted = ACCEPT if is_accepted(review) else ""
        if outcome := why_rejected(review) or (WAITING if clip_id in waiting else accepted):
            found[clip_id] = outcome
    return found


def rejected_for(outcome: str) -> str:
    """Returns the reason of `reviewed: …`; empty for other outcomes."""
    return outcome.removeprefix(REVIEWED) if outcome.startswith(REVIEWED) else ""


def summarise(
    store: Store, clips: Iterable[Row], decisions: Iterable[Decision] | None, bvids: Iterable[str]
) -> ReviewSummary | None:
    """Returns what the report says about the review; None if there was none.

    Args:
        store: may have the database of decisions.
        clips: with the outcome in `review`.
        decisions: in force, if they are known.
        bvids: of the manifest.
    """
    rows = {row["clip_id"]: row["review"] for row in clips}
    mine = [decision for decision in decisions or () if decision.clip_id in rows]
    statistics = _statistics(store, set(bvids))
    if not mine and not (statistics and statistics.reviewers):
        return None
    rejected = Counter(reason for outcome in rows.values() if (reason := rejected_for(outcome)))
    changes = Counter(kind for kind, _ in {(each.kind, each.clip_id) for each in mine})
    numbers = {each.reviewer: n for n, each in enumerate(statistics.reviewers, 1)} if statistics else {}
    return ReviewSummary(
        clips=len(rows),
        decided=len({decision.clip_id for decision in mine}),
        accepted=sum(is_accepted(review) for review in in_force(mine).values()),
        rejected={f"{reason}: {Reason(reason).meaning}": number for reason, number in rejected.most_common()},
        changes={
            kind.value: changes[kind]
            for kind in Kind
            if changes[kind] and kind not in (Kind.ACCEPT, Kind.REJECT)
        },
        waiting=sum(outcome == WAITING for outcome in rows.values()),
        disagreed=statistics.progress.disagreed if statistics else None,
        open=statistics.progress.open if statistics else 0,
        pairs=tuple(
            Pair(
                numbers[each.first],
                numbers[each.second],
                each.clips,
                each.agreed,
                f"undefined: {each.why}" if each.kappa is None else f"{each.kappa:.2f}",
            )
            for each in (statistics.agreements if statistics else ())
            if each.clips
        ),
    )


def _statistics(store: Store, bvids: set[str]) -> ReviewStatistics | None:
    """Returns statistics of the database in the store; None without one. A damaged one costs a warning."""
    from popdanceset.review.database import ReviewDatabase

    if not store.is_local or not store.exists(layout.REVIEW_DATABASE):
        return None
    try:
        with contextlib.closing(ReviewDatabase(database_path(store), create=False)) as database:
            return read_statistics(database, store, bvids)
    except StoreError as error:
        _log.warning("report: %s", error)
        return None

"""What reviewers decided about the clips of a release.

A release says what was decided, not who decided it: names of reviewers and their notes are personal.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from popdanceset.release.info import ReviewInfo
from popdanceset.review.decisions import Decision, Kind
from popdanceset.review.in_force import NOTHING, ClipReview, Reviews, in_force

ACCEPT = "accept"
WAITING = "waiting for a reviewer's change"
REVIEWED = "reviewed: "
"""Beginning of why a clip is left out, if a reviewer rejected it; the reason follows."""

Row = Mapping[str, Any]


def is_accepted(review: ClipReview) -> bool:
    """Returns whether people accepted a clip's poses as they are.

    A judgement from before the newest redo does not count: the poses that it was about no longer exist.
    """
    judgement = review.judgement
    if judgement is None or judgement.kind is not Kind.ACCEPT:
        return False
    return not judgement.decided_at or judgement.decided_at >= review.redo


def why_rejected(review: ClipReview) -> str:
    """Returns why people rejected a clip, as `reviewed: unsteady_pose`; empty if they did not."""
    judgement = review.judgement
    return f"{REVIEWED}{judgement.value}" if judgement and judgement.kind is Kind.REJECT else ""


def waiting_for_changes(clips: Iterable[Row], reviews: Reviews) -> frozenset[str]:
    """Returns the clips whose rows do not have the changes that reviewers want, or no longer want.

    The pieces of a divided clip wait together.

    Args:
        clips: accepted rows of CLIPS.
        reviews: what is in force.
    """
    rows = list(clips)
    stale = [row for row in rows if (row["reviewed"] or "") != reviews.get(row["clip_id"], NOTHING).changes]
    plans = {_plan(row) for row in stale} - {None}
    pieces = (row["clip_id"] for row in rows if _plan(row) in plans)
    return frozenset([*(row["clip_id"] for row in stale), *pieces])


def _plan(row: Row) -> tuple[Any, ...] | None:
    """The planned span of which a clip is a part; None if nobody trimmed or divided it."""
    if row["planned_start"] is None:
        return None
    return row["bvid"], row["page"], row["planned_start"], row["planned_end"]


def review_info(decisions: Sequence[Decision], clips: Collection[str]) -> ReviewInfo | None:
    """Counts what was decided on some clips; None if nothing was.

    Args:
        decisions: in force.
        clips: ids of the clips that could have been published.
    """
    mine = [decision for decision in decisions if decision.clip_id in clips]
    if not mine:
        return None
    reviews = in_force(mine).values()
    return ReviewInfo(
        clips=len(reviews),
        accepted=sum(map(is_accepted, reviews)),
        rejected=sum(bool(why_rejected(review)) for review in reviews),
        changed=sum(bool(review.changes) for review in reviews),
        reviewers=len(_numbers(mine)),
    )


def anonymous(decisions: Sequence[Decision], published: Collection[str]) -> list[Decision]:
    """Returns decisions for publication: without notes, with `reviewer 1` in place of a name.

    Names of dancers are published with the clips that they dance, and of no other clip.
    """
    numbers = _numbers(decisions)

    def known_as(decision: Decision) -> str:
        return ", ".join(f"reviewer {numbers[name]}" for name in _names(decision))

    return [
        replace(decision, note="", reviewer=known_as(decision))
        for decision in decisions
        if decision.kind is not Kind.DANCER or decision.clip_id in published
    ]


def _names(decision: Decision) -> list[str]:
    return [name for name in decision.reviewer.split(", ") if name]


def _numbers(decisions: Iterable[Decision]) -> dict[str, int]:
    """Returns reviewer → number, from 1, in the order in which their names occur."""
    names = dict.fromkeys(name for decision in decisions for name in _names(decision))
    return {name: number for number, name in enumerate(names, 1)}

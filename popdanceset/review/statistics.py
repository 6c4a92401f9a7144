"""What the decisions of reviewers say about the review, and about the pose estimators.

Rates count clips on which the reviewers agree, or the majority of them. Agreement is that of each pair of
reviewers on the clips that both accepted or rejected.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any, NamedTuple

from popdanceset import layout
from popdanceset.intervals import wilson_interval
from popdanceset.review.agreement import cohens_kappa
from popdanceset.review.database import Look, ReviewDatabase, Stored, standing
from popdanceset.review.decisions import JUDGEMENTS, Decision, Kind
from popdanceset.review.in_store import clip_ids
from popdanceset.review.merging import merge
from popdanceset.schema import VERDICTS
from popdanceset.store import Store

NO_REASON, NO_POSES = "no reason", "no poses"
"""Stand for the reasons of a verdict that has none, and for the estimator of a clip without poses."""


class ClipFacts(NamedTuple):
    """What the pose stage says about a clip: the estimator, and the reasons of its verdict."""

    estimator: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the review is, in clips.

    Attributes:
        clips: that could be reviewed.
        seen: at which somebody looked.
        judged: that somebody accepted or rejected.
        accepted, rejected: by most of those who judged them.
        disagreed: that some reviewers accept and others reject.
        open: of these, clips that as many accept as reject.
        changed: with a decision that changes them.
        reasons: reason → clips rejected for it.
        changes: kind of change → clips.
    """

    clips: int
    seen: int
    judged: int
    accepted: int
    rejected: int
    disagreed: int
    open: int
    changed: int
    reasons: Mapping[str, int]
    changes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ReviewerStatistics:
    """What a reviewer did.

    Attributes:
        reviewer: the name.
        clips: at which the reviewer looked.
        accepted, rejected: clips.
        changes: decisions that change clips.
        seconds: spent on clips, all together.
        median_seconds: spent on a clip; None if the time was not measured.
    """

    reviewer: str
    clips: int
    accepted: int
    rejected: int
    changes: int
    seconds: float
    median_seconds: float | None


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two reviewers agree.

    Attributes:
        first, second: their names.
        clips: that both judged.
        agreed: of these, those on which they agree.
        kappa: Cohen's kappa; None if it is undefined.
        why: why kappa is undefined.
    """

    first: str
    second: str
    clips: int
    agreed: int
    kappa: float | None
    why: str


@dataclass(frozen=True, slots=True)
class AcceptRate:
    """How many clips of a kind reviewers accept.

    Attributes:
        name: of the estimator or reason.
        accepted: number of accepted clips.
        clips: number of clips that are accepted or rejected.
        share: accepted / clips.
        low, high: Wilson's 95 % interval of the share.
    """

    name: str
    accepted: int
    clips: int
    share: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ReviewStatistics:
    """Statistics of a review.

    Attributes:
        progress: in clips.
        reviewers: in alphabetical order.
        agreements: of each pair of reviewers.
        by_estimator, by_reason: rates, those with the most clips first. A clip counts for each reason of its
            verdict.
        median_seconds: that a reviewer spends on a clip; None if no time was measured.
    """

    progress: Progress
    reviewers: tuple[ReviewerStatistics, ...]
    agreements: tuple[Agreement, ...]
    by_estimator: tuple[AcceptRate, ...]
    by_reason: tuple[AcceptRate, ...]
    median_seconds: float | None

    def document(self) -> dict[str, Any]:
        """Returns the statistics as plain data."""
        return asdict(self)


def read_statistics(
    database: ReviewDatabase, store: Store, bvids: Collection[str] | None = None
) -> ReviewStatistics:
    """Computes the statistics of a store's clips.

    Args:
        database: with the decisions.
        store: with the clips and their verdicts.
        bvids: only these videos; None: all.

    Raises:
        StoreError: the database or the store is not readable.
    """
    return review_statistics(database.decisions(), database.looks(), clip_facts(store, bvids))


def clip_facts(store: Store, bvids: Collection[str] | None = None) -> dict[str, ClipFacts]:
    """Returns clip id → facts of the clips that screening accepted; without poses they are empty.

    Args:
        store: with the clips and their verdicts.
        bvids: only these videos; None: all.

    Raises:
        StoreError: the store is not readable.
    """
    columns = ["clip_id", "estimator", "reasons", "reason"]
    verdicts = {
        row["clip_id"]: ClipFacts(row["estimator"], tuple(row["reasons"] or filter(None, [row["reason"]])))
        for row in store.read_table(layout.VERDICTS, VERDICTS, columns).to_pylist()
    }
    return {clip_id: verdicts.get(clip_id, ClipFacts("", ())) for clip_id in clip_ids(store, bvids)}


def review_statistics(
    stored: Iterable[Stored], looks: Iterable[Look], clips: Mapping[str, ClipFacts]
) -> ReviewStatistics:
    """Computes the statistics.

    Args:
        stored: decisions, as the database has them.
        looks: how long reviewers looked at clips.
        clips: clip id → facts, of all clips that count; decisions on others are left out.
    """
    counting = [each.decision for each in standing(stored) if each.decision.clip_id in clips]
    seen = [look for look in looks if look.clip_id in clips]
    judgements = _judgements(counting)
    outcomes = {each.clip_id: each for each in merge(counting).decisions if each.kind in JUDGEMENTS}
    names = sorted({each.reviewer for each in counting} | {look.reviewer for look in seen})
    return ReviewStatistics(
        _progress(clips, counting, seen, judgements, outcomes),
        tuple(_of_reviewer(name, counting, seen) for name in names),
        tuple(_agreement(*pair, judgements) for pair in combinations(names, 2)),
        _rates(outcomes.values(), lambda clip_id: [clips[clip_id].estimator or NO_POSES]),
        _rates(outcomes.values(), lambda clip_id: clips[clip_id].reasons or [NO_REASON]),
        _median(seen),
    )


Judgements = Mapping[str, Mapping[str, Kind]]
"""Reviewer → clip id → accept or reject."""


def _judgements(counting: Iterable[Decision]) -> dict[str, dict[str, Kind]]:
    found: dict[str, dict[str, Kind]] = {}
    for each in counting:
        if each.kind in JUDGEMENTS:
            found.setdefault(each.reviewer, {})[each.clip_id] = each.kind
    return found


def _progress(
    clips: Collection[str],
    counting: Collection[Decision],
    seen: Iterable[Look],
    judgements: Judgements,
    outcomes: Mapping[str, Decision],
) -> Progress:
    votes: dict[str, set[Kind]] = {}
    for own in judgements.values():
        for clip_id, kind in own.items():
            votes.setdefault(clip_id, set()).add(kind)
    changes = {(each.kind, each.clip_id) for each in counting if each.kind not in JUDGEMENTS}
    kinds = Counter(outcome.kind for outcome in outcomes.values())
    reasons = Counter(outcome.value for outcome in outcomes.values() if outcome.kind is Kind.REJECT)
    changed = Counter(kind for kind, _ in changes)
    return Progress(
        clips=len(clips),
        seen=len({each.clip_id for each in counting} | {look.clip_id for look in seen}),
        judged=len(votes),
        accepted=kinds[Kind.ACCEPT],
        rejected=kinds[Kind.REJECT],
        disagreed=sum(len(kinds) > 1 for kinds in votes.values()),
        open=len(votes.keys() - outcomes.keys()),
        changed=len({clip_id for _, clip_id in changes}),
        reasons=dict(reasons.most_common()),
        changes={str(kind): changed[kind] for kind in Kind if changed[kind]},
    )


def _of_reviewer(name: str, counting: Iterable[Decision], seen: Iterable[Look]) -> ReviewerStatistics:
    mine = [each for each in counting if each.reviewer == name]
    looks = [look for look in seen if look.reviewer == name]
    kinds = Counter(each.kind for each in mine)
    return ReviewerStatistics(
        reviewer=name,
        clips=len({each.clip_id for each in mine} | {look.clip_id for look in looks}),
        accepted=kinds[Kind.ACCEPT],
        rejected=kinds[Kind.REJECT],
        changes=len(mine) - kinds[Kind.ACCEPT] - kinds[Kind.REJECT],
        seconds=sum(look.seconds for look in looks),
        median_seconds=_median(looks),
    )


def _median(looks: Collection[Look]) -> float | None:
    return statistics.median(look.seconds for look in looks) if looks else None


def _agreement(first: str, second: str, judgements: Judgements) -> Agreement:
    one, other = judgements.get(first, {}), judgements.get(second, {})
    both = sorted(one.keys() & other.keys())
    kappa = cohens_kappa([one[clip_id] for clip_id in both], [other[clip_id] for clip_id in both])
    why = ""
    if kappa is None:
        why = f"both always {one[both[0]]}" if both else "no clip in common"
    agreed = sum(one[clip_id] == other[clip_id] for clip_id in both)
    return Agreement(first, second, len(both), agreed, kappa, why)


def _rates(outcomes: Iterable[Decision], names_of: Callable[[str], Iterable[str]]) -> tuple[AcceptRate, ...]:
    clips: Counter[str] = Counter()
    accepted: Counter[str] = Counter()
    for outcome in outcomes:
        for name in names_of(outcome.clip_id):
            clips[name] += 1
            accepted[name] += outcome.kind is Kind.ACCEPT
    rates = _with_intervals(clips, accepted)
    return tuple(sorted(rates, key=lambda rate: (-rate.clips, rate.name)))


def _with_intervals(clips: Mapping[str, int], accepted: Mapping[str, int]) -> Iterator[AcceptRate]:
    for name, number in clips.items():
        low, high = wilson_interval(accepted[name], number)
        yield AcceptRate(name, accepted[name], number, accepted[name] / number, low, high)

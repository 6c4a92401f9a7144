"""Brings the decisions of several reviewers together: those in force, and where they disagree.

Accept and reject are votes: the majority counts, and a tie is open. Of what has one value (trim, genre,
dancer, music, redo), the newest decision counts. Splits and swaps of all reviewers add up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from popdanceset.clip_id import clip_order
from popdanceset.review.decisions import JUDGEMENTS, MAX_NOTE, Decision

JOINT = ", "
"""Between the names of reviewers who decided the same."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Different decisions of several reviewers about the same.

    Attributes:
        clip_id: the clip.
        decisions: one of each reviewer, oldest first.
        outcome: the one that counts all the same; None if the question is open.
    """

    clip_id: str
    decisions: tuple[Decision, ...]
    outcome: Decision | None

    def __str__(self) -> str:
        views = "; ".join(f"{each.reviewer}: {in_words(each)}" for each in self.decisions)
        return f"{self.clip_id}  {views} ({f'{in_words(self.outcome)} counts' if self.outcome else 'open'})"


@dataclass(frozen=True, slots=True)
class Merged:
    """Decisions of all reviewers, brought together.

    Attributes:
        decisions: in force, by clip.
        disagreements: by clip, also those that a majority or the newest decision settles.
    """

    decisions: tuple[Decision, ...]
    disagreements: tuple[Disagreement, ...]


def merge(standing: Iterable[Decision]) -> Merged:
    """Brings decisions together.

    Args:
        standing: those that count of each reviewer, oldest first (`popdanceset.review.database.standing`).
    """
    groups: dict[tuple[str, str], list[Decision]] = {}
    for each in standing:
        groups.setdefault((each.clip_id, each.slot), []).append(each)
    decisions, disagreements = [], []
    for clip_id, slot in sorted(groups, key=lambda key: (clip_order(key[0]), key[1])):
        group = groups[clip_id, slot]
        outcome = _majority(group) if group[0].kind in JUDGEMENTS else _newest(group)
        if outcome:
            decisions.append(_joint([each for each in group if _agree(each, outcome)], outcome))
        if not all(_agree(each, group[0]) for each in group):
            disagreements.append(Disagreement(clip_id, tuple(group), outcome))
    return Merged(tuple(decisions), tuple(disagreements))


def in_words(decision: Decision) -> str:
    """Returns what was decided, as `reject unsteady_pose`."""
    return f"{decision.kind} {decision.value}".strip()


def _agree(one: Decision, other: Decision) -> bool:
    """Whether two decisions of one slot say the same. Reasons of rejections may differ."""
    return one.kind is other.kind and (one.kind in JUDGEMENTS or one.value == other.value)


def _majority(group: Sequence[Decision]) -> Decision | None:
    """Returns the judgement of most reviewers; None for a tie. Its reason is that of most, or the newest."""
    (first, most), *others = Counter(each.kind for each in group).most_common()
    if any(number == most for _, number in others):
        return None
    winners = [each for each in group if each.kind is first]
    reasons = Counter(each.value for each in winners)
    return _newest([each for each in winners if reasons[each.value] == max(reasons.values())])


def _newest(group: Sequence[Decision]) -> Decision:
    return max(reversed(group), key=lambda each: each.decided_at)


def _joint(group: Sequence[Decision], outcome: Decision) -> Decision:
    """Returns a decision of several reviewers as one: their names and notes, at the newest time."""
    notes = dict.fromkeys(each.note for each in group if each.note)
    note = "; ".join(notes)
    return replace(
        outcome,
        note=note if len(note) <= MAX_NOTE else f"{note[: MAX_NOTE - 1]}…",
        reviewer=JOINT.join(sorted({each.reviewer for each in group})),
        decided_at=_newest(group).decided_at,
    )

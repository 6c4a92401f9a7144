"""What reviewers said of each clip, kept in step with the database."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import Any

from popdanceset.review.database import ReviewDatabase, Stored, standing
from popdanceset.review.decisions import JUDGEMENTS
from popdanceset.review.merging import merge

State = dict[str, Any]

NOTHING: Mapping[str, Any] = {"judgement": "", "reason": "", "by": [], "changes": 0}
"""The state of a clip of which nobody said anything."""

DISAGREE = "disagree"


def state_of(stored: Iterable[Stored]) -> State:
    """Returns the state of one clip: what the majority of the reviewers says.

    Args:
        stored: all decisions on it.
    """
    counted = [each.decision for each in standing(stored)]
    judgements = [decision for decision in counted if decision.kind in JUDGEMENTS]
    outcome = next(iter(merge(judgements).decisions), None)
    return {
        "judgement": (DISAGREE if judgements else "") if outcome is None else str(outcome.kind),
        "reason": "" if outcome is None else outcome.value,
        "by": sorted({decision.reviewer for decision in judgements}),
        "changes": len(counted) - len(judgements),
    }


class States:
    """The states of all clips. Threads may share it.

    Args:
        database: from which they follow.
    """

    def __init__(self, database: ReviewDatabase) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._latest, self._erased = 0, 0
        self._stored: dict[str, dict[int, Stored]] = {}
        self._states: dict[str, State] = {}

    def now(self) -> tuple[int, dict[str, State]]:
        """Returns the number of the newest change, and the states of all clips with decisions.

        Raises:
            StoreError: the database is not readable.
        """
        with self._lock:
            erased = self._database.erased()
            if erased != self._erased:  # rows are gone, of which no change speaks
                self._latest, self._erased = 0, erased
                self._stored.clear()
                self._states.clear()
            # Read before the decisions: one that is added in between comes twice, which does no harm.
            latest = self._database.latest()
            touched = set()
            if latest != self._latest:
                for each in self._database.decisions(since=self._latest, everything=True):
                    self._stored.setdefault(each.decision.clip_id, {})[each.id] = each
                    touched.add(each.decision.clip_id)
                self._latest = latest
            for clip_id in touched:
                self._states[clip_id] = state_of(self._stored[clip_id].values())
            return latest, dict(self._states)

    def of(self, clip_ids: Iterable[str]) -> tuple[int, dict[str, State]]:
        """Returns the number of the newest change, and the states of these clips."""
        latest, states = self.now()
        return latest, {clip_id: states.get(clip_id, {**NOTHING}) for clip_id in clip_ids}

    def decisions(self, clip_id: str) -> list[Stored]:
        """Returns all decisions on a clip, oldest first, those taken back too."""
        self.now()
        with self._lock:
            return sorted(self._stored.get(clip_id, {}).values(), key=lambda each: each.id)

"""Quality tiers of clips: A, B or C, by the numbers of the pose stage.

| number | unit | A | B | what has been measured |
|---|---|---|---|---|
| `jitter` | m/s² | ≤ 20 | ≤ 30 | AIST++ 7, captured dances 10 and 16; estimated 9 to 28 |
| `skate` | m/s | ≤ 1.0 | ≤ 1.5 | AIST++ 0.26, captured dances 0.40 and 0.78; estimated 0.87 to 1.40 |
| `penetration` | m | ≤ 0.02 | ≤ 0.05 | AIST++ 0.006; estimated 0.006 to 0.047 |
| `floating` | m | ≤ 0.025 | ≤ 0.05 | AIST++ 0.004; estimated 0.004 to 0.022 |
| `mean_score` | 1 | ≥ 0.8 | ≥ 0.5 | estimated 0.95 to 0.98 |
| `verdict` | | accept | accept | |

AIST++ is a sequence of basic breaking, from several cameras; the captured dances are `humanoid3d_dance_a` and
`_b` of DeepMimic (Peng et al., SIGGRAPH 2018); estimated are the demo's clips, by BlazePose from one camera.
So A is what captured motion satisfies. B is what the pose stage accepts without a doubt. C is the rest: a
number is beyond B, or a person should look at the poses and nobody has (`verdict` is `review`). Where a
reviewer accepted the poses (`reviewer_verdict`), the verdict counts as accept; the numbers count as ever.

A number that is not known proves nothing: such a clip is not better than B. That concerns poses of older
extractors, imported clips that came without confidences, and clips in which no foot ever touches the floor.
The share of feet that skate is recorded, but decides nothing: steps and jumps make it 0.12 in AIST++ and 0.21
and 0.74 in the captured dances.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pyarrow as pa

from popdanceset.errors import InputError


class Tier(StrEnum):
    """A quality tier, the best one first."""

    A = "A"
    B = "B"
    C = "C"

    def reaches(self, least: str) -> bool:
        """Returns whether it is this tier or a better one."""
        return self.value <= Tier(least).value


@dataclass(frozen=True, slots=True)
class Bound:
    """What a number of a clip must satisfy.

    Attributes:
        column: of the clip table.
        a, b: bounds of the tiers A and B; the bound itself is allowed.
        at_least: whether the number must be at least the bound, and not at most.
    """

    column: str
    a: float
    b: float
    at_least: bool = False

    def tier(self, number: float | None) -> Tier:
        """Returns the best tier that this number allows; B if it is unknown."""
        if number is None or math.isnan(number):
            return Tier.B
        for tier, bound in ((Tier.A, self.a), (Tier.B, self.b)):
            if number >= bound if self.at_least else number <= bound:
                return tier
        return Tier.C


BOUNDS = (
    Bound("jitter", 20.0, 30.0),
    Bound("skate", 1.0, 1.5),
    Bound("penetration", 0.02, 0.05),
    Bound("floating", 0.025, 0.05),
    Bound("mean_score", 0.8, 0.5, at_least=True),
)
_OF_VERDICT = {"accept": Tier.A, None: Tier.B, "": Tier.B}


def tier_of(clip: Mapping[str, Any]) -> Tier:
    """Returns the tier of a clip: the worst that any of its numbers allows.

    Args:
        clip: a row of the clip table; a column that is missing, None or NaN is unknown.
    """
    tiers = [bound.tier(clip.get(bound.column)) for bound in BOUNDS]
    verdict = clip.get("reviewer_verdict") or clip.get("verdict")
    return max(*tiers, _OF_VERDICT.get(verdict, Tier.C))


def quality(verdict: Mapping[str, Any], reviewer_verdict: str = "") -> dict[str, Any]:
    """Returns the quality columns of a clip's row, its tier among them.

    Args:
        verdict: the clip's row of VERDICTS.
        reviewer_verdict: `accept` if people accepted the poses; empty if nobody did.
    """
    stands = verdict["contact"] != 0  # otherwise the numbers of its feet are zeros that mean nothing
    numbers: dict[str, Any] = {
        "mean_score": verdict["mean_score"],
        "jitter": verdict["jitter_after"],
        "skate": verdict["skate_after"] if stands else None,
        "skating": verdict["skating_after"] if stands else None,
        "penetration": verdict["penetration"] if stands else None,
        "floating": verdict["floating"] if stands else None,
        "verdict": verdict["verdict"],
        "score": verdict["score"],
        "reasons": verdict["reasons"],
        # A column without a value is left out: rows are hashed, and nothing has changed without a review.
        **({"reviewer_verdict": reviewer_verdict} if reviewer_verdict else {}),
    }
    return {**numbers, "tier": tier_of(numbers).value}


def clips_reaching(clips: pa.Table, least: str, where: object = "") -> frozenset[str]:
    """Returns the ids of the clips of a tier or a better one.

    Args:
        clips: the clip table of a release.
        least: the lowest tier.
        where: the release, for messages.

    Raises:
        InputError: the clips have no tiers, because an older program made the release, or none reaches it.
    """
    tiers = dict(zip(clips["clip_id"].to_pylist(), clips["tier"].to_pylist(), strict=True))
    known = {clip_id: Tier(tier) for clip_id, tier in tiers.items() if tier in set(Tier)}
    if len(known) < len(tiers):
        raise InputError(
            "states no quality tiers: an older popdanceset made it",
            where,
            "publish it again, or leave out --tier",
        )
    found = frozenset(clip_id for clip_id, tier in known.items() if tier.reaches(least))
    if not found:
        raise InputError(f"has no clip of tier {least} or better", where, "take a lower tier")
    return found

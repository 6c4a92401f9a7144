"""Quality tiers: bounds, what is unknown, and clips that no foot grounds."""

from __future__ import annotations

import math
from typing import Any

import pytest

from popdanceset.release.tiers import BOUNDS, Tier, quality, tier_of

GOOD: dict[str, Any] = {
    "jitter": 7.0, "skate": 0.26, "penetration": 0.006, "floating": 0.004, "mean_score": 0.97,
    "verdict": "accept",
}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "tier"),
    [
        ({}, Tier.A),
        ({"jitter": 20.0}, Tier.A),
        ({"jitter": 20.001}, Tier.B),
        ({"jitter": 30.001}, Tier.C),
        ({"skate": 1.2}, Tier.B),
        ({"skate": 1.6}, Tier.C),
        ({"penetration": 0.03}, Tier.B),
        ({"floating": 0.03}, Tier.B),
        ({"floating": 0.06}, Tier.C),
        ({"mean_score": 0.79}, Tier.B),
        ({"mean_score": 0.49}, Tier.C),
        ({"verdict": "review"}, Tier.C),
        ({"verdict": None}, Tier.B),
        ({"skate": None}, Tier.B),
        ({"jitter": math.nan}, Tier.B),
        ({"skate": None, "jitter": 31.0}, Tier.C),
        ({"mean_score": 0.7, "floating": 0.03}, Tier.B),
    ],
)
def test_the_worst_number_decides(changed: dict[str, Any], tier: Tier) -> None:
    assert tier_of(GOOD | changed) is tier


def test_nothing_known_is_b() -> None:
    assert tier_of({}) is Tier.B


def test_order() -> None:
    assert [tier.reaches("B") for tier in Tier] == [True, True, False]
    assert all(Tier.C.reaches("C") and tier.reaches(tier) for tier in Tier)
    for bound in BOUNDS:
        assert (bound.a > bound.b) is bound.at_least


def test_feet_that_never_touch_the_floor_are_unknown() -> None:
    verdict = {
        "mean_score": 0.9, "jitter_after": 5.0, "skate_after": 0.0, "skating_after": 0.0, "penetration": 0.0,
        "floating": 0.0, "contact": 0.0, "verdict": "accept", "score": 0.9, "reasons": [],
    }  # fmt: skip
    assert quality(verdict)["tier"] == "B"
    assert quality(verdict)["skate"] is None
    assert quality(verdict | {"contact": 0.5})["tier"] == "A"
    assert quality(verdict | {"contact": 0.5})["penetration"] == 0.0

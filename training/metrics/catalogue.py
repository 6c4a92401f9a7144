"""The numbers of the suite: title, unit, and which direction is better."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Better = Literal["more", "less", "real"]


@dataclass(frozen=True)
class Description:
    """Describes one number.

    Attributes:
        title: title of its column.
        unit: unit as printed; "" for shares and numbers without a unit.
        better: `more`, `less`, or `real` if nearer to the real set's number is better.
    """

    title: str
    unit: str
    better: Better


PER_CLIP = {
    "PFC": Description("PFC", "10⁻⁴ m²", "less"),
    # Only by "nearer to the real dances" is POPDG the best model of all three parts of its paper's Table 2.
    "PBC": Description("PBC", "10⁻⁴ m", "real"),
    "PBC_unweighted": Description("PBC without weights", "10⁻⁴ m", "real"),
    "BAS": Description("BAS", "", "more"),
    "BAS_music": Description("BAS over music beats", "", "more"),
    "beat_hit_rate": Description("Beat hit rate", "", "more"),
    "beat_hit_rate_music": Description("Beat hit rate over music beats", "", "more"),
    "beat_coverage": Description("Beat coverage", "", "real"),
    "foot_skate_ratio": Description("Foot-skate ratio", "", "less"),
    "foot_skate_ratio_lodge": Description("Foot-skate ratio (Lodge)", "", "less"),
    "foot_sliding": Description("Foot sliding", "mm per 1/30 s", "less"),
    "jitter": Description("Jitter", "m/s³", "real"),
    "jitter_wham": Description("Jitter (WHAM)", "10 m/s³", "real"),
    "penetration": Description("Penetration", "mm", "less"),
    "floating": Description("Floating", "mm", "real"),
    "self_penetration": Description("Self-penetration", "mm", "less"),
    "self_penetration_ratio": Description("Self-penetration ratio", "", "less"),
}
"""Means over clips."""

RELEASED_ONLY = {
    "BAS_clip_mean": Description("BAS, mean over clips", "", "more"),
    "BAS_equal_length": Description("BAS, music not cut before the motion", "", "more"),
    "BAS_equal_length_clip_mean": Description("BAS, neither cut nor divided by 24", "", "more"),
}
"""Numbers of `released` mode only. There, `BAS` itself is the printed one: music cut at 150 frames, sum
divided by 24."""

OF_SETS = {
    "FID_k": Description("FID_k", "", "less"),
    "FID_g": Description("FID_g", "", "less"),
    "FID_k_infinity": Description("FID_k ∞", "", "less"),
    "FID_g_infinity": Description("FID_g ∞", "", "less"),
    "Div_k": Description("Div_k", "", "real"),
    "Div_g": Description("Div_g", "", "real"),
    "multimodality_k": Description("Multimodality_k", "", "real"),
    "multimodality_g": Description("Multimodality_g", "", "real"),
    "music_diversity_k": Description("Diversity between music_k", "", "real"),
    "music_diversity_g": Description("Diversity between music_g", "", "real"),
}
"""Numbers that only a set of dances has; k stands for kinetic, g for geometric features."""

AGAINST_TRAINING = {
    "training_distance": Description("Distance to training", "cm", "real"),
    "copies": Description("Copies of training clips", "", "less"),
}
"""Numbers of sets that need the training clips (`nearest`); the suite itself does not compute them."""

METRICS = {**PER_CLIP, **RELEASED_ONLY, **OF_SETS}

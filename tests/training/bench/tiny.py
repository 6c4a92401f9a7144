"""Tiny networks of a plan."""

from __future__ import annotations

POPDG = {
    "model": "popdg",
    "sizes": {"width": 16, "feedforward": 16, "heads": 2, "layers": 1, "music_layers": 1},
    "sampling": {"sampler": "dpm-solver", "steps": 2},
}
EDGE = {**POPDG, "model": "edge"}
FACT = {
    "model": "fact",
    "sizes": {
        "width": 16, "heads": 2, "feedforward": 16, "motion_layers": 1, "audio_layers": 1, "cross_layers": 1,
        "motion_frames": 10, "audio_frames": 20, "future": 2,
    },
}  # fmt: skip

MUTE = {"model": "bailando", "training": {"window": 24}, "sizes": {
    "vqvae_width": 16, "residual_width": 16, "embedding": 8, "codes": 8, "depth": 1, "width": 16, "heads": 2,
    "base_layers": 1, "head_layers": 1, "critic_layers": 1, "block": 5, "seeds": 3,
}}  # fmt: skip
"""Bailando after its first stage, which cannot dance."""

BAILANDO = {**MUTE, "stages": [{"preset": "ours"}, *({"preset": f"ours-{stage}"} for stage in (2, 3, 4))]}

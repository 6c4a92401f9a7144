"""What a user of `sample` can choose; light to import, for the command line."""

from __future__ import annotations

from typing import Literal

SamplerName = Literal["ddim", "dpm-solver", "ancestral", "consistency"]

STEPS: dict[SamplerName, int] = {"ddim": 50, "dpm-solver": 15, "ancestral": 250}
"""Default number of steps of each sampler; more do not improve it. 50 of DDIM are from the paper.

A distilled network has its own number of steps, which `consistency` makes."""

FORMATS = ("npz", "pkl", "bvh", "glb", "mp4")
"""Endings of the files that `training.export` writes."""

PARTS = "start:SECONDS, ends:SECONDS, lower-body or upper-body"
"""The parts of a given dance that can be kept."""

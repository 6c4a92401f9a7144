"""What a user of `sample` can choose; light to import, for the command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from popdanceset.errors import InputError

SamplerName = Literal["ddim", "dpm-solver", "ancestral", "consistency"]

STEPS: dict[SamplerName, int] = {"ddim": 50, "dpm-solver": 15, "ancestral": 250}
"""Default number of steps of each sampler; more do not improve it. 50 of DDIM are from the paper.

A distilled network has its own number of steps, which `consistency` makes."""

FORMATS = ("npz", "pkl", "bvh", "glb", "mp4")
"""Endings of the files that `training.export` writes."""

PARTS = "start:SECONDS, ends:SECONDS, lower-body or upper-body"
"""The parts of a given dance that can be kept."""

PhysicsName = Literal["feet", "floor", "body"]


@dataclass(frozen=True, slots=True)
class Physics:
    """What sampling keeps to (`training.popdg.physical_guidance`).

    Attributes:
        parts: `feet` that stand do not slide, no foot is below the `floor` or stands above it, no limb is in
            the `body` or in another limb.
        strength: share of a full correction in each step, above 0.
    """

    parts: tuple[PhysicsName, ...]
    strength: float = 1.0


def read_physics(text: str, strength: float = 1.0) -> Physics:
    """Reads names that are separated by commas, as of `--guide`.

    Raises:
        InputError: a name is unknown, or there is none.
    """
    known = get_args(PhysicsName)
    chosen = [name.strip() for name in text.split(",") if name.strip()]
    for name in chosen or [text]:
        if name not in known:
            raise InputError(f"{name!r} is not physics", "--guide", f"choose from {', '.join(known)}")
    return Physics(tuple(name for name in known if name in chosen), strength)

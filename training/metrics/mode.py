"""The two modes: metrics as their papers define them, and metrics as the released code computes them."""

from __future__ import annotations

from typing import Literal

Mode = Literal["corrected", "released"]
"""`corrected`: z up, the motion's own time step, every quantity as its paper defines it. `released`: the
numbers of the public POPDG evaluation scripts with their quirks; each is named where it is reproduced."""

UP = 2
"""Axis that points up in a release: z."""

RELEASED_UP = 1
"""Axis that the released feature scripts treat as up: y."""

PUBLISHED_FPS = 30.0
"""Frames a second of the published motions. Constants given in frames refer to this rate."""

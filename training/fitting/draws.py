"""All random numbers of a training step; they depend on the seed and the number of the step only.

Every process draws for the whole batch and takes its share, so the result of a training does not depend on
the number of processes or on interruptions.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch

from training.data.representation import WIDTH
from training.data.seeds import mixed
from training.popdg.config import Objective
from training.popdg.losses import Draw, draw
from training.popdg.schedule import Schedule


class Draws(NamedTuple):
    """Random numbers of one process in one step.

    Attributes:
        chance: for the loss.
        mirrored: (share,) bool; None if dances are not mirrored.
        angles: (share,) radians; None if dances are not rotated.
    """

    chance: Draw
    mirrored: torch.Tensor | None
    angles: torch.Tensor | None

    def to(self, device: torch.device) -> Draws:
        """Moves all tensors to a device."""
        return Draws(
            Draw(*(values.to(device) for values in self.chance)),
            None if self.mirrored is None else self.mirrored.to(device),
            None if self.angles is None else self.angles.to(device),
        )


def draws(
    objective: Objective,
    schedule: Schedule,
    seed: int,
    step: int,
    size: int,
    window: int,
    *,
    mirrored: bool = False,
    rotated: bool = False,
    rank: int = 0,
    world: int = 1,
) -> Draws:
    """Draws the random numbers of a step.

    Args:
        objective, schedule, seed: of the training.
        step: its number.
        size: of the whole batch.
        window: frames.
        mirrored, rotated: which augmentations to draw for.
        rank, world: number of this process, and number of processes.
    """
    generator = torch.Generator().manual_seed(mixed(seed, step))
    whole = draw(objective, schedule, torch.empty(size, window, WIDTH), generator)
    flips, angles = torch.rand(2, size, generator=generator)
    share = slice(rank * (size // world), (rank + 1) * (size // world))
    return Draws(
        Draw(*(values[share] for values in whole)),
        (flips < 0.5)[share] if mirrored else None,
        (2 * math.pi * angles)[share] if rotated else None,
    )

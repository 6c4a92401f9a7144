"""All random numbers of a training step; they depend on the seed and the number of the step only.

Every process draws for the whole batch and takes its share, so the result of a training does not depend on
the number of processes or on interruptions.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from training.data.seeds import mixed


class Draws(NamedTuple):
    """Random numbers of one process in one step.

    Attributes:
        chance: for the loss: a named tuple of tensors (share, …).
        mirrored: (share,) bool; None if dances are not mirrored.
        angles: (share,) radians; None if dances are not rotated.
    """

    chance: Any
    mirrored: torch.Tensor | None
    angles: torch.Tensor | None

    def to(self, device: torch.device) -> Draws:
        """Moves all tensors to a device."""
        return Draws(
            type(self.chance)(*(values.to(device) for values in self.chance)),
            None if self.mirrored is None else self.mirrored.to(device),
            None if self.angles is None else self.angles.to(device),
        )


def draws(
    draw: Callable[[int, torch.Generator], tuple[torch.Tensor, ...]],
    seed: int,
    step: int,
    size: int,
    *,
    mirrored: bool = False,
    rotated: bool = False,
    rank: int = 0,
    world: int = 1,
) -> Draws:
    """Draws the random numbers of a step.

    Args:
        draw: draws those of the loss for a whole batch; see `training.interface.Model.draw`.
        seed: of the training.
        step: its number.
        size: of the whole batch.
        mirrored, rotated: which augmentations to draw for.
        rank, world: number of this process, and number of processes.
    """
    generator = torch.Generator().manual_seed(mixed(seed, step))
    whole = draw(size, generator)
    flips, angles = torch.rand(2, size, generator=generator)
    share = slice(rank * (size // world), (rank + 1) * (size // world))
    return Draws(
        type(whole)(*(values[share] for values in whole)),
        (flips < 0.5)[share] if mirrored else None,
        (2 * math.pi * angles)[share] if rotated else None,
    )

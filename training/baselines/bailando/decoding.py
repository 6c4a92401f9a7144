"""Continues codes to music, one code after the other, always the likeliest: Bailando, Sec. 3.2."""

from __future__ import annotations

import torch

from popdanceset.errors import InputError
from training.baselines.bailando.gpt import DanceGpt
from training.baselines.bailando.representation import Halves

DEMO_START = (423, 12)
"""Codes of the upper and the lower half that the released demonstration starts from, for its own weights.
Its evaluation starts from the first codes of the true dance."""


@torch.no_grad()
def continue_codes(model: DanceGpt, start: Halves, music: torch.Tensor, shift: int | None = None) -> Halves:
    """Dances to music.

    Args:
        model: in evaluation mode.
        start: (batch, 1) codes of each half.
        music: (batch, steps, music_width), from the frame after that of the start on.
        shift: codes that stay when the window is full, see `window_length`.

    Returns:
        (batch, 1 + steps) codes of each half, the start first.

    Raises:
        InputError: there is no music, or not one code to start from.
    """
    steps = music.shape[1]
    if not steps:
        raise InputError("one frame of music gives no dance", "Bailando", "give at least two")
    if start.up.shape != start.down.shape or start.up.shape[1] != 1:
        raise InputError("a dance starts from one code of each half", "Bailando")
    up, down = (torch.cat([one, one.new_empty(len(one), steps)], dim=1) for one in start)
    for step in range(steps):
        first = step + 1 - window_length(step, model.config.block, shift)
        scores = model(Halves(up[:, first : step + 1], down[:, first : step + 1]), music[:, first : step + 1])
        up[:, step + 1], down[:, step + 1] = (half[:, -1].argmax(dim=-1) for half in scores)
    return Halves(up, down)


def window_length(step: int, block: int, shift: int | None = None) -> int:
    """Number of codes that the network sees in a step; steps count from 0.

    It sees all codes while they fit into a window of `block` − 1. Then only the newest `shift` of them stay
    (None: all but the oldest), and the window grows until it is full again. Positions count from its start.
    """
    full = block - 1
    if step < full:
        return step + 1
    least = full if shift is None else min(shift, full)
    return least + (step - full - 1) % (full - least + 1)

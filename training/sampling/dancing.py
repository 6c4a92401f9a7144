"""Samples a dance of the length of its music features, with any sampler, piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import get_args

import torch

from popdanceset.errors import InputError
from training.data.representation import SmplMotion
from training.popdg.ancestral import ancestral
from training.popdg.ddim import ddim
from training.popdg.dpm_solver import dpm_solver
from training.popdg.editing import Given
from training.popdg.guidance import GuidedDenoiser, guidance_ramp
from training.popdg.long import long_dance, music_windows
from training.popdg.sampler import Denoiser, Sampler
from training.popdg.schedule import cosine_schedule, even_timesteps
from training.popdg.stitch import stitched
from training.sampling.choices import STEPS, SamplerName
from training.sampling.trained import Trained

_SAMPLERS: dict[SamplerName, Callable[..., torch.Tensor]] = {
    "ddim": ddim,
    "dpm-solver": dpm_solver,
    "ancestral": ancestral,
}

BLOCK = 8
"""Number of windows in memory at once."""


def dance(
    trained: Trained,
    music: torch.Tensor,
    *,
    sampler: SamplerName = "ddim",
    steps: int | None = None,
    guidance: float | None = None,
    seed: int = 0,
    given: Given | None = None,
) -> Iterator[SmplMotion]:
    """Samples a dance to music, piece by piece in order; memory does not grow with its length.

    Dances longer than a window are sampled in windows that overlap by half; their guidance rises from 0 over
    the first half of the steps, as in the released code.

    Args:
        trained: the network.
        music: (frames, width) features, unscaled.
        sampler: `ddim` with fresh noise (paper), `dpm-solver` for few steps, `ancestral` with the learned
            variance.
        steps: of the sampler; None: `STEPS`.
        guidance: weight of classifier-free guidance: 1 for none, above 1 follows the music more, 0 ignores
            it; None: the weight of the model.
        seed: of the dance.
        given: parts of the dance that are fixed, scaled like the motion of the network.

    Yields:
        Motion, `frames` frames in all.

    Raises:
        InputError: there are no frames of music, or the sampler or the number of steps is impossible.
    """
    if sampler not in get_args(SamplerName):
        raise InputError(f"unknown sampler {sampler!r}", do=f"use one of {', '.join(STEPS)}")
    schedule = cosine_schedule()
    timesteps = even_timesteps(STEPS[sampler] if steps is None else steps)
    weight = trained.guidance if guidance is None else guidance
    window, frames = trained.model.config.window, len(music)
    blocks = music_windows(music, window)
    weights = weight if len(blocks) == 1 else guidance_ramp(timesteps, weight)

    def denoiser(block: torch.Tensor) -> Denoiser:
        return GuidedDenoiser(trained.model, block, weights)

    sample: Sampler = partial(_SAMPLERS[sampler], schedule=schedule, timesteps=timesteps)
    if given is not None:
        # The frames that fill the last window beyond the end of the music are free.
        given = given.window(0, window + (len(blocks) - 1) * (window - window // 2))
    scaled = (trained.music_scaler(block).to(trained.device) for block in torch.split(blocks, BLOCK))
    with torch.no_grad():
        sampled = long_dance(scaled, denoiser, sample, seed=seed, schedule=schedule, given=given)
        windows = (trained.scaler.unscale(one).cpu() for block in sampled for one in block)
        for piece in stitched(windows):
            count = min(frames, len(piece.poses))
            if count:
                yield SmplMotion(piece.poses[:count], piece.translation[:count])
            frames -= count


def whole(pieces: Iterator[SmplMotion]) -> SmplMotion:
    """Joins all pieces of a dance."""
    poses, translations = zip(*pieces, strict=True)
    return SmplMotion(torch.cat(poses), torch.cat(translations))

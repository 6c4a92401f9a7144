"""Sampling from a distilled network: one jump a segment (Heek et al., 2024, Algorithm 2)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch

from training.popdg.ddim import ddim
from training.popdg.model import DanceTransformer, Prediction
from training.popdg.sampler import Denoiser, Hook, Noise
from training.popdg.schedule import Schedule


def consistency(
    denoise: Denoiser,
    x_t: torch.Tensor,
    *,
    schedule: Schedule,
    timesteps: Sequence[int],
    noise: Noise = torch.randn_like,
    hook: Hook | None = None,
) -> torch.Tensor:
    """Samples a dance in as many steps as the network was distilled to.

    The consistency function of a segment is a step of DDIM. The hook sees the noise too: with so few steps,
    windows that overlap agree only if they begin with the same noise.

    Args:
        denoise: predicts the clean dance.
        x_t: (batch, window, 156), the dance at `timesteps[0]`: standard normal noise.
        schedule: the noise schedule.
        timesteps: the ends of the segments, `even_timesteps` of the network's steps.
        noise: not used; other samplers need it.
        hook: may change the dance before the first step and after each one.

    Returns:
        (batch, window, 156), the dance.
    """
    if hook is not None:
        x_t = hook(x_t, timesteps[0])
    return ddim(denoise, x_t, schedule=schedule, timesteps=timesteps, eta=0.0, noise=noise, hook=hook)


class MusicDenoiser:
    """A `Denoiser` that always hears the music: one prediction a step.

    Args:
        model: the network, in evaluation mode.
        music: (batch, window, music_dim); what depends on it alone is computed here, once.
    """

    def __init__(self, model: DanceTransformer, music: torch.Tensor) -> None:
        self.denoise = partial(model.denoise, condition=model.condition(music))

    def __call__(self, x_t: torch.Tensor, t: int) -> Prediction:
        """See `training.popdg.sampler.Denoiser`."""
        return self.denoise(x_t, torch.full((1,), t, device=x_t.device))

"""Sampling from a distilled network: one jump a segment (Heek et al., 2024, Algorithm 2)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch

from training.popdg.ddim import ddim
from training.popdg.model import DanceTransformer, Prediction
from training.popdg.sampler import Denoiser, Hook, Noise
from training.popdg.schedule import CLEAN, Schedule, quadratic_timesteps

EDITED = 4
"""Steps whose timesteps a dance with given parts visits at least, from the last segment on."""


def consistency(
    denoise: Denoiser,
    x_t: torch.Tensor,
    *,
    schedule: Schedule,
    timesteps: Sequence[int],
    noise: Noise = torch.randn_like,
    hook: Hook | None = None,
    again: Sequence[int] = (),
) -> torch.Tensor:
    """Samples a dance in as many steps as the network was distilled to.

    A jump to the end of a segment is a step of DDIM. The hook sees the noise too: with so few steps,
    windows that overlap agree only if they begin with the same noise.

    Args:
        denoise: predicts the clean dance.
        x_t: (batch, window, 156), the dance at `timesteps[0]`: standard normal noise.
        schedule: the noise schedule.
        timesteps: the ends of the segments, `quadratic_timesteps` of the network's steps.
        noise: of the timesteps in `again`.
        hook: may change the dance before the first step and after each one.
        again: timesteps of the last segment, falling. The finished dance is made noisy and predicted again at
            each, so that it fits what the hook has put in (Song et al., 2023, Algorithm 4).

    Returns:
        (batch, window, 156), the dance.
    """
    if hook is not None:
        x_t = hook(x_t, timesteps[0])
    dance = ddim(denoise, x_t, schedule=schedule, timesteps=timesteps, eta=0.0, noise=noise, hook=hook)
    for t in again:
        alpha_cumprod = schedule.alpha_cumprod_at(t)
        x_t = alpha_cumprod**0.5 * dance + (1 - alpha_cumprod) ** 0.5 * noise(dance)
        if hook is not None:
            x_t = hook(x_t, t)
        dance = ddim(denoise, x_t, schedule=schedule, timesteps=[t, CLEAN], hook=hook)
    return dance


def edited_again(timesteps: Sequence[int]) -> list[int]:
    """The timesteps to visit again when parts of a dance are given: those of four steps that remain.

    A network with one step would not see the given parts at all, and one with two only in much noise.

    Args:
        timesteps: the ends of the segments.
    """
    return [t for t in quadratic_timesteps(EDITED) if CLEAN < t < timesteps[-2]]


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

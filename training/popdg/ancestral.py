"""Ancestral sampling: each step is drawn from the normal distribution that the network predicts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from training.popdg.gaussian_diffusion import Normal, p_mean_variance
from training.popdg.model import Prediction
from training.popdg.sampler import Denoiser, Hook, Noise
from training.popdg.schedule import CLEAN, Schedule, respaced

Reverse = Callable[[Schedule, Prediction, torch.Tensor, torch.Tensor], Normal]
"""(schedule, prediction, x_t, timesteps) → p(x_{t−1} | x_t)."""


def ancestral(
    denoise: Denoiser,
    x_t: torch.Tensor,
    *,
    schedule: Schedule,
    timesteps: Sequence[int],
    noise: Noise = torch.randn_like,
    hook: Hook | None = None,
    reverse: Reverse = p_mean_variance,
) -> torch.Tensor:
    """Samples a dance with the variance that the network has learned (improved DDPM, Sec. 3 and 4).

    If timesteps are skipped, the chain of the remaining ones has its own betas, and the variance output of
    the network interpolates between the bounds of that chain.

    Args:
        denoise: predicts the clean dance and the variance.
        x_t: (batch, window, 156), the dance at `timesteps[0]`: standard normal noise.
        schedule: the noise schedule.
        timesteps: to visit, falling, with `CLEAN` at the end. `range(999, -2, -1)` visits all.
        noise: where fresh noise comes from.
        hook: may change the dance between steps.
        reverse: the normal distribution of a step.

    Returns:
        (batch, window, 156), the dance.
    """
    visited = [t for t in timesteps if t != CLEAN]
    chain = respaced(schedule, visited[::-1])
    for step, t in zip(range(chain.num_timesteps - 1, -1, -1), visited, strict=True):
        predicted = reverse(chain, denoise(x_t, t), x_t, torch.tensor([step], device=x_t.device))
        x_t = predicted.mean
        if step:
            x_t = x_t + (0.5 * predicted.log_variance).exp() * noise(x_t)
        if hook is not None:
            x_t = hook(x_t, visited[-step] if step else CLEAN)
    return x_t

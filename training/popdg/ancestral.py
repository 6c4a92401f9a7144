"""Ancestral sampling: each step back is drawn from the normal distribution that the network predicts."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from training.popdg.gaussian_diffusion import step_back
from training.popdg.sampler import Denoiser, Hook, Noise
from training.popdg.schedule import CLEAN, Schedule, respaced


def ancestral(
    denoise: Denoiser,
    noisy: torch.Tensor,
    *,
    schedule: Schedule,
    times: Sequence[int],
    noise: Noise = torch.randn_like,
    hook: Hook | None = None,
) -> torch.Tensor:
    """Samples a dance with the variance that the network has learned (improved DDPM, Sec. 3 and 4).

    Where steps are left out, the chain of those that remain has betas of its own, between whose smallest and
    largest sensible variances the network's number is read.

    Args:
        denoise: predicts the clean dance and the variance.
        noisy: (batch, window, 156), the dance at `times[0]`: standard normal noise.
        schedule: of the noise.
        times: to visit, falling; `CLEAN` at the end. `range(999, -2, -1)` for all.
        noise: where fresh noise comes from.
        hook: may change the dance between steps.

    Returns:
        (batch, window, 156), the dance.
    """
    visited = [time for time in times if time != CLEAN]
    chain = respaced(schedule, visited[::-1])
    for step, time in zip(range(chain.steps - 1, -1, -1), visited, strict=True):
        back = step_back(chain, denoise(noisy, time), noisy, torch.tensor([step], device=noisy.device))
        noisy = back.mean
        if step:
            noisy = noisy + (0.5 * back.log_variance).exp() * noise(noisy)
        if hook is not None:
            noisy = hook(noisy, visited[-step] if step else CLEAN)
    return noisy

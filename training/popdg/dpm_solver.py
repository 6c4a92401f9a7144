"""DPM-Solver++ (2M): a dance in 10 to 20 steps (Lu et al., 2022)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from training.popdg.sampler import Denoiser, Hook, Noise, sample_loop
from training.popdg.schedule import Schedule


def dpm_solver(
    denoise: Denoiser,
    x_t: torch.Tensor,
    *,
    schedule: Schedule,
    timesteps: Sequence[int],
    noise: Noise | None = None,
    hook: Hook | None = None,
) -> torch.Tensor:
    """Solves the probability flow from noise to dance to second order, with one prediction a step.

    In λ = log(√ᾱ / √(1 − ᾱ)) the flow is linear except for the predicted dance, which is extrapolated from
    the last two predictions (Algorithm 2 of the paper, data prediction).

    Args:
        denoise: predicts the clean dance.
        x_t: (batch, window, 156), the dance at `timesteps[0]`: standard normal noise.
        schedule: the noise schedule.
        timesteps: to visit, falling; the last is `CLEAN` to end with a dance. `even_timesteps` makes them.
        noise: not used; other samplers need it.
        hook: may change the dance between steps.

    Returns:
        (batch, window, 156), at `timesteps[-1]`.
    """
    previous: tuple[torch.Tensor, float] | None = None

    def update(
        x_t: torch.Tensor, x_start: torch.Tensor, alpha_cumprod: float, alpha_cumprod_next: float
    ) -> torch.Tensor:
        nonlocal previous
        step = _half_log_snr(alpha_cumprod_next) - _half_log_snr(alpha_cumprod)
        target = x_start
        if previous is not None:
            target = torch.lerp(x_start, previous[0], -step / (2 * previous[1]))
        previous = x_start, step
        noise_scale: float = ((1 - alpha_cumprod_next) / (1 - alpha_cumprod)) ** 0.5
        target_scale: float = alpha_cumprod_next**0.5 * math.expm1(-step)
        return noise_scale * x_t - target_scale * target

    return sample_loop(denoise, x_t, update, schedule=schedule, timesteps=timesteps, hook=hook)


def _half_log_snr(alpha_cumprod: float) -> float:
    return 0.5 * (math.log(alpha_cumprod) - math.log1p(-alpha_cumprod))

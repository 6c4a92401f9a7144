"""DDIM: large steps, with as much fresh noise as wanted (Song et al., 2021)."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from training.popdg.sampler import Denoiser, Hook, Noise, sample_loop
from training.popdg.schedule import Schedule


def ddim(
    denoise: Denoiser,
    x_t: torch.Tensor,
    *,
    schedule: Schedule,
    timesteps: Sequence[int],
    eta: float = 1.0,
    noise: Noise = torch.randn_like,
    hook: Hook | None = None,
) -> torch.Tensor:
    """Samples a dance by DDIM.

    Args:
        denoise: predicts the clean dance.
        x_t: (batch, window, 156), the dance at `timesteps[0]`: standard normal noise.
        schedule: the noise schedule.
        timesteps: to visit, falling; the last is `CLEAN` to end with a dance. `even_timesteps` makes them.
            With `eta` 0 they may also rise: then a dance goes back to its noise.
        eta: share of the noise that is fresh in each step; with 0 the result depends on `x_t` alone.
        noise: where fresh noise comes from.
        hook: may change the dance between steps.

    Returns:
        (batch, window, 156), at `timesteps[-1]`.
    """

    def update(
        x_t: torch.Tensor, x_start: torch.Tensor, alpha_cumprod: float, alpha_cumprod_next: float
    ) -> torch.Tensor:
        return ddim_step(x_t, x_start, alpha_cumprod, alpha_cumprod_next, eta, noise)

    return sample_loop(denoise, x_t, update, schedule=schedule, timesteps=timesteps, hook=hook)


def ddim_step(
    x_t: torch.Tensor,
    x_start: torch.Tensor,
    alpha_cumprod: float,
    alpha_cumprod_next: float,
    eta: float,
    noise: Noise,
) -> torch.Tensor:
    """One step (Eq. 12 and 16): the noise is what remains of `x_t` besides the predicted `x_start`.

    Args:
        x_t: (batch, window, 156), noisy dance.
        x_start: (batch, window, 156), predicted dance.
        alpha_cumprod, alpha_cumprod_next: ᾱ now and after the step, both below 1.
        eta: share of the noise that is fresh.
        noise: where fresh noise comes from.
    """
    sigma = 0.0
    if eta:
        share = (1 - alpha_cumprod / alpha_cumprod_next) * (1 - alpha_cumprod_next) / (1 - alpha_cumprod)
        sigma = eta * share**0.5
    old = (1 - alpha_cumprod_next - sigma**2) ** 0.5
    direction: torch.Tensor = (x_t - alpha_cumprod**0.5 * x_start) * (old / (1 - alpha_cumprod) ** 0.5)
    x_next: torch.Tensor = alpha_cumprod_next**0.5 * x_start + direction
    if sigma:
        x_next = x_next + sigma * noise(x_next)
    return x_next

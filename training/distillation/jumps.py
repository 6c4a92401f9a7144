"""A jump of the student to the end of a segment: DDIM without fresh noise along the predicted clean dance.

With the predicted clean dance x̂ it is F(x_t, t) = √ᾱ_e x̂ + √(1 − ᾱ_e) / √(1 − ᾱ_t) · (x_t − √ᾱ_t x̂), where e
is the end of the segment. At t = e this is x_t whatever the network predicts.
"""

from __future__ import annotations

import torch

from training.popdg.gaussian_diffusion import extract
from training.popdg.schedule import Schedule


def jump(
    schedule: Schedule, x_start: torch.Tensor, x_t: torch.Tensor, t: torch.Tensor, end: torch.Tensor
) -> torch.Tensor:
    """DDIM without fresh noise from `t` to `end`, each sample at its own timesteps.

    Args:
        schedule: the noise schedule.
        x_start: (batch, window, channels), the predicted clean dance.
        x_t: (batch, window, channels), the dance at `t`.
        t: (batch,) int64.
        end: (batch,) int64, at most `t`; `CLEAN` for the clean dance. Where it is `t`, the result is `x_t`.
    """
    signal, noise = _coefficients(schedule, t, x_t)
    signal_end, noise_end = _coefficients(schedule, end, x_t)
    moved = signal_end * x_start + noise_end / noise * (x_t - signal * x_start)
    return torch.where((t == end)[:, None, None], x_t, moved)


def start_towards(
    schedule: Schedule, x_end: torch.Tensor, x_t: torch.Tensor, t: torch.Tensor, end: torch.Tensor
) -> torch.Tensor:
    """The inverse of `jump`: the clean dance whose prediction at `t` leads from `x_t` to `x_end`.

    Args:
        schedule: the noise schedule.
        x_end: (batch, window, channels), the dance at `end`.
        x_t: (batch, window, channels), the dance at `t`.
        t, end: (batch,) int64; `end` is before `t` everywhere.
    """
    signal, noise = _coefficients(schedule, t, x_t)
    signal_end, noise_end = _coefficients(schedule, end, x_t)
    share = noise_end / noise
    return (x_end - share * x_t) / (signal_end - share * signal)


def _coefficients(
    schedule: Schedule, t: torch.Tensor, like: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """√ᾱ and √(1 − ᾱ) at (batch,) timesteps, (batch, 1, 1)."""
    # The last entry is that of CLEAN, −1. Shares of ᾱ close to 1 lose digits in single precision.
    table = torch.cat([schedule.alphas_cumprod, schedule.alphas_cumprod.new_ones(1)])
    return extract(table.sqrt(), t, like), extract((1 - table).sqrt(), t, like)

"""What all samplers share: their protocols, the loop over timesteps, and per-sample noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Protocol

import torch

from training.popdg.model import Prediction
from training.popdg.schedule import Schedule


class Denoiser(Protocol):
    """A network as samplers call it."""

    def __call__(self, x_t: torch.Tensor, t: int) -> Prediction:
        """Predicts from (batch, window, 156) dances that are all at timestep `t`."""


Noise = Callable[[torch.Tensor], torch.Tensor]
"""Returns standard normal noise with the shape, dtype and device of a tensor."""

Hook = Callable[[torch.Tensor, int], torch.Tensor]
"""Called after each step with the dance and its timestep (`CLEAN` at the end); returns the dance to use."""

Update = Callable[[torch.Tensor, torch.Tensor, float, float], torch.Tensor]
"""(x_t, predicted x_start, ᾱ of x_t, ᾱ of the next timestep) → the dance at the next timestep."""


class Sampler(Protocol):
    """A way from noise to a dance, with its schedule, timesteps and options already chosen."""

    def __call__(
        self, denoise: Denoiser, x_t: torch.Tensor, *, noise: Noise, hook: Hook | None = None
    ) -> torch.Tensor:
        """(batch, window, 156) noise → dance, scaled.

        Args:
            denoise: predicts the clean dance.
            x_t: standard normal noise to start from.
            noise: for samplers that add noise in each step.
            hook: may change the dance between steps.
        """


def sample_loop(
    denoise: Denoiser,
    x_t: torch.Tensor,
    update: Update,
    *,
    schedule: Schedule,
    timesteps: Sequence[int],
    hook: Hook | None = None,
) -> torch.Tensor:
    """The loop of samplers that step from x_t and the predicted x_start alone.

    Predictions are clipped to [−1, 1]. At the clean end the prediction is the dance.

    Args:
        denoise: predicts the clean dance.
        x_t: (batch, window, 156), the dance at `timesteps[0]`.
        update: makes one step.
        schedule: the noise schedule.
        timesteps: to visit, in order.
        hook: may change the dance between steps.

    Returns:
        (batch, window, 156), at `timesteps[-1]`.
    """
    for t, t_next in pairwise(timesteps):
        alpha_cumprod, alpha_cumprod_next = map(schedule.alpha_cumprod_at, (t, t_next))
        x_start = denoise(x_t, t).x_start.clamp(-1, 1)
        x_t = x_start if alpha_cumprod_next == 1 else update(x_t, x_start, alpha_cumprod, alpha_cumprod_next)
        if hook is not None:
            x_t = hook(x_t, t_next)
    return x_t


def own_noise(seeds: Sequence[int], device: torch.device | str = "cpu") -> Noise:
    """Noise for which each sample has its own generator, so that it does not depend on the other samples.

    Args:
        seeds: one for each sample.
        device: of the generators.
    """
    generators = [torch.Generator(device).manual_seed(seed) for seed in seeds]

    def noise(like: torch.Tensor) -> torch.Tensor:
        rows = [
            torch.randn(like.shape[1:], generator=generator, dtype=like.dtype, device=like.device)
            for generator in generators
        ]
        return torch.stack(rows)

    return noise


def chained(*hooks: Hook | None) -> Hook | None:
    """One hook that calls several in order; those that are None are left out."""
    given = [hook for hook in hooks if hook is not None]
    if not given:
        return None

    def hook(dance: torch.Tensor, t: int) -> torch.Tensor:
        for one in given:
            dance = one(dance, t)
        return dance

    return hook

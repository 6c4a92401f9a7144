"""What all samplers share: where predictions and noise come from, who may change the dance between steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import torch

from training.popdg.model import Prediction


class Denoiser(Protocol):
    """What samplers need of a network."""

    def __call__(self, noisy: torch.Tensor, time: int) -> Prediction:
        """Predicts from (batch, window, 156) that all are at time step `time`."""


Noise = Callable[[torch.Tensor], torch.Tensor]
"""Standard normal noise of the shape, type and device of a tensor."""

Hook = Callable[[torch.Tensor, int], torch.Tensor]
"""Called after each step with the dance and its time, `CLEAN` after the last: returns what to go on with."""


class Sampler(Protocol):
    """A way from noise to a dance, with its schedule, times and options already chosen."""

    def __call__(
        self, denoise: Denoiser, noisy: torch.Tensor, *, noise: Noise, hook: Hook | None = None
    ) -> torch.Tensor:
        """(batch, window, 156) noise → dance, scaled.

        Args:
            denoise: predicts the clean dance.
            noisy: where it begins: standard normal noise.
            noise: for samplers that add some on their way.
            hook: may change the dance between steps.
        """


def own_noise(seeds: Sequence[int], device: torch.device | str = "cpu") -> Noise:
    """Noise that each sample draws from a generator of its own, so that it does not depend on the others.

    Args:
        seeds: one a sample.
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


def in_turn(*hooks: Hook | None) -> Hook | None:
    """One hook of several, the first first; those that are None are left out."""
    given = [hook for hook in hooks if hook is not None]
    if not given:
        return None

    def hook(dance: torch.Tensor, time: int) -> torch.Tensor:
        for one in given:
            dance = one(dance, time)
        return dance

    return hook

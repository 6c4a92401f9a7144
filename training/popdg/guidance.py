"""Classifier-free guidance: away from the dance to no music, towards the dance to this music."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from training.popdg.model import POPDG, Condition, Prediction


def guide(without: Prediction, given: Prediction, weight: float) -> Prediction:
    """u + w (c − u), of the dance and, if there is one, of the variance."""
    variance = None
    if without.variance is not None and given.variance is not None:
        variance = torch.lerp(without.variance, given.variance, weight)
    return Prediction(torch.lerp(without.start, given.start, weight), variance)


class Guided:
    """A `Denoiser` for one piece of music or several: both predictions in one batched pass.

    Args:
        model: the network, in evaluation mode.
        music: (batch, window, music_dim); what depends on it alone is computed here, once.
        weight: of the guidance; a number or, for a ramp, one for each time step that is visited. At 1 and 0
            one prediction is enough, and one is made.
    """

    def __init__(self, model: POPDG, music: torch.Tensor, weight: float | Mapping[int, float] = 2.0) -> None:
        self.model, self.weight = model, weight
        self.given = model.condition(music)
        self.without = model.no_music(len(music))
        self.both = Condition.cat([self.without, self.given])

    def __call__(self, noisy: torch.Tensor, time: int) -> Prediction:
        """See `training.popdg.sampler.Denoiser`."""
        weight = self.weight if isinstance(self.weight, float | int) else self.weight[time]
        now = torch.full((1,), time, device=noisy.device)
        if weight in (0, 1):
            return self.model.denoise(noisy, now, self.given if weight else self.without)
        batch = len(noisy)
        start, variance = self.model.denoise(noisy, now, self.both)
        return guide(
            Prediction(start[:batch], None if variance is None else variance[:batch]),
            Prediction(start[batch:], None if variance is None else variance[batch:]),
            weight,
        )


def ramp(times: Sequence[int], weight: float) -> dict[int, float]:
    """Weights that rise from 0 to `weight` over the first half of the steps (released code, long dances).

    Args:
        times: that the sampler visits, from the noisiest on, with the clean end or without.
    """
    visited = [time for time in times if time >= 0]
    rising = torch.linspace(0, 2 * weight, len(visited)).clamp(max=weight)
    return dict(zip(visited, rising.tolist(), strict=True))

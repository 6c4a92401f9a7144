"""Classifier-free guidance (Ho and Salimans, 2021): away from the unconditional dance, towards this music."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from training.popdg.model import Condition, DanceTransformer, Prediction


def classifier_free_guidance(unconditional: Prediction, conditional: Prediction, weight: float) -> Prediction:
    """u + w (c − u), of the dance and, if the network predicts one, of the variance."""
    variance = None
    if unconditional.variance is not None and conditional.variance is not None:
        variance = torch.lerp(unconditional.variance, conditional.variance, weight)
    return Prediction(torch.lerp(unconditional.x_start, conditional.x_start, weight), variance)


class GuidedDenoiser:
    """A `Denoiser` with classifier-free guidance, which makes both predictions in one batched pass.

    Args:
        model: the network, in evaluation mode.
        music: (batch, window, music_dim); what depends on it alone is computed here, once.
        weight: of the guidance: a number or, for a ramp, one for each timestep that is visited. For
            1 and 0 one prediction is enough, so only one is made.
    """

    def __init__(
        self, model: DanceTransformer, music: torch.Tensor, weight: float | Mapping[int, float] = 2.0
    ) -> None:
        self.model, self.weight = model, weight
        self.conditional = model.condition(music)
        self.unconditional = model.no_music(len(music))
        self.both = Condition.cat([self.unconditional, self.conditional])

    def __call__(self, x_t: torch.Tensor, t: int) -> Prediction:
        """See `training.popdg.sampler.Denoiser`."""
        weight = self.weight if isinstance(self.weight, float | int) else self.weight[t]
        timesteps = torch.full((1,), t, device=x_t.device)
        if weight in (0, 1):
            return self.model.denoise(x_t, timesteps, self.conditional if weight else self.unconditional)
        batch = len(x_t)
        x_start, variance = self.model.denoise(x_t, timesteps, self.both)
        return classifier_free_guidance(
            Prediction(x_start[:batch], None if variance is None else variance[:batch]),
            Prediction(x_start[batch:], None if variance is None else variance[batch:]),
            weight,
        )


def guidance_ramp(timesteps: Sequence[int], weight: float) -> dict[int, float]:
    """Weights that rise from 0 to `weight` over the first half of the steps (released code, long dances).

    Args:
        timesteps: that the sampler visits, from the noisiest on, with or without the clean end.
        weight: of the second half.
    """
    visited = [t for t in timesteps if t >= 0]
    rising = torch.linspace(0, 2 * weight, len(visited)).clamp(max=weight)
    return dict(zip(visited, rising.tolist(), strict=True))

"""DPM-Solver++ (2M): a dance in 10 to 20 steps (Lu et al., 2022)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch

from training.popdg.sampler import Denoiser, Hook, Noise
from training.popdg.schedule import Schedule


def dpm_solver(
    denoise: Denoiser,
    noisy: torch.Tensor,
    *,
    schedule: Schedule,
    times: Sequence[int],
    noise: Noise | None = None,
    hook: Hook | None = None,
) -> torch.Tensor:
    """Solves the probability flow from noise to dance, to second order, with one prediction a step.

    In λ = log(√ᾱ / √(1 − ᾱ)) the flow is linear but for the predicted dance, which is extrapolated from the
    last two predictions (Algorithm 2 there, data prediction). Predictions are clipped to [−1, 1].

    Args:
        denoise: predicts the clean dance.
        noisy: (batch, window, 156), the dance at `times[0]`: standard normal noise.
        schedule: of the noise.
        times: to visit, falling; the last is `CLEAN` to end with a dance. `even_times` makes them.
        noise: not used; it is here because other samplers need it.
        hook: may change the dance between steps.

    Returns:
        (batch, window, 156), at `times[-1]`.
    """
    before: tuple[torch.Tensor, float] | None = None
    for time, following in pairwise(times):
        kept, kept_next = schedule.at(time), schedule.at(following)
        start = denoise(noisy, time).start.clamp(-1, 1)
        if kept_next == 1:
            noisy = start
        else:
            step = _log_ratio(kept_next) - _log_ratio(kept)
            target = start
            if before is not None:
                target = torch.lerp(start, before[0], -step / (2 * before[1]))
            noisy = ((1 - kept_next) / (1 - kept)) ** 0.5 * noisy
            noisy = noisy - kept_next**0.5 * math.expm1(-step) * target
            before = start, step
        if hook is not None:
            noisy = hook(noisy, following)
    return noisy


def _log_ratio(kept: float) -> float:
    return 0.5 * (math.log(kept) - math.log1p(-kept))

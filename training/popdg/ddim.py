"""DDIM: large steps, with as much fresh noise as wanted (Song et al., 2021)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch

from training.popdg.sampler import Denoiser, Hook, Noise
from training.popdg.schedule import Schedule


def ddim(
    denoise: Denoiser,
    noisy: torch.Tensor,
    *,
    schedule: Schedule,
    times: Sequence[int],
    eta: float = 1.0,
    noise: Noise = torch.randn_like,
    hook: Hook | None = None,
) -> torch.Tensor:
    """Samples a dance.

    The predicted dance is clipped to [−1, 1], and the noise is what then remains.

    Args:
        denoise: predicts the clean dance.
        noisy: (batch, window, 156), the dance at `times[0]`: standard normal noise.
        schedule: of the noise.
        times: to visit, falling; the last is `CLEAN` to end with a dance. `even_times` makes them. Without
            fresh noise they may also rise: then a dance goes back to its noise.
        eta: part of the noise that is fresh in each step; at 0 none is, and `noisy` decides the result.
        noise: where fresh noise comes from.
        hook: may change the dance between steps.

    Returns:
        (batch, window, 156), at `times[-1]`.
    """
    for time, following in pairwise(times):
        kept, kept_next = schedule.at(time), schedule.at(following)
        start = denoise(noisy, time).start.clamp(-1, 1)
        if kept_next == 1:
            noisy = start
        else:
            fresh = 0.0
            if eta:
                fresh = eta * ((1 - kept / kept_next) * (1 - kept_next) / (1 - kept)) ** 0.5
            old = (1 - kept_next - fresh**2) ** 0.5
            left = (noisy - kept**0.5 * start) * (old / (1 - kept) ** 0.5)
            noisy = kept_next**0.5 * start + left
            if fresh:
                noisy = noisy + fresh * noise(noisy)
        if hook is not None:
            noisy = hook(noisy, following)
    return noisy

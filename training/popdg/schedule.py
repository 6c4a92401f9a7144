"""The noise schedule of the diffusion, and which timesteps sampling visits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, cached_property

import torch

from popdanceset.errors import InputError

NUM_TIMESTEPS = 1000

CLEAN = -1
"""The timestep of the clean dance: the one before the first noisy timestep, 0."""


@dataclass(frozen=True)
class Schedule:
    """Coefficients of the diffusion x_t = √ᾱ_t x_0 + √(1 − ᾱ_t) ε, each (timesteps,).

    All are computed in the precision of `betas`, and are float32 unless stated otherwise. Names are those of
    improved-diffusion (Nichol and Dhariwal, "Improved DDPM", 2021).

    Attributes:
        betas: variance of the noise that each timestep adds, (timesteps,).
    """

    betas: torch.Tensor

    @property
    def num_timesteps(self) -> int:
        """Number of timesteps."""
        return len(self.betas)

    @cached_property
    def alphas_cumprod(self) -> torch.Tensor:
        """ᾱ: the share of the variance that is signal, in the precision of `betas`."""
        return torch.cumprod(1 - self.betas, dim=0)

    @cached_property
    def alphas_cumprod_prev(self) -> torch.Tensor:
        """ᾱ of the timestep before, 1 for the first, in the precision of `betas`."""
        return torch.cat([self.alphas_cumprod.new_ones(1), self.alphas_cumprod[:-1]])

    @cached_property
    def sqrt_alphas_cumprod(self) -> torch.Tensor:
        """√ᾱ: weight of x_0 in x_t."""
        return self.alphas_cumprod.sqrt().float()

    @cached_property
    def sqrt_one_minus_alphas_cumprod(self) -> torch.Tensor:
        """√(1 − ᾱ): weight of the noise in x_t."""
        return (1 - self.alphas_cumprod).sqrt().float()

    @cached_property
    def log_betas(self) -> torch.Tensor:
        """log β: upper bound of the log-variance of p(x_{t−1} | x_t)."""
        return self.betas.log().float()

    @cached_property
    def posterior_variance(self) -> torch.Tensor:
        """β̃: variance of q(x_{t−1} | x_t, x_0); 0 for the first timestep."""
        return (self.betas * (1 - self.alphas_cumprod_prev) / (1 - self.alphas_cumprod)).float()

    @cached_property
    def posterior_log_variance_clipped(self) -> torch.Tensor:
        """log β̃: lower bound of the log-variance of p(x_{t−1} | x_t); log 1e-20 where β̃ is 0."""
        return self.posterior_variance.clamp(min=1e-20).log()

    @cached_property
    def posterior_mean_coef1(self) -> torch.Tensor:
        """Weight of x_0 in the mean of q(x_{t−1} | x_t, x_0)."""
        return (self.betas * self.alphas_cumprod_prev.sqrt() / (1 - self.alphas_cumprod)).float()

    @cached_property
    def posterior_mean_coef2(self) -> torch.Tensor:
        """Weight of x_t in the mean of q(x_{t−1} | x_t, x_0)."""
        return ((1 - self.alphas_cumprod_prev) * (1 - self.betas).sqrt() / (1 - self.alphas_cumprod)).float()

    def alpha_cumprod_at(self, t: int) -> float:
        """ᾱ at a timestep; 1 at `CLEAN`."""
        return 1.0 if t < 0 else float(self.alphas_cumprod[t])


def cosine_schedule(num_timesteps: int = NUM_TIMESTEPS, dtype: torch.dtype = torch.float64) -> Schedule:
    """The cosine schedule: ᾱ falls as cos² from 1 to 0.

    Args:
        num_timesteps: of the whole chain.
        dtype: of the computation. The released code continues in single precision once it has the betas,
            which costs posterior means their fourth digit at the clean end; its values need float32.
    """
    offset, largest = 0.008, 0.999
    angles = torch.arange(num_timesteps + 1, dtype=torch.float64) / num_timesteps
    angles = (angles + offset) / (1 + offset) * math.pi / 2
    curve = angles.cos() ** 2
    return Schedule((1 - curve[1:] / curve[:-1]).clamp(0, largest).to(dtype))


@cache
def full_schedule() -> Schedule:
    """The noise schedule of training and sampling, computed once."""
    return cosine_schedule()


def respaced(schedule: Schedule, timesteps: list[int]) -> Schedule:
    """The schedule of a chain that visits only these timesteps, in rising order: β_t = 1 − ᾱ_t / ᾱ_s.

    The `SpacedDiffusion` of improved-diffusion.
    """
    if timesteps == list(range(len(timesteps))):
        return Schedule(schedule.betas[: len(timesteps)])  # exactly: a ratio of ᾱ close to 1 loses digits
    alphas_cumprod = schedule.alphas_cumprod[torch.tensor(timesteps)]
    return Schedule(1 - alphas_cumprod / torch.cat([alphas_cumprod.new_ones(1), alphas_cumprod[:-1]]))


def even_timesteps(steps: int, num_timesteps: int = NUM_TIMESTEPS) -> list[int]:
    """Timesteps that a sampler visits in `steps` steps: evenly spaced, from the noisiest to `CLEAN`.

    Returns:
        `steps` + 1 timesteps.

    Raises:
        InputError: `steps` is less than 1 or more than there are timesteps.
    """
    if not 1 <= steps <= num_timesteps:
        raise InputError(f"{steps} steps of sampling", do=f"give a number from 1 to {num_timesteps}")
    return [int(t) for t in reversed(torch.linspace(CLEAN, num_timesteps - 1, steps + 1).tolist())]


def quadratic_timesteps(steps: int, num_timesteps: int = NUM_TIMESTEPS) -> list[int]:
    """Timesteps that are denser at the clean end, where dances get smooth (DDIM, Song et al., 2021, D.3).

    With 4 steps a dance jumps to the clean end from 61, not from 249 as with even steps: what the network
    cannot know of so noisy a dance stays in it as jitter.

    Returns:
        `steps` + 1 timesteps, from the noisiest to `CLEAN`. Those of a divisor of `steps` are among them.

    Raises:
        InputError: `steps` is less than 1, or so large that timesteps would coincide.
    """
    most = math.isqrt(num_timesteps)
    if not 1 <= steps <= most:
        raise InputError(f"{steps} quadratic steps of sampling", do=f"give a number from 1 to {most}")
    return [num_timesteps * k**2 // steps**2 - 1 for k in range(steps, -1, -1)]

"""The normal distributions of improved DDPM: q(x_t | x_0), the posterior, the reverse step, the bound.

Names are those of improved-diffusion's `gaussian_diffusion.py`. Shapes: x is (batch, …), `t` (batch,) int64.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch

from training.popdg.model import Prediction
from training.popdg.schedule import Schedule

MIN_LOG_VARIANCE = -10.0
"""The released code clips predicted log-variances at this value."""

HALF_BIN = 0.001
"""Half the width of the bins of the discretized likelihood, in scaled units (released code)."""


class Normal(NamedTuple):
    """Independent normal distributions: `mean`, and `log_variance`, which may be (batch, 1, …)."""

    mean: torch.Tensor
    log_variance: torch.Tensor


def q_sample(schedule: Schedule, x_start: torch.Tensor, t: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """Samples q(x_t | x_0): √ᾱ x_0 + √(1 − ᾱ) ε, with standard normal `noise` ε."""
    return (
        extract(schedule.sqrt_alphas_cumprod, t, x_start) * x_start
        + extract(schedule.sqrt_one_minus_alphas_cumprod, t, x_start) * noise
    )


def q_posterior(schedule: Schedule, x_start: torch.Tensor, x_t: torch.Tensor, t: torch.Tensor) -> Normal:
    """q(x_{t−1} | x_t, x_0)."""
    mean = (
        extract(schedule.posterior_mean_coef1, t, x_t) * x_start
        + extract(schedule.posterior_mean_coef2, t, x_t) * x_t
    )
    return Normal(mean, extract(schedule.posterior_log_variance_clipped, t, x_t))


def p_mean_variance(schedule: Schedule, prediction: Prediction, x_t: torch.Tensor, t: torch.Tensor) -> Normal:
    """p(x_{t−1} | x_t): the posterior of the predicted x_0, clipped to [−1, 1], with the predicted variance.

    The variance output interpolates between log β̃ and log β. Guidance may push it beyond [−1, 1]; it is
    clipped. A network without a variance output gets the variance of the posterior, as in plain DDPM.
    """
    mean, min_log = q_posterior(schedule, prediction.x_start.clamp(-1, 1), x_t, t)
    if prediction.variance is None:
        return Normal(mean, min_log.clamp(min=MIN_LOG_VARIANCE))
    max_log = extract(schedule.log_betas, t, x_t)
    log_variance = torch.lerp(min_log, max_log, (prediction.variance.clamp(-1, 1) + 1) / 2)
    return Normal(mean, log_variance.clamp(min=MIN_LOG_VARIANCE))


def normal_kl(first: Normal, second: Normal) -> torch.Tensor:
    """Kullback-Leibler divergence KL(first ‖ second), element by element, in nats."""
    difference = second.log_variance - first.log_variance
    squared = (first.mean - second.mean) ** 2 * (-second.log_variance).exp()
    return 0.5 * (difference + (-difference).exp() + squared - 1)


def discretized_gaussian_log_likelihood(x: torch.Tensor, normal: Normal) -> torch.Tensor:
    """Log-probability of the bin around each element, in nats; the outermost bins reach to infinity.

    The cumulative distribution function is approximated by tanh, as in improved-diffusion.
    """
    scale = (-0.5 * normal.log_variance).exp()
    centered = x - normal.mean
    above = _approx_standard_normal_cdf(scale * (centered + HALF_BIN))
    below = _approx_standard_normal_cdf(scale * (centered - HALF_BIN))
    bins = torch.where(x < -1 + HALF_BIN, above, torch.where(x > 1 - HALF_BIN, 1 - below, above - below))
    return bins.clamp(min=1e-12).log()


def vb_terms_bpd(
    schedule: Schedule, prediction: Prediction, x_start: torch.Tensor, x_t: torch.Tensor, t: torch.Tensor
) -> torch.Tensor:
    """(batch,) terms of the variational bound, in bits per dimension.

    The divergence of the true posterior from the predicted one; at timestep 0 the negative log-likelihood of
    the clean dance.
    """
    predicted = p_mean_variance(schedule, prediction, x_t, t)
    kl = normal_kl(q_posterior(schedule, x_start, x_t, t), predicted).flatten(1).mean(dim=1)
    likelihood = discretized_gaussian_log_likelihood(x_start, predicted).flatten(1).mean(dim=1)
    return torch.where(t == 0, -likelihood, kl) / math.log(2)


def extract(table: torch.Tensor, t: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Values of a (timesteps,) table at (batch,) timesteps, as (batch, 1, …) to broadcast with `like`."""
    values = table.to(like.device, like.dtype)[t]
    return values.view(-1, *[1] * (like.dim() - 1))


def _approx_standard_normal_cdf(x: torch.Tensor) -> torch.Tensor:
    return 0.5 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))

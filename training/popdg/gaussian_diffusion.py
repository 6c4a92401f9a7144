"""The normal distributions of improved DDPM: noising, one step back, and the variational bound.

Shapes: x is (batch, …), `time` (batch,) int64.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch

from training.popdg.model import Prediction
from training.popdg.schedule import Schedule

SMALLEST_LOG_VARIANCE = -10.0
"""Below this, the released code cuts off what the network says of the variance."""

BIN = 0.001
"""Half the width of the bins of the discretised likelihood, in scaled numbers (released code)."""


class Normal(NamedTuple):
    """Independent normal distributions: `mean` and `log_variance`, the latter perhaps (batch, 1, …)."""

    mean: torch.Tensor
    log_variance: torch.Tensor


def add_noise(
    schedule: Schedule, start: torch.Tensor, time: torch.Tensor, noise: torch.Tensor
) -> torch.Tensor:
    """q(x_t | x_0): the dance with `noise`, standard normal, mixed in."""
    return gather(schedule.signal, time, start) * start + gather(schedule.noise, time, start) * noise


def posterior(schedule: Schedule, start: torch.Tensor, noisy: torch.Tensor, time: torch.Tensor) -> Normal:
    """q(x_{t−1} | x_t, x_0)."""
    mean = (
        gather(schedule.posterior_start, time, noisy) * start
        + gather(schedule.posterior_noisy, time, noisy) * noisy
    )
    return Normal(mean, gather(schedule.posterior_log_variance, time, noisy))


def step_back(schedule: Schedule, prediction: Prediction, noisy: torch.Tensor, time: torch.Tensor) -> Normal:
    """p(x_{t−1} | x_t): the posterior of the predicted start, clipped to [−1, 1], and the predicted variance.

    Guidance may push the variance beyond [−1, 1]; it is clipped. A network without a variance gets the
    posterior's, which is that of plain DDPM.
    """
    mean, smallest = posterior(schedule, prediction.start.clamp(-1, 1), noisy, time)
    if prediction.variance is None:
        return Normal(mean, smallest.clamp(min=SMALLEST_LOG_VARIANCE))
    largest = gather(schedule.log_betas, time, noisy)
    log_variance = torch.lerp(smallest, largest, (prediction.variance.clamp(-1, 1) + 1) / 2)
    return Normal(mean, log_variance.clamp(min=SMALLEST_LOG_VARIANCE))


def kl(first: Normal, second: Normal) -> torch.Tensor:
    """Kullback-Leibler divergence of `first` from `second`, number by number, in nats."""
    difference = second.log_variance - first.log_variance
    squared = (first.mean - second.mean) ** 2 * (-second.log_variance).exp()
    return 0.5 * (difference + (-difference).exp() + squared - 1)


def discretised_log_likelihood(x: torch.Tensor, normal: Normal) -> torch.Tensor:
    """Log-probability of the bin around each number, in nats; the outermost bins reach to infinity.

    The distribution function is the approximation by tanh that improved DDPM uses.
    """
    scale = (-0.5 * normal.log_variance).exp()
    centred = x - normal.mean
    above = _cdf(scale * (centred + BIN))
    below = _cdf(scale * (centred - BIN))
    bins = torch.where(x < -1 + BIN, above, torch.where(x > 1 - BIN, 1 - below, above - below))
    return bins.clamp(min=1e-12).log()


def variational_bound(
    schedule: Schedule,
    prediction: Prediction,
    start: torch.Tensor,
    noisy: torch.Tensor,
    time: torch.Tensor,
) -> torch.Tensor:
    """(batch,) terms of the variational bound, in bits a number.

    The divergence of the true step back from the predicted one; at time 0 the likelihood of the clean dance.
    """
    predicted = step_back(schedule, prediction, noisy, time)
    divergence = kl(posterior(schedule, start, noisy, time), predicted).flatten(1).mean(dim=1)
    likelihood = discretised_log_likelihood(start, predicted).flatten(1).mean(dim=1)
    return torch.where(time == 0, -likelihood, divergence) / math.log(2)


def gather(values: torch.Tensor, time: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Values of a (steps,) table at (batch,) times, shaped (batch, 1, …) as `like` needs it."""
    picked = values.to(like.device, like.dtype)[time]
    return picked.view(-1, *[1] * (like.dim() - 1))


def _cdf(x: torch.Tensor) -> torch.Tensor:
    return 0.5 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))

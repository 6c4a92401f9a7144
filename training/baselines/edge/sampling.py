"""Ancestral sampling as EDGE does it: plain DDPM, hardly guided near the clean end.

DDIM, long dances and editing are those of `training.popdg`.
"""

from __future__ import annotations

import torch

from training.popdg.gaussian_diffusion import Normal, q_posterior
from training.popdg.losses import GUIDED_FROM
from training.popdg.model import Prediction
from training.popdg.schedule import Schedule


def posterior(schedule: Schedule, prediction: Prediction, x_t: torch.Tensor, t: torch.Tensor) -> Normal:
    """p(x_{t−1} | x_t): the posterior of the predicted x_0, clipped to [−1, 1], with its own variance."""
    return q_posterior(schedule, prediction.x_start.clamp(-1, 1), x_t, t)


def ancestral_guidance(t: int, weight: float) -> float:
    """The weight of guidance at a timestep; at most 1 below `GUIDED_FROM`."""
    return weight if t >= GUIDED_FROM else min(weight, 1.0)

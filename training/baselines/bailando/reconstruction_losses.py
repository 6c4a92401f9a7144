"""The losses of stage 1 (both halves) and stage 2 (velocity of joint 0): Bailando, Sec. 3.1."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch.nn import functional

from training.baselines.bailando.representation import split, without_velocity
from training.baselines.bailando.vqvae import Reconstruction, Reconstructions


class HalfLoss(NamedTuple):
    """The loss of one half, and its parts before they are weighted."""

    total: torch.Tensor
    position: torch.Tensor
    velocity: torch.Tensor
    acceleration: torch.Tensor
    commitment: torch.Tensor


class StageOneLoss(NamedTuple):
    """The mean of both halves, and each half."""

    total: torch.Tensor
    up: HalfLoss
    down: HalfLoss


class StageTwoLoss(NamedTuple):
    """The loss of the velocity of joint 0, and its two parts."""

    total: torch.Tensor
    velocity: torch.Tensor
    acceleration: torch.Tensor


def stage_one_loss(reconstructions: Reconstructions, motion: torch.Tensor, commitment: float) -> StageOneLoss:
    """Compares both halves with (batch, frames, 72) motion, without the velocity of joint 0."""
    channels = split(without_velocity(motion))
    up, down = (
        half_loss(reconstruction, expected, commitment)
        for reconstruction, expected in zip(reconstructions, channels, strict=True)
    )
    return StageOneLoss((up.total + down.total) / 2, up, down)


def half_loss(reconstruction: Reconstruction, expected: torch.Tensor, commitment: float) -> HalfLoss:
    """Mean absolute differences of (batch, frames, channels), of their velocities and their accelerations."""
    motion = reconstruction.motion
    position, velocity, acceleration = (
        functional.l1_loss(motion.diff(n, dim=1), expected.diff(n, dim=1)) for n in range(3)
    )
    total = position + velocity + acceleration + commitment * reconstruction.commitment
    return HalfLoss(total, position, velocity, acceleration, reconstruction.commitment)


def stage_two_loss(restored: torch.Tensor, motion: torch.Tensor) -> StageTwoLoss:
    """Compares the velocity of joint 0 (batch, frames, 3) with that of (batch, frames, 72) motion."""
    expected = motion[..., :3]
    velocity, acceleration = (
        functional.l1_loss(restored.diff(n, dim=1), expected.diff(n, dim=1)) for n in range(2)
    )
    return StageTwoLoss(velocity + acceleration, velocity, acceleration)

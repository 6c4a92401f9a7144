"""The training loss, part by part (paper, Eq. 4–10 and 15).

Every part is a mean over batch, frames and numbers. Shapes: vectors (batch, frames, 156), joints (batch,
frames, 24, 3).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import NamedTuple

import torch
from torch.nn import functional

from popdanceset.errors import InputError
from training.data.representation import (
    CONTACT,
    CONTACT_JOINTS,
    POSITION,
    ROTATION,
    MinMaxScaler,
    six_to_matrix,
)
from training.motion.forward_kinematics import JOINTS, forward_kinematics
from training.popdg.config import Objective
from training.popdg.gaussian_diffusion import add_noise, variational_bound
from training.popdg.guidance import guide
from training.popdg.model import Prediction
from training.popdg.schedule import Schedule

CERTAIN = 0.95
"""A predicted contact beyond this must hold its joint still."""

MOVING = slice(POSITION.start, ROTATION.stop)
"""The numbers of a vector that have a velocity; contacts have none."""

GUIDED_FROM = 100
"""Time step of a batch's first sample from which the released code guides its double pass."""

Network = Callable[..., Prediction]
"""`POPDG`, or a wrapper of it for several devices: called like `POPDG.forward`."""


class Draw(NamedTuple):
    """What chance decides of a training step.

    Attributes:
        time: (batch,) int64 time steps.
        noise: (batch, window, 156), standard normal.
        keep_tokens, keep_pooled: (batch,) bool, False where a sample goes without music.
    """

    time: torch.Tensor
    noise: torch.Tensor
    keep_tokens: torch.Tensor
    keep_pooled: torch.Tensor


class Loss(NamedTuple):
    """A loss to descend, and its weighted parts by name: scalars; the parts add up to the total."""

    total: torch.Tensor
    parts: dict[str, torch.Tensor]


def draw(
    objective: Objective, schedule: Schedule, motion: torch.Tensor, generator: torch.Generator | None = None
) -> Draw:
    """Time steps, noise and who goes without music, for a batch of motion."""
    batch, device = len(motion), motion.device
    time = torch.randint(schedule.steps, (batch,), generator=generator, device=device)
    noise = torch.randn(motion.shape, generator=generator, device=device, dtype=motion.dtype)
    keep = torch.rand(2, batch, generator=generator, device=device) >= objective.music_drop
    return Draw(time, noise, keep[0], keep[1] if objective.separate_drops else keep[0])


def training_loss(
    network: Network,
    schedule: Schedule,
    objective: Objective,
    motion: torch.Tensor,
    music: torch.Tensor,
    chance: Draw,
    scaler: MinMaxScaler | None = None,
) -> Loss:
    """The loss of a batch.

    Args:
        network: the network, or a wrapper of it.
        schedule: of the noise.
        objective: weights and variants.
        motion: (batch, window, 156), scaled.
        music: (batch, window, music_dim).
        chance: of `draw`.
        scaler: of the motion; needed where the objective measures metres.

    Raises:
        InputError: the objective measures metres and there is no scaler.
    """
    noisy = add_noise(schedule, motion, chance.time, chance.noise)
    prediction = network(noisy, chance.time, music, chance.keep_tokens, chance.keep_pooled).to(motion.dtype)
    start = prediction.start
    predicted, true = (_physical(x, objective, scaler) for x in (start, motion))
    predicted_joints, true_joints = joints(predicted), joints(true)
    parts = {
        "simple": simple(start, motion),
        "velocity": velocity(start, motion),
        "acceleration": acceleration(start, motion),
        "fk": fk(predicted_joints, true_joints),
        "body": body(predicted_joints, predicted[..., CONTACT]),
    }
    if prediction.variance is not None:
        bounded = Prediction(start.detach(), prediction.variance)
        if objective.bound == "double-pass":
            bounded = _guided(network, objective, noisy, music, chance)
        parts["bound"] = variational_bound(schedule, bounded, motion, noisy, chance.time).mean()
    weights = asdict(objective.weights)
    parts = {name: weights[name] * part for name, part in parts.items() if weights[name]}
    return Loss(torch.stack(list(parts.values())).sum(), parts)


def simple(predicted: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
    """Squared error of the vectors (Eq. 4)."""
    return functional.mse_loss(predicted, true)


def velocity(predicted: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
    """Squared error of the change from frame to frame, of position and rotations."""
    return functional.mse_loss(predicted[..., MOVING].diff(dim=1), true[..., MOVING].diff(dim=1))


def acceleration(predicted: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
    """Squared error of the change of the change, of position and rotations."""
    return functional.mse_loss(predicted[..., MOVING].diff(n=2, dim=1), true[..., MOVING].diff(n=2, dim=1))


def fk(predicted_joints: torch.Tensor, true_joints: torch.Tensor) -> torch.Tensor:
    """Squared error of the places of the joints."""
    return functional.mse_loss(predicted_joints, true_joints)


def body(predicted_joints: torch.Tensor, predicted_contacts: torch.Tensor) -> torch.Tensor:
    """Squared move of joints to the next frame, where they are predicted to be in contact.

    Args:
        predicted_joints: (batch, frames, 24, 3).
        predicted_contacts: (batch, frames, 9), for `CONTACT_JOINTS`.
    """
    moves = predicted_joints[:, :, CONTACT_JOINTS].diff(dim=1)
    held = moves * (predicted_contacts[:, :-1, :, None] > CERTAIN)
    # The last frame has no next one; it counts as a frame that holds still.
    return held.square().sum() / (held.numel() / (predicted_joints.shape[1] - 1) * predicted_joints.shape[1])


def joints(vectors: torch.Tensor) -> torch.Tensor:
    """(batch, frames, 156) → (batch, frames, 24, 3) places of the joints of the mean skeleton."""
    six = vectors[..., ROTATION].reshape(*vectors.shape[:-1], JOINTS, 6)
    return forward_kinematics(six_to_matrix(six), vectors[..., POSITION])


def _guided(
    network: Network, objective: Objective, noisy: torch.Tensor, music: torch.Tensor, chance: Draw
) -> Prediction:
    """The released code's second and third pass, the first sample's time deciding for the whole batch."""
    nobody = torch.zeros_like(chance.keep_tokens)
    given = network(noisy, chance.time, music)
    without = network(noisy, chance.time, music, nobody, nobody)
    weight = objective.guidance if chance.time[0] >= GUIDED_FROM else 1.0
    return guide(without.to(noisy.dtype), given.to(noisy.dtype), weight)


def _physical(vectors: torch.Tensor, objective: Objective, scaler: MinMaxScaler | None) -> torch.Tensor:
    """Metres, rotations and contacts from 0 to 1; or, as the released code does it, the scaled numbers."""
    if not objective.metres:
        return vectors
    if scaler is None:
        raise InputError("losses in metres need the scaler of the motion", do="give it, or metres=False")
    return (vectors + 1) / 2 * scaler.range + scaler.minimum

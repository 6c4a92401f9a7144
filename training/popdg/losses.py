"""The training loss, part by part (paper, Eq. 4–10 and 15).

Every part is a mean over batch, frames and channels. Shapes: vectors (batch, frames, 156), joints (batch,
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
    rotation_6d_to_matrix,
)
from training.interface import Loss
from training.motion.forward_kinematics import JOINTS, forward_kinematics
from training.popdg.config import LossWeights, Objective
from training.popdg.gaussian_diffusion import q_sample, vb_terms_bpd
from training.popdg.guidance import classifier_free_guidance
from training.popdg.model import Prediction
from training.popdg.schedule import Schedule

CERTAIN = 0.95
"""A joint whose predicted contact is above this must not move."""

MOVING = slice(POSITION.start, ROTATION.stop)
"""The channels of a vector that have a velocity: position and rotations, not contacts."""

GUIDED_FROM = 100
"""The released code guides its double pass if the first sample of the batch has at least this timestep."""

Network = Callable[..., Prediction]
"""`POPDG`, or a wrapper of it for several devices, which is called like `POPDG.forward`."""


class Draw(NamedTuple):
    """The random numbers of a training step.

    Attributes:
        timesteps: (batch,) int64.
        noise: (batch, window, 156), standard normal.
        keep_tokens, keep_pooled: (batch,) bool, False where a sample is trained without music.
    """

    timesteps: torch.Tensor
    noise: torch.Tensor
    keep_tokens: torch.Tensor
    keep_pooled: torch.Tensor


def draw(
    objective: Objective, schedule: Schedule, motion: torch.Tensor, generator: torch.Generator | None = None
) -> Draw:
    """Draws timesteps, noise and which samples are trained without music, for a batch of motion."""
    batch, device = len(motion), motion.device
    timesteps = torch.randint(schedule.num_timesteps, (batch,), generator=generator, device=device)
    noise = torch.randn(motion.shape, generator=generator, device=device, dtype=motion.dtype)
    keep = torch.rand(2, batch, generator=generator, device=device) >= objective.music_drop
    return Draw(timesteps, noise, keep[0], keep[1] if objective.separate_drops else keep[0])


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
        schedule: the noise schedule.
        objective: weights and variants.
        motion: (batch, window, 156), scaled.
        music: (batch, window, music_dim).
        chance: from `draw`.
        scaler: of the motion; required if the objective measures metres.

    Raises:
        InputError: the objective measures metres and there is no scaler.
    """
    t = chance.timesteps
    x_t = q_sample(schedule, motion, t, chance.noise)
    prediction = network(x_t, t, music, chance.keep_tokens, chance.keep_pooled).to(motion.dtype)
    x_start = prediction.x_start
    predicted, true = (_physical(x, objective, scaler) for x in (x_start, motion))
    predicted_joints, true_joints = joints(predicted), joints(true)
    parts = {
        "simple": simple(x_start, motion),
        "velocity": velocity(x_start, motion),
        "acceleration": acceleration(x_start, motion),
        "fk": fk(predicted_joints, true_joints),
        "body": body(predicted_joints, predicted[..., CONTACT]),
    }
    if prediction.variance is not None:
        bounded = Prediction(x_start.detach(), prediction.variance)
        if objective.bound == "double-pass":
            bounded = _guided(network, objective, x_t, music, chance)
        parts["bound"] = vb_terms_bpd(schedule, bounded, motion, x_t, t).mean()
    return weighted(parts, objective.weights)


def weighted(parts: dict[str, torch.Tensor], weights: LossWeights) -> Loss:
    """The sum of the parts of a loss with their weights; parts of weight 0 are left out."""
    factors = asdict(weights)
    parts = {name: factors[name] * part for name, part in parts.items() if factors[name]}
    return Loss(torch.stack(list(parts.values())).sum(), parts)


def simple(predicted: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
    """Squared error of the vectors (Eq. 4)."""
    return functional.mse_loss(predicted, true)


def velocity(predicted: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
    """Squared error of the change from frame to frame, of position and rotations."""
    return functional.mse_loss(predicted[..., MOVING].diff(dim=1), true[..., MOVING].diff(dim=1))


def acceleration(predicted: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
    """Squared error of the second difference over frames, of position and rotations."""
    return functional.mse_loss(predicted[..., MOVING].diff(n=2, dim=1), true[..., MOVING].diff(n=2, dim=1))


def fk(predicted_joints: torch.Tensor, true_joints: torch.Tensor) -> torch.Tensor:
    """Squared error of the joint positions."""
    return functional.mse_loss(predicted_joints, true_joints)


def body(predicted_joints: torch.Tensor, predicted_contacts: torch.Tensor) -> torch.Tensor:
    """Squared displacement to the next frame of joints that are predicted to be in contact.

    Args:
        predicted_joints: (batch, frames, 24, 3).
        predicted_contacts: (batch, frames, 9), for `CONTACT_JOINTS`.
    """
    return slips(predicted_joints[:, :, CONTACT_JOINTS], predicted_contacts > CERTAIN)


def slips(joints: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Mean square of the displacement of joints to the next frame, where it counts.

    Args:
        joints: (batch, frames, joints, 3).
        weights: (batch, frames, joints), of the displacements, before they are squared.
    """
    held = joints.diff(dim=1) * weights[:, :-1, :, None]
    # The last frame has no next frame; it counts as a frame without movement.
    return held.square().sum() / (held.numel() / (joints.shape[1] - 1) * joints.shape[1])


def joints(vectors: torch.Tensor) -> torch.Tensor:
    """(batch, frames, 156) → (batch, frames, 24, 3) joint positions of the mean skeleton."""
    rotation_6d = vectors[..., ROTATION].reshape(*vectors.shape[:-1], JOINTS, 6)
    return forward_kinematics(rotation_6d_to_matrix(rotation_6d), vectors[..., POSITION])


def _guided(
    network: Network, objective: Objective, x_t: torch.Tensor, music: torch.Tensor, chance: Draw
) -> Prediction:
    """The second and third pass of the released code; the first timestep decides for the whole batch."""
    t, nobody = chance.timesteps, torch.zeros_like(chance.keep_tokens)
    conditional = network(x_t, t, music)
    unconditional = network(x_t, t, music, nobody, nobody)
    weight = objective.guidance if t[0] >= GUIDED_FROM else 1.0
    return classifier_free_guidance(unconditional.to(x_t.dtype), conditional.to(x_t.dtype), weight)


def _physical(vectors: torch.Tensor, objective: Objective, scaler: MinMaxScaler | None) -> torch.Tensor:
    """Metres, rotations and contacts from 0 to 1; or the scaled vectors, which the released code measures."""
    if not objective.metres:
        return vectors
    if scaler is None:
        raise InputError("losses in metres need the scaler of the motion", do="give it, or set metres=False")
    return scaler.unscale(vectors, clip=False)

"""The training loss, part by part. Every part is a mean over batch, frames and channels."""

from __future__ import annotations

from dataclasses import asdict

import torch

from training.baselines.edge.config import EdgeObjective
from training.baselines.edge.representation import CONTACTS, FEET, MOVING, scaler_of
from training.data.representation import MinMaxScaler
from training.interface import Loss
from training.popdg.gaussian_diffusion import q_sample
from training.popdg.losses import CERTAIN, Draw, Network, fk, joints, simple, slips, velocity
from training.popdg.schedule import Schedule


def training_loss(
    network: Network,
    schedule: Schedule,
    objective: EdgeObjective,
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
        motion: (batch, window, 151), scaled.
        music: (batch, window, music_dim).
        chance: timesteps, noise, and the samples that keep their music.
        scaler: of the vectors of the release; required if the objective measures metres.
    """
    t = chance.timesteps
    x_t = q_sample(schedule, motion, t, chance.noise)
    x_start = network(x_t, t, music, chance.keep_tokens, chance.keep_pooled).x_start.to(motion.dtype)
    predicted, true = x_start, motion
    if objective.metres:
        if scaler is None:
            raise ValueError("losses in metres need the scaler of the motion")
        own = scaler_of(scaler)
        predicted, true = own.unscale(x_start, clip=False), own.unscale(motion, clip=False)
    places = joints(predicted[..., MOVING])
    contacts = predicted[..., CONTACTS]
    held = contacts if objective.contact == "weighted" else contacts > CERTAIN
    parts = {
        "simple": simple(x_start, motion),
        "velocity": velocity(x_start[..., MOVING], motion[..., MOVING]),
        "fk": fk(places, joints(true[..., MOVING])),
        "foot": slips(places[:, :, FEET], held),
    }
    weights = asdict(objective.weights)
    parts = {name: weights[name] * part for name, part in parts.items()}
    return Loss(torch.stack(list(parts.values())).sum(), parts)

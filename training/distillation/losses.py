"""The loss of distillation: one prediction of the student against many of its teacher.

From a noisy dance the teacher walks to the end of a segment, by DDIM without fresh noise. The target is the
prediction with which the student gets there in one jump (Salimans and Ho, 2022, Algorithm 2, with as many
steps of the teacher as wanted, and only where a sampler of the student stops).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch

from training.data.representation import MinMaxScaler
from training.distillation.jumps import jump, start_towards
from training.distillation.segments import walks
from training.interface import Loss
from training.popdg.config import LossWeights
from training.popdg.gaussian_diffusion import q_sample
from training.popdg.losses import acceleration, fk, joints, simple, velocity, weighted
from training.popdg.schedule import Schedule

Predict = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""(x_t, (batch,) timesteps) → the predicted clean dance, both (batch, window, channels)."""

WEIGHTS = LossWeights(velocity=10.0, acceleration=10.0)
"""As in training, but the few steps of a student leave jitter, which costs beats: motion counts more."""


@dataclass(frozen=True, slots=True)
class DistillationObjective:
    """What distillation minimises.

    Attributes:
        weights: of the parts of the loss; body and bound do not occur in it.
        steps: in which the student will dance.
        teacher_steps: of the teacher on the whole way.
        guidance: the weight of the teacher's classifier-free guidance.
        teacher: fingerprint of the teacher's weights.
    """

    weights: LossWeights = WEIGHTS
    steps: int = 4
    teacher_steps: int = 24
    guidance: float = 2.0
    teacher: str = ""

    @property
    def walks(self) -> torch.Tensor:
        """The teacher's timesteps from each start of the student; see `training.distillation.segments`."""
        return walks(self.steps, self.teacher_steps)


class Draw(NamedTuple):
    """The random numbers of a step.

    Attributes:
        starts: (batch,) int64, rows of `DistillationObjective.walks`.
        noise: (batch, window, channels), standard normal.
    """

    starts: torch.Tensor
    noise: torch.Tensor


def draw(objective: DistillationObjective, shape: tuple[int, ...], generator: torch.Generator) -> Draw:
    """Draws for a batch of motion of this shape."""
    starts = torch.randint(len(objective.walks), shape[:1], generator=generator)
    return Draw(starts, torch.randn(shape, generator=generator))


def distillation_loss(
    student: Predict,
    teacher: Predict,
    schedule: Schedule,
    objective: DistillationObjective,
    motion: torch.Tensor,
    chance: Draw,
    scaler: MinMaxScaler,
) -> Loss:
    """The loss of a batch.

    The parts are those of POPDG's training, but between two predictions. Joints are always in metres.

    Args:
        student: predicts with gradients.
        teacher: predicts with guidance.
        schedule: the noise schedule.
        objective: steps and weights.
        motion: (batch, window, 156), scaled.
        chance: from `draw`.
        scaler: of the motion.
    """
    stops = objective.walks.to(motion.device)[chance.starts]
    t = stops[:, 0]
    x_t = q_sample(schedule, motion, t, chance.noise)
    target = walked(teacher, schedule, x_t, stops)
    predicted = student(x_t, t)
    parts = {
        "simple": simple(predicted, target),
        "velocity": velocity(predicted, target),
        "acceleration": acceleration(predicted, target),
    }
    if objective.weights.fk:
        parts["fk"] = fk(*(joints(scaler.unscale(x, clip=False)) for x in (predicted, target)))
    return weighted(parts, objective.weights)


@torch.no_grad()
def walked(teacher: Predict, schedule: Schedule, x_t: torch.Tensor, stops: torch.Tensor) -> torch.Tensor:
    """The clean dance that the student should predict from `x_t`, (batch, window, channels).

    Args:
        teacher: predicts.
        schedule: the noise schedule.
        x_t: (batch, window, channels), dances at the first of their stops.
        stops: (batch, stops) int64, the timesteps of each dance: falling, and at its end repeated.
    """
    x = x_t
    for t, after in pairwise(stops.unbind(1)):
        # `jump` ignores the prediction for a dance that has arrived, but the network has no timestep CLEAN.
        x = jump(schedule, teacher(x, t.clamp(min=0)).clamp(-1, 1), x, t, after)  # clipped, as samplers do
    return start_towards(schedule, x, x_t, stops[:, 0], stops[:, -1])

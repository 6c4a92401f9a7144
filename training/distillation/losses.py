"""The loss of distillation: the student's prediction against the one that agrees with its own, a step later.

Algorithm 1 of Heek et al. (2024) with a teacher: DDIM takes a noisy dance one step along the teacher's path.
From there, the student's consistency function leads to the end of the segment. The target is the prediction
with which one jump leads to the same place; at the last step of a segment, the teacher's own prediction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import torch

from training.data.representation import MinMaxScaler
from training.distillation.consistency import jump, start_towards
from training.distillation.segments import Segments, segments
from training.interface import Loss
from training.popdg.config import LossWeights
from training.popdg.gaussian_diffusion import q_sample
from training.popdg.losses import acceleration, fk, joints, simple, velocity, weighted
from training.popdg.schedule import Schedule

Predict = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""(x_t, (batch,) timesteps) → the predicted clean dance, both (batch, window, channels)."""


@dataclass(frozen=True, slots=True)
class DistillationObjective:
    """What distillation minimises.

    Attributes:
        weights: of the parts of the loss; body and bound do not occur in it.
        steps: in which the student will dance.
        teacher_steps: of the teacher's paths.
        guidance: the weight of classifier-free guidance on these paths.
        teacher: fingerprint of the teacher's weights.
    """

    weights: LossWeights = field(default_factory=LossWeights)
    steps: int = 4
    teacher_steps: int = 48
    guidance: float = 2.0
    teacher: str = ""

    @property
    def segments(self) -> Segments:
        """The timesteps of the paths."""
        return segments(self.steps, self.teacher_steps)


class Draw(NamedTuple):
    """The random numbers of a step.

    Attributes:
        numbers: (batch,) int64, of the steps of the teacher.
        noise: (batch, window, channels), standard normal.
    """

    numbers: torch.Tensor
    noise: torch.Tensor


def draw(objective: DistillationObjective, shape: tuple[int, ...], generator: torch.Generator) -> Draw:
    """Draws for a batch of motion of this shape."""
    numbers = torch.randint(objective.teacher_steps, shape[:1], generator=generator)
    return Draw(numbers, torch.randn(shape, generator=generator))


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
    steps = objective.segments
    t, stop, end = (times.to(motion.device)[chance.numbers] for times in (steps.start, steps.stop, steps.end))
    x_t = q_sample(schedule, motion, t, chance.noise)
    target = consistency_target(student, teacher, schedule, x_t, t, stop, end)
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
def consistency_target(
    student: Predict,
    teacher: Predict,
    schedule: Schedule,
    x_t: torch.Tensor,
    t: torch.Tensor,
    stop: torch.Tensor,
    end: torch.Tensor,
) -> torch.Tensor:
    """The clean dance that the student should predict from `x_t`, (batch, window, channels).

    Args:
        student, teacher: predict.
        schedule: the noise schedule.
        x_t: (batch, window, channels), the dance at `t`.
        t, stop, end: (batch,) int64: before and after a step of the teacher, and at the end of its segment.
    """
    x_stop = jump(schedule, teacher(x_t, t).clamp(-1, 1), x_t, t, stop)  # clipped, as samplers do
    # Where a segment ends, the prediction does not matter, but the network has no timestep CLEAN.
    x_end = jump(schedule, student(x_stop, stop.clamp(min=0)), x_stop, stop, end)
    return start_towards(schedule, x_end, x_t, t, end)

"""Distillation as the trainer sees it: a model that learns from a trained one."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import MappingProxyType
from typing import Any, ClassVar

import torch

from popdanceset.errors import InputError
from training.data import DanceWindows
from training.data.music_scaler import MusicScaler
from training.data.representation import WIDTH, MinMaxScaler, SmplMotion
from training.distillation.losses import DistillationObjective, Draw, distillation_loss, draw
from training.fitting.recipe import Recipe
from training.interface import Distilled, Loss, Model, Options, Trained
from training.popdg.config import PAPER, ModelConfig
from training.popdg.guidance import classifier_free_guidance
from training.popdg.model import POPDG, Condition, Prediction
from training.popdg.schedule import full_schedule
from training.sampling.diffusion import diffusion_dance


class Distillation(Model):
    """POPDG distilled from a teacher; checkpoints are of the model `popdg`, and say that they are distilled.

    Args:
        teacher: a trained POPDG.

    Attributes:
        sizes: of the student: those of the teacher, without dropout and hidden frames, which would blur the
            teacher's predictions.

    Raises:
        InputError: the teacher is another model, or is distilled itself.
    """

    name: ClassVar[str] = "popdg"
    title: ClassVar[str] = "POPDG, distilled"
    config: ClassVar[Callable[..., Any]] = ModelConfig

    def __init__(self, teacher: Trained) -> None:
        if not isinstance(teacher.model, POPDG):
            raise InputError(
                f"a model {teacher.model.config.architecture} cannot be distilled",
                "--distil",
                "name a checkpoint of popdg",
            )
        if teacher.distilled is not None:
            raise InputError(
                f"is distilled to {teacher.distilled.steps} steps already",
                "--distil",
                "name the checkpoint that it was distilled from",
            )
        self.presets = MappingProxyType({"paper": PAPER})
        self.teacher = teacher
        self.network_of_teacher: POPDG = teacher.model.eval().requires_grad_(False)
        self.sizes = replace(teacher.model.config, dropout=0.0, attention_dropout=0.0, frame_mask=0.0)

    def network(self, config: ModelConfig) -> POPDG:
        """A student, which begins as its teacher. It always hears the music and predicts no variance."""
        student = POPDG(config)
        student.load_state_dict(self.network_of_teacher.state_dict())
        unused = (student.no_tokens, getattr(student, "no_pooled", None), student.variance_projection)
        for part in unused:
            if part is not None:
                part.requires_grad_(False)
        return student

    def scalers(self, windows: DanceWindows, recipe: Recipe) -> tuple[MinMaxScaler, MusicScaler]:
        """Those of the teacher, whatever the release."""
        return self.teacher.scaler.to("cpu"), self.teacher.music_scaler

    def encode(self, config: ModelConfig, vectors: torch.Tensor, scaler: MinMaxScaler) -> torch.Tensor:
        """The vectors of a release, scaled."""
        return scaler.scale(vectors)

    def draw(
        self, config: ModelConfig, objective: DistillationObjective, batch: int, generator: torch.Generator
    ) -> Draw:
        """See `training.distillation.losses.draw`."""
        return draw(objective, (batch, config.window, WIDTH), generator)

    def loss(
        self,
        predict: Callable[..., Any],
        objective: DistillationObjective,
        motion: torch.Tensor,
        music: torch.Tensor,
        chance: Draw,
        scaler: MinMaxScaler,
    ) -> Loss:
        """See `training.distillation.losses.distillation_loss`."""
        teacher = GuidedTeacher(self.network_of_teacher.to(motion.device), music, objective.guidance)

        def student(x_t: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
            predicted: Prediction = predict(x_t, t, music)
            return predicted.x_start

        return distillation_loss(student, teacher, full_schedule(), objective, motion, chance, scaler)

    def guidance(self, objective: DistillationObjective) -> float:
        """The weight of the teacher's."""
        return objective.guidance

    def remarks(self, objective: DistillationObjective) -> dict[str, Any]:
        """That a checkpoint is distilled, to how many steps, and from which teacher."""
        return {"distilled": dataclasses.asdict(self.mark(objective))}

    def mark(self, objective: DistillationObjective) -> Distilled:
        """What a student is."""
        return Distilled(objective.steps, objective.teacher)

    def dance(
        self, trained: Trained, music: torch.Tensor, options: Options, seed: int
    ) -> Iterator[SmplMotion]:
        """See `training.sampling.diffusion.diffusion_dance`."""
        return diffusion_dance(trained, music, options, seed)


class GuidedTeacher:
    """The teacher with classifier-free guidance; unlike in sampling, each dance has its own timestep.

    Args:
        model: the network, in evaluation mode.
        music: (batch, window, music_dim).
        weight: of the guidance.
    """

    def __init__(self, model: POPDG, music: torch.Tensor, weight: float) -> None:
        self.model, self.weight = model, weight
        with torch.no_grad():
            self.both = Condition.cat([model.no_music(len(music)), model.condition(music)])

    @torch.no_grad()
    def __call__(self, x_t: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """The clean dances, (batch, window, 156), from dances at (batch,) timesteps."""
        x_start, _ = self.model.denoise(x_t, t.repeat(2), self.both)
        unconditional, conditional = (Prediction(part, None) for part in x_start.chunk(2))
        return classifier_free_guidance(unconditional, conditional, self.weight).x_start


def distillation_objective(
    teacher: Trained, steps: int = 4, teacher_steps: int = 24
) -> DistillationObjective:
    """The objective for a teacher, with its guidance.

    Args:
        teacher: the trained network.
        steps: in which the student will dance.
        teacher_steps: of the teacher on the whole way.

    Raises:
        InputError: the steps do not fit each other.
    """
    objective = DistillationObjective(
        steps=steps,
        teacher_steps=teacher_steps,
        guidance=teacher.guidance,
        teacher=fingerprint(teacher.model),
    )
    assert len(objective.walks)  # raises if the steps do not fit
    return objective


def fingerprint(network: torch.nn.Module) -> str:
    """The first 12 hexadecimal digits of the SHA-256 of a network's weights."""
    digest = hashlib.sha256()
    for name, values in network.state_dict().items():
        digest.update(name.encode())
        digest.update(values.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:12]

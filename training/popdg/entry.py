"""POPDG as trainer, sampler and commands see it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import torch

from popdanceset.errors import InputError
from training.data.music_scaler import MusicScaler
from training.data.representation import WIDTH, MinMaxScaler, SmplMotion
from training.interface import Loss, Model, Options, Trained
from training.popdg.config import ABLATIONS, PRESETS, RELEASED, ModelConfig, Objective
from training.popdg.losses import Draw, draw, training_loss
from training.popdg.model import POPDG
from training.popdg.released import load_released
from training.popdg.schedule import full_schedule
from training.sampling.diffusion import QUICK, diffusion_dance


class POPDGModel(Model):
    """POPDG (Luo et al., CVPR 2024)."""

    name: ClassVar[str] = "popdg"
    title: ClassVar[str] = "POPDG"
    config: ClassVar[Callable[..., Any]] = ModelConfig

    def __init__(self) -> None:
        self.presets, self.ablations = PRESETS, ABLATIONS

    def network(self, config: ModelConfig) -> POPDG:
        """See `Model`."""
        return POPDG(config)

    def encode(self, config: ModelConfig, vectors: torch.Tensor, scaler: MinMaxScaler) -> torch.Tensor:
        """The vectors of a release, scaled."""
        return scaler.scale(vectors)

    def draw(self, config: ModelConfig, objective: Objective, batch: int, generator: torch.Generator) -> Draw:
        """See `training.popdg.losses.draw`."""
        return draw(objective, full_schedule(), torch.empty(batch, config.window, WIDTH), generator)

    def loss(
        self,
        predict: Callable[..., Any],
        objective: Objective,
        motion: torch.Tensor,
        music: torch.Tensor,
        chance: Draw,
        scaler: MinMaxScaler,
    ) -> Loss:
        """See `training.popdg.losses.training_loss`."""
        return training_loss(predict, full_schedule(), objective, motion, music, chance, scaler)

    def guidance(self, objective: Objective) -> float:
        """The weight of the objective."""
        return objective.guidance

    @property
    def quick(self) -> Options:
        """Few steps of DPM-Solver++."""
        return QUICK

    def dance(
        self, trained: Trained, music: torch.Tensor, options: Options, seed: int
    ) -> Iterator[SmplMotion]:
        """See `training.sampling.diffusion.diffusion_dance`."""
        return diffusion_dance(trained, music, options, seed)

    def load_released(self, path: Path, device: torch.device, extractor: str) -> Trained:
        """See `training.popdg.released.load_released`."""
        model, scaler = load_released(path)
        if scaler is None:
            raise InputError("contains no normaliser, so its outputs cannot be scaled back", path)
        return Trained(
            model.to(device),
            scaler.to(device),
            MusicScaler.none(model.config.music_dim),
            extractor,
            RELEASED.objective.guidance,
            device,
        )


MODEL = POPDGModel()

"""EDGE as trainer, sampler and commands see it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import torch

from popdanceset.errors import InputError
from training.baselines.edge.config import PRESETS, RELEASED, EdgeConfig, EdgeObjective
from training.baselines.edge.losses import training_loss
from training.baselines.edge.model import EDGE
from training.baselines.edge.released import load_released
from training.baselines.edge.representation import CHANNELS, WIDTH, release_scaler
from training.baselines.edge.sampling import ancestral_guidance, posterior
from training.data.music_scaler import MusicScaler
from training.data.representation import MinMaxScaler, SmplMotion
from training.interface import Loss, Model, Options, Trained
from training.popdg.config import Objective
from training.popdg.losses import Draw, draw
from training.popdg.schedule import full_schedule
from training.sampling.diffusion import QUICK, diffusion_dance


class EdgeModel(Model):
    """EDGE (Tseng et al., CVPR 2023)."""

    name: ClassVar[str] = "edge"
    title: ClassVar[str] = "EDGE"
    config: ClassVar[Callable[..., Any]] = EdgeConfig

    def __init__(self) -> None:
        self.presets = PRESETS

    def network(self, config: EdgeConfig) -> EDGE:
        """See `Model`."""
        return EDGE(config)

    def encode(self, config: EdgeConfig, vectors: torch.Tensor, scaler: MinMaxScaler) -> torch.Tensor:
        """The channels of EDGE, scaled."""
        return scaler.scale(vectors)[..., CHANNELS]

    def draw(
        self, config: EdgeConfig, objective: EdgeObjective, batch: int, generator: torch.Generator
    ) -> Draw:
        """See `training.popdg.losses.draw`."""
        drops = Objective(music_drop=objective.music_drop)
        return draw(drops, full_schedule(), torch.empty(batch, config.window, WIDTH), generator)

    def loss(
        self,
        predict: Callable[..., Any],
        objective: EdgeObjective,
        motion: torch.Tensor,
        music: torch.Tensor,
        chance: Draw,
        scaler: MinMaxScaler,
    ) -> Loss:
        """See `training.baselines.edge.losses.training_loss`."""
        return training_loss(predict, full_schedule(), objective, motion, music, chance, scaler)

    def guidance(self, objective: EdgeObjective) -> float:
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
        return diffusion_dance(
            trained,
            music,
            options,
            seed,
            channels=CHANNELS,
            ancestral_guidance=ancestral_guidance,
            reverse=posterior,
            chords=trained.model.config.chords,
        )

    def load_released(self, path: Path, device: torch.device, extractor: str) -> Trained:
        """See `training.baselines.edge.released.load_released`."""
        model, scaler, _ = load_released(path)
        if scaler is None:
            raise InputError("contains no normaliser, so its outputs cannot be scaled back", path)
        music = MusicScaler.none(model.config.music_dim)
        guidance = RELEASED.objective.guidance
        return Trained(
            model.to(device), release_scaler(scaler).to(device), music, extractor, guidance, device
        )


MODEL = EdgeModel()

"""FACT as trainer, sampler and commands see it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from popdanceset.errors import InputError
from training.baselines.fact.config import PRESETS, FactConfig, Objective
from training.baselines.fact.dancing import dance
from training.baselines.fact.keras_adam import KerasAdam
from training.baselines.fact.losses import prediction_loss
from training.baselines.fact.model import FACT
from training.baselines.fact.representation import decode, from_vectors
from training.data.representation import MinMaxScaler, SmplMotion
from training.fitting.recipe import Recipe
from training.interface import Loss, Model, NoChance, Options, Trained
from training.popdg.editing import Given

_PIECE = 30
"""Frames of a piece of a dance."""


class FactModel(Model):
    """FACT (Li et al., ICCV 2021)."""

    name: ClassVar[str] = "fact"
    title: ClassVar[str] = "FACT"
    config: ClassVar[Callable[..., Any]] = FactConfig

    def __init__(self) -> None:
        self.presets = PRESETS

    def network(self, config: FactConfig) -> FACT:
        """See `Model`."""
        return FACT(config)

    def encode(self, config: FactConfig, vectors: torch.Tensor, scaler: MinMaxScaler) -> torch.Tensor:
        """The frames that the network sees and those that it predicts, unscaled: (batch, frames, 225)."""
        return from_vectors(vectors[:, : config.motion_frames + config.future])

    def loss(
        self,
        predict: Callable[..., Any],
        objective: Objective,
        motion: torch.Tensor,
        music: torch.Tensor,
        chance: NoChance,
        scaler: MinMaxScaler,
    ) -> Loss:
        """See `training.baselines.fact.losses.prediction_loss`."""
        total = prediction_loss(predict(motion, music), motion)
        return Loss(total, {"prediction": total})

    def optimizer(self, network: torch.nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
        """Adam in the form of Keras."""
        return KerasAdam(network.parameters(), recipe.learning_rate)

    def dance(
        self, trained: Trained, music: torch.Tensor, options: Options, seed: int
    ) -> Iterator[SmplMotion]:
        """Dances from a motion of the training part (chosen by `seed`), or from a given start.

        A seed motion from the training part is not part of the dance: it is thought of as before the music,
        and the network hears the beginning of the music mirrored there. A given start is part of the dance,
        so leave it out of measurements. At the end the network hears the end of the music mirrored; the
        released code stops where there is no whole window of music left.

        Yields:
            Motion, as many frames as the music has.

        Raises:
            InputError: there is no music or no motion to start from, or an option has no meaning here.
        """
        if not len(music):
            raise InputError("there are no frames of music", self.title)
        model: FACT = trained.model
        given, config = options.given, model.config
        replace(options, given=None).must_be_empty(self.title)
        if given is None:
            window, before = self._remembered(model, seed), config.motion_frames
        else:
            window, before = self._start(trained, given), 0
        after = max(config.audio_frames - config.motion_frames, 0)
        audio = trained.music_scaler(mirrored_ends(music, before, after)).to(trained.device)
        frames = len(music)
        if given is not None:
            start = min(config.motion_frames, frames)
            yield _cpu(window[:, :start])
            frames -= start
        for first in range(0, frames, _PIECE):
            count = min(_PIECE, frames - first)
            heard = audio[None, first : first + count - 1 + config.audio_frames]
            piece = dance(model, window, heard, count)
            window = torch.cat([window, piece], dim=1)[:, -config.motion_frames :]
            yield _cpu(piece)

    def load_released(self, path: Path, device: torch.device, extractor: str) -> Trained:
        """Refuses: the released weights move at 60 fps with y up, and dances here have 30 fps and z up.

        `training.baselines.fact.released.load_released` reads them for use in Python.
        """
        raise InputError(
            "released weights of FACT dance at 60 fps with y up, which releases do not have",
            path,
            "load them in Python: training.baselines.fact.released",
        )

    def _remembered(self, model: FACT, seed: int) -> torch.Tensor:
        known = int(model.known_seeds)
        if not known:
            raise InputError(
                "the network remembers no motion to dance from",
                self.title,
                f"train it, or give a start of {model.config.motion_frames} frames",
            )
        return model.seeds[seed % known][None]

    def _start(self, trained: Trained, given: Given) -> torch.Tensor:
        frames = trained.model.config.motion_frames
        whole = given.mask.shape[-2] >= frames and bool(given.mask[:frames].all())
        if not whole or given.mask[frames:].any():
            raise InputError(
                "FACT can only continue a given start",
                self.title,
                f"give exactly the first {frames} frames of a dance",
            )
        values = given.values[:frames].to(trained.device)
        return from_vectors(trained.scaler.unscale(values))[None]


def mirrored_ends(music: torch.Tensor, before: int, after: int) -> torch.Tensor:
    """(frames, width) → (before + frames + after, width): music continues backwards beyond its ends."""
    rows = np.pad(np.arange(len(music)), (before, after), mode="reflect" if len(music) > 1 else "edge")
    return music[torch.from_numpy(rows)]


def _cpu(motion: torch.Tensor) -> SmplMotion:
    return decode(motion[0].cpu())


MODEL = FactModel()

"""A trained network with all that is needed to dance with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from popdanceset.errors import InputError
from training.data.music_scaler import MusicScaler
from training.data.representation import MinMaxScaler
from training.fitting import checkpoint
from training.popdg.config import ModelConfig
from training.popdg.model import POPDG
from training.popdg.released import load_released


@dataclass(frozen=True, slots=True)
class Trained:
    """A network in evaluation mode.

    Attributes:
        model: with the running mean of the parameters.
        scaler: of the motion.
        music_scaler: of the music features.
        extractor: name of the music features it was trained with.
        guidance: weight of guidance it was made for.
        device: where all of it is.
    """

    model: POPDG
    scaler: MinMaxScaler
    music_scaler: MusicScaler
    extractor: str
    guidance: float
    device: torch.device


def load_trained(path: Path, device: torch.device | str = "cpu") -> Trained:
    """Reads a checkpoint that training wrote: a file, or a run's folder for its newest.

    Raises:
        InputError: there is none, or it is damaged or something else.
    """
    saved = checkpoint.load(path)
    device = torch.device(device)
    try:
        model = POPDG(ModelConfig(**saved["config"]))
        model.load_state_dict(saved["average"])
        scaler = MinMaxScaler(saved["scaler"]["minimum"], saved["scaler"]["maximum"])
        music: dict[str, Any] = saved["music"]
        music_scaler = MusicScaler(music["mean"], music["deviation"])
        return Trained(
            model.to(device).eval(),
            scaler.to(device),
            music_scaler,
            music["extractor"],
            saved["guidance"],
            device,
        )
    except (KeyError, TypeError, RuntimeError) as error:
        raise InputError(
            f"is no whole checkpoint: {error}".splitlines()[0], path, "name a file that training wrote"
        ) from error


def load_authors(path: Path, device: torch.device | str = "cpu", extractor: str = "jukebox") -> Trained:
    """Reads a checkpoint of the released code.

    Args:
        path: the file.
        device: where to put it.
        extractor: name of the music features, which it does not tell.

    Raises:
        InputError: it is none, or has no normaliser.
    """
    model, scaler = load_released(path)
    if scaler is None:
        raise InputError("holds no normaliser, without which its numbers mean nothing", path)
    device = torch.device(device)
    return Trained(
        model.to(device),
        scaler.to(device),
        MusicScaler.none(model.config.music_dim),
        extractor,
        2.0,
        device,
    )


def must_hear(trained: Trained, width: int, extractor: str, where: object) -> None:
    """Complains about music features that the network was not trained with.

    Raises:
        InputError: the width or the extractor differs.
    """
    wanted: Sequence[object] = (trained.model.config.music_dim, trained.extractor)
    if (width, extractor) != tuple(wanted):
        raise InputError(
            f"{extractor} features of {width} numbers, but the model was trained with {trained.extractor} "
            f"features of {wanted[0]}",
            where,
            "take the checkpoint of a model trained with these features",
        )

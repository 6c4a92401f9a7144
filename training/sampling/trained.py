"""A trained network with everything that sampling needs."""

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
        model: with the moving average of its parameters.
        scaler: of the motion.
        music_scaler: of the music features.
        extractor: name of the music features that it was trained with.
        guidance: default weight of classifier-free guidance.
        device: of the model and the scaler.
    """

    model: POPDG
    scaler: MinMaxScaler
    music_scaler: MusicScaler
    extractor: str
    guidance: float
    device: torch.device


def load_trained(path: Path, device: torch.device | str = "cpu") -> Trained:
    """Reads a checkpoint that training wrote: a file, or the newest in the folder of a run.

    Raises:
        InputError: there is no checkpoint, or it is damaged or of another program.
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
            f"is not a complete checkpoint: {error}".splitlines()[0], path, "name a file that training wrote"
        ) from error


def load_authors(path: Path, device: torch.device | str = "cpu", extractor: str = "jukebox") -> Trained:
    """Reads a checkpoint of the released code.

    Args:
        path: the file.
        device: for the model.
        extractor: name of the music features that it was trained with, which the file does not contain.

    Raises:
        InputError: the file is not such a checkpoint, or has no normaliser.
    """
    model, scaler = load_released(path)
    if scaler is None:
        raise InputError("contains no normaliser, so its outputs cannot be scaled back", path)
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
    """Checks that music features are those that the network was trained with.

    Raises:
        InputError: the width or the extractor differs.
    """
    wanted: Sequence[object] = (trained.model.config.music_dim, trained.extractor)
    if (width, extractor) != tuple(wanted):
        raise InputError(
            f"{extractor} features of {width} numbers, but the model was trained with {trained.extractor} "
            f"features of {wanted[0]}",
            where,
            "use the checkpoint of a model that was trained with these features",
        )

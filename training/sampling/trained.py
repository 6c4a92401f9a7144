"""A trained network with everything that sampling needs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from popdanceset.errors import InputError
from training.data.music_scaler import MusicScaler
from training.data.representation import MinMaxScaler
from training.fitting import checkpoint
from training.interface import Distilled, Trained
from training.models import FIRST, load

__all__ = ["Trained", "load_authors", "load_trained", "must_hear"]


def load_trained(path: Path, device: torch.device | str = "cpu", wanted: str | None = None) -> Trained:
    """Reads a checkpoint that training wrote: a file, or the newest in the folder of a run.

    Args:
        path: the file or folder.
        device: for the model.
        wanted: name of the model that it must be of; None: any.

    Raises:
        InputError: there is no checkpoint, or it is damaged, of another program or of another model.
    """
    saved = checkpoint.load(path)
    if wanted is not None:
        checkpoint.must_be_of(saved, wanted, path)
    kind = load(checkpoint.architecture(saved))
    device = torch.device(device)
    try:
        model = kind.network(kind.config(**saved["config"]))
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
            Distilled(**saved["distilled"]) if "distilled" in saved else None,
        )
    except (KeyError, TypeError, RuntimeError) as error:
        raise InputError(
            f"is not a complete checkpoint: {error}".splitlines()[0], path, "name a file that training wrote"
        ) from error


def load_authors(
    path: Path, device: torch.device | str = "cpu", extractor: str = "jukebox", name: str = FIRST
) -> Trained:
    """Reads a checkpoint of the authors' code of a model.

    Args:
        path: the file.
        device: for the model.
        extractor: name of the music features that it was trained with, which the file does not contain.
        name: of the model.

    Raises:
        InputError: the file is not such a checkpoint, or lacks what sampling needs.
    """
    return load(name).load_released(path, torch.device(device), extractor)


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

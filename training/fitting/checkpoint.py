"""Checkpoints: one file holds all that training needs to go on, and all that sampling needs to begin.

Files appear when they are complete, older ones go when newer ones are safe.
"""

from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import Any

import torch

from popdanceset.errors import InputError
from training.atomic import replacing

FORMAT = 1
"""To be raised when older programs could not read what is written."""

_NAME = re.compile(r"checkpoint-(\d{8})\.pt")


def name_of(step: int) -> str:
    """File name of the checkpoint after so many steps."""
    return f"checkpoint-{step:08d}.pt"


def step_of(path: Path) -> int:
    """After how many steps a checkpoint was written, by its name.

    Raises:
        ValueError: the file does not bear a checkpoint's name.
    """
    named = _NAME.fullmatch(path.name)
    if named is None:
        raise ValueError(f"{path} bears no checkpoint's name")
    return int(named[1])


def save(folder: Path, step: int, content: dict[str, Any], keep: int) -> Path:
    """Writes the checkpoint of a step and removes all but the newest `keep`.

    Args:
        folder: of the run; must exist.
        step: steps done.
        content: tensors, numbers, strings, and lists and dicts of them: nothing that needs code to be read.
        keep: checkpoints that stay, at least 1.

    Raises:
        InputError: the folder cannot be written to; older checkpoints are untouched then.
    """
    path = folder / name_of(step)
    try:
        with replacing(path) as file:
            torch.save({"format": FORMAT, "step": step, **content}, file)
    except (OSError, RuntimeError) as error:  # torch reports a full disk as RuntimeError
        raise InputError(
            f"checkpoint not written: {error}".splitlines()[0], path, "free space; older ones are whole"
        ) from error
    for old in _checkpoints(folder)[:-keep]:
        old.unlink(missing_ok=True)
    return path


def latest(folder: Path) -> Path | None:
    """The newest checkpoint of a run's folder, if there is one."""
    found = _checkpoints(folder)
    return found[-1] if found else None


def load(path: Path) -> dict[str, Any]:
    """What `save` wrote, on the processor. A folder means its newest checkpoint.

    Raises:
        InputError: there is none, or it is damaged, or something else.
    """
    if path.is_dir():
        newest = latest(path)
        if newest is None:
            raise InputError("holds no checkpoint", path, "name a file, or a folder that training wrote")
        path = newest
    try:
        content = torch.load(path, weights_only=True, map_location="cpu")
    except OSError as error:
        raise InputError(f"not readable: {error.strerror}", path, "check the path") from error
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        raise InputError("is no checkpoint, or damaged", path, "name a file that training wrote") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise InputError("is no checkpoint of this program", path, "name a file that training wrote")
    return content


def _checkpoints(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name)) if folder.is_dir() else []

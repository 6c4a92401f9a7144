"""Checkpoints: one file contains everything that training needs to continue and sampling needs to start.

Files appear when they are complete; older ones are removed once a newer one is on disk.
"""

from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import Any

import torch

from popdanceset.atomic import atomic_write
from popdanceset.errors import InputError

FORMAT = 1
"""Raise it when older programs could not read the files any more."""

_NAME = re.compile(r"checkpoint-(\d{8})\.pt")


def name_of(step: int) -> str:
    """File name of the checkpoint after `step` steps."""
    return f"checkpoint-{step:08d}.pt"


def step_of(path: Path) -> int:
    """The number of steps in the name of a checkpoint.

    Raises:
        ValueError: the file is not named like a checkpoint.
    """
    named = _NAME.fullmatch(path.name)
    if named is None:
        raise ValueError(f"{path} is not named like a checkpoint")
    return int(named[1])


def save(folder: Path, step: int, content: dict[str, Any], keep: int) -> Path:
    """Writes the checkpoint of a step, and removes all but the newest `keep` checkpoints.

    Args:
        folder: of the run; must exist.
        step: number of finished steps.
        content: tensors, numbers, strings, and lists and dicts of them: `weights_only` must be able to read
            it.
        keep: number of checkpoints to keep, at least 1.

    Raises:
        InputError: the folder is not writable; older checkpoints stay then.
    """
    path = folder / name_of(step)
    try:
        with atomic_write(path) as file:
            torch.save({"format": FORMAT, "step": step, **content}, file)
    except (OSError, RuntimeError) as error:  # torch reports a full disk as RuntimeError
        raise InputError(
            f"checkpoint not written: {error}".splitlines()[0],
            path,
            "free space; older checkpoints are intact",
        ) from error
    for old in _checkpoints(folder)[:-keep]:
        old.unlink(missing_ok=True)
    return path


def latest(folder: Path) -> Path | None:
    """The newest checkpoint in the folder of a run, or None."""
    found = _checkpoints(folder)
    return found[-1] if found else None


def load(path: Path) -> dict[str, Any]:
    """Reads what `save` wrote, onto the CPU.

    Args:
        path: a checkpoint, or a folder with checkpoints, of which the newest is read.

    Raises:
        InputError: there is no checkpoint, or it is damaged or of another program.
    """
    if path.is_dir():
        newest = latest(path)
        if newest is None:
            raise InputError("contains no checkpoint", path, "name a file, or a folder that training wrote")
        path = newest
    try:
        content = torch.load(path, weights_only=True, map_location="cpu")
    except OSError as error:
        raise InputError(f"not readable: {error.strerror}", path, "check the path") from error
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        raise InputError(
            "is not a checkpoint, or is damaged", path, "name a file that training wrote"
        ) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise InputError("is not a checkpoint of this program", path, "name a file that training wrote")
    return content


def _checkpoints(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name)) if folder.is_dir() else []

"""Checkpoints: one file contains everything that training needs to continue and sampling needs to start.

Files appear when they are complete; older ones are removed once a newer one is on disk.
"""

from __future__ import annotations

import logging
import pickle
import re
import zipfile
import zlib
from pathlib import Path
from typing import Any

import torch

from popdanceset.atomic import atomic_write
from popdanceset.errors import InputError

FORMAT = 1
"""Raise it when older programs could not read the files any more."""

_NAME = re.compile(r"checkpoint-(\d{8})\.pt")

_SIGNS_OF_DAMAGE = (
    zipfile.BadZipFile, zlib.error, pickle.UnpicklingError, RuntimeError, EOFError, ValueError, OSError,
    LookupError, AttributeError, TypeError,
)  # fmt: skip
"""What zipfile and torch raise if a file is damaged. A file that ends early makes them seek to places before
its beginning, which is an OSError; a flipped bit in a header may look like encryption, a RuntimeError."""

_log = logging.getLogger(__name__)


class DamagedCheckpointError(InputError):
    """A file is not a checkpoint, or is only a part of one."""


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
    """Writes the checkpoint of a step, and removes all but the newest `keep` checkpoints up to this step.

    A checkpoint of a later step is one that `newest` could not read, so it does not count.

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
    for old in [found for found in _checkpoints(folder) if step_of(found) <= step][:-keep]:
        old.unlink(missing_ok=True)
    return path


def latest(folder: Path) -> Path | None:
    """The newest checkpoint in the folder of a run, or None."""
    found = _checkpoints(folder)
    return found[-1] if found else None


def newest(folder: Path) -> tuple[Path, dict[str, Any]] | None:
    """Reads the newest checkpoint in the folder of a run that is not damaged, and warns of damaged ones.

    Returns:
        The file and its content; None if the folder has no checkpoint.

    Raises:
        InputError: all checkpoints are damaged, or one is not readable or of another program.
    """
    found = _checkpoints(folder)
    damaged: list[Path] = []
    for path in reversed(found):
        try:
            content = load(path)
        except DamagedCheckpointError:
            damaged.append(path)
            continue
        for bad in damaged:
            _log.warning("%s is damaged; %s is used instead", bad, path.name)
        return path, content
    if found:
        raise InputError(
            f"its only checkpoint {found[0].name} is damaged"
            if len(found) == 1
            else f"all of its {len(found)} checkpoints are damaged",
            folder,
            "copy them again, or remove them to train from the beginning",
        )
    return None


def load(path: Path) -> dict[str, Any]:
    """Reads what `save` wrote, onto the CPU.

    Args:
        path: a checkpoint, or a folder with checkpoints, of which the newest undamaged one is read.

    Raises:
        InputError: there is no checkpoint, or it is damaged or of another program.
    """
    if path.is_dir():
        found = newest(path)
        if found is None:
            raise InputError("contains no checkpoint", path, "name a file, or a folder that training wrote")
        return found[1]
    try:
        path.open("rb").close()
    except OSError as error:
        raise InputError(f"not readable: {error.strerror}", path, "check the path") from error
    try:
        _must_be_whole(path)
        content = torch.load(path, weights_only=True, map_location="cpu")
    except _SIGNS_OF_DAMAGE as error:
        raise DamagedCheckpointError(
            "is not a checkpoint, or is damaged", path, "name a file that training wrote"
        ) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise InputError("is not a checkpoint of this program", path, "name a file that training wrote")
    return content


def architecture(content: dict[str, Any]) -> str:
    """The name of the model whose checkpoint this is; older checkpoints are of POPDG and do not say so."""
    return str(content.get("architecture", "popdg"))


def must_be_of(content: dict[str, Any], wanted: str, path: Path) -> None:
    """Checks that a checkpoint is of a model.

    Raises:
        InputError: it is of another one.
    """
    if architecture(content) != wanted:
        raise InputError(
            f"is a checkpoint of the model {architecture(content)}, not {wanted}", path, "name another file"
        )


def _must_be_whole(path: Path) -> None:
    """Compares the checksums in the file with its content, which torch does not.

    Raises:
        zipfile.BadZipFile: they differ, or the file is not an archive.
    """
    with zipfile.ZipFile(path) as archive:
        bad = archive.testzip()
    if bad is not None:
        raise zipfile.BadZipFile(bad)


def _checkpoints(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name)) if folder.is_dir() else []

"""Dances as files for other programs: arrays (npz, pkl), BVH and binary glTF; videos are in `render`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from popdanceset.errors import InputError
from training.export.arrays import write_npz, write_pkl
from training.export.bvh import write_bvh
from training.export.dance import Dance
from training.export.gltf import write_glb

__all__ = ["WRITERS", "Dance", "write"]

WRITERS: dict[str, Callable[[Path, Dance], None]] = {
    "npz": write_npz,
    "pkl": write_pkl,
    "bvh": write_bvh,
    "glb": write_glb,
}
"""The functions that write a dance, by the ending of the file."""


def write(path: Path, dance: Dance) -> None:
    """Writes a dance in the format of the file's ending.

    Raises:
        InputError: the ending is unknown, or the file cannot be written.
    """
    writer = WRITERS.get(path.suffix.lstrip("."))
    if writer is None:
        raise InputError("unknown ending", path, f"use one of {', '.join(WRITERS)}")
    try:
        writer(path, dance)
    except OSError as error:
        raise InputError(f"not writable: {error.strerror}", path, "name another folder") from error

"""Converts motions between layouts and file formats."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from popdanceset.atomic import atomic_write
from popdanceset.errors import InputError, PopDanceSetError
from popdanceset.motion.axes import from_z_up
from popdanceset.motion.conventions import UNITS, Conventions, Origin
from popdanceset.motion.formats import is_motion, stem
from popdanceset.progress import Advance, ignore
from training.export.arrays import RELEASE_FORM, Form, write_amass, write_npz, write_pkl
from training.export.bvh import write_bvh
from training.export.dance import Dance
from training.export.gltf import write_glb
from training.export.reading import ReadDance, at_rate, read_dance

_log = logging.getLogger(__name__)

_Writer = Callable[[Path, Dance, Form], None]


def write_joints(path: Path, dance: Dance, form: Form = RELEASE_FORM) -> None:
    """Writes positions (frames, 24, 3), float32; a file of this layout states neither rate nor axes."""
    with atomic_write(path) as file:
        np.save(file, (from_z_up(dance.joints, form.up) / UNITS[form.unit]).astype(np.float32))


def _y_up_only(write: Callable[[Path, Dance], None]) -> _Writer:
    def writer(path: Path, dance: Dance, form: Form) -> None:
        if (form.up, form.unit) != ("z", "m"):
            raise InputError("the format has its own axes and unit", path, "leave out --up and --unit")
        write(path, dance)

    return writer


class _Layout(NamedTuple):
    ending: str
    write: _Writer


LAYOUTS: dict[str, _Layout] = {
    "popdanceset": _Layout("npz", write_npz),
    "released": _Layout("pkl", write_pkl),
    "amass": _Layout("npz", write_amass),
    "joints": _Layout("npy", write_joints),
    "bvh": _Layout("bvh", _y_up_only(write_bvh)),
    "gltf": _Layout("glb", _y_up_only(write_glb)),
}
"""Layouts of written files by name; the first of an ending is its default."""


@dataclass(frozen=True, slots=True)
class Target:
    """What to write.

    Attributes:
        layout: one of `LAYOUTS`; "" for the default of the file's ending.
        fps: frame rate; None for that of the dance.
        form: axes and unit.
    """

    layout: str = ""
    fps: float | None = None
    form: Form = RELEASE_FORM


def convert(address: str, path: Path, target: Target) -> ReadDance:
    """Converts one dance.

    Args:
        address: as of `read_dance`.
        path: file to write.
        target: what to write.

    Returns:
        The dance as it was read.

    Raises:
        InputError: the dance cannot be read, the file not be written, or its ending does not fit the layout.
    """
    layout = _layout(path, target.layout)
    read = read_dance(address)
    form = target.form
    if read.source.fps_origin is Origin.ASSUMED:
        if target.fps is not None:
            raise InputError(
                "its frame rate is unknown, so it cannot be resampled", address, "give IN,fps=30"
            )
        _log.warning(
            "%s: its frame rate is unknown and assumed to be %g; give IN,fps=", address, read.dance.fps
        )
        form = replace(form, fps_assumed=True)
    dance = read.dance if target.fps is None else at_rate(read.dance, target.fps)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        layout.write(path, dance, form)
    except OSError as error:
        raise InputError(f"not writable: {error.strerror}", path, "name another folder") from error
    return read


class Failure(NamedTuple):
    """A file that could not be converted, and why."""

    name: str
    error: PopDanceSetError


def convert_folder(
    address: str, folder: Path, target: Target, advance: Advance = ignore
) -> tuple[Sequence[tuple[Path, ReadDance]], Sequence[Failure]]:
    """Converts all motions of a folder; one that cannot be read does not stop the others.

    Args:
        address: folder, with conventions as of `read_dance`.
        folder: where files with the same names are written.
        target: what to write; its layout must be named.
        advance: called after each file.

    Returns:
        The files that were written, and the motions that could not be converted.

    Raises:
        InputError: the layout is not named, or the folder contains no motion.
    """
    if target.layout not in LAYOUTS:
        raise InputError("a folder of motions needs a layout to write", address, f"give {_names('--layout')}")
    name, _ = Conventions.parse(address)
    options = address.removeprefix(name)
    paths = sorted(path for path in Path(name).iterdir() if not path.name.startswith(".") and is_motion(path))
    if not paths:
        raise InputError("contains no motion", name)
    written: list[tuple[Path, ReadDance]] = []
    failed: list[Failure] = []
    for path in paths:
        out = folder / f"{stem(path)}.{LAYOUTS[target.layout].ending}"
        try:
            written.append((out, convert(f"{path}{options}", out, target)))
        except InputError as error:
            failed.append(Failure(path.name, error))
        advance(1, path.name)
    return written, failed


def _names(option: str) -> str:
    return f"{option} {', '.join(LAYOUTS)}"


def _layout(path: Path, name: str) -> _Layout:
    ending = path.suffix.lower().lstrip(".")
    if name:
        if LAYOUTS[name].ending != ending:
            raise InputError(
                f"layout {name} is not written to .{ending} files", path, f"use .{LAYOUTS[name].ending}"
            )
        return LAYOUTS[name]
    found = next((layout for layout in LAYOUTS.values() if layout.ending == ending), None)
    if found is None:
        endings = ", ".join(dict.fromkeys(f".{layout.ending}" for layout in LAYOUTS.values()))
        raise InputError("unknown ending", path, f"use one of {endings}")
    return found

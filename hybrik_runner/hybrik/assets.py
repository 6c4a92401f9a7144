"""HybrIK's files: the weights and the SMPL body. Their owners distribute them; here they are only looked for.

Their hashes are not published. The weights are checked by the names and shapes of their entries, the body by
the shapes of its arrays; neither check runs code from the file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hybrik_runner.assets import Finding, State, against_pins, model_folder, read_pins, sha256
from hybrik_runner.hybrik import smpl_file
from popdanceset.errors import AssetError

if TYPE_CHECKING:
    from hybrik_runner.hybrik.network import HybrIK
    from popdanceset.settings import Settings

HRNET, RESNET = "hybrik_hrnet.pth", "hybrik_res34.pth"
CHECKPOINTS = (HRNET, RESNET)
"""File names of the releases; the first that exists is used."""

_README = "linked in the README of https://github.com/Jeff-sjtu/HybrIK"
_INSTEAD = "pose.estimator=blazepose needs neither licence nor GPU"
_CODE = "no registration; the project's LICENSE says MIT, its setup.py GPLv3"
_NO_TORCH = "content not checked: torch is not installed (pip install 'popdanceset[train]')"


@dataclass(frozen=True, slots=True)
class _Part:
    """One file of the body; `read` raises AssetError if the content is not what it should be."""

    path: Path
    read: Callable[[Path], object]
    purpose: str
    licence: str
    source: str


def checkpoint_path(settings: Settings) -> Path:
    """Returns the file of the weights.

    Raises:
        AssetError: there is none.
    """
    path = _checkpoint(settings)
    if not path.is_file():
        raise AssetError(
            "HybrIK's weights are missing",
            path,
            f"put it there or name it in pose.hybrik_checkpoint: {HRNET} is {_README}; otherwise {_INSTEAD}",
        )
    return path


def smpl_folder(settings: Settings) -> Path:
    """Returns the folder of the SMPL files, whether or not they exist."""
    return Path(settings.pose.smpl_dir).expanduser() if settings.pose.smpl_dir else model_folder(settings)


def load_network(settings: Settings) -> HybrIK:
    """Loads HybrIK with the weights that the settings name, in evaluation mode, on the CPU.

    Raises:
        AssetError: torch or a file is missing, or a file is not what it should be.
    """
    path = checkpoint_path(settings)
    if wrong := against_pins(path, read_pins(settings)):
        raise AssetError(wrong, path, "get the file again, or correct the pins")
    try:
        from hybrik_runner.hybrik import checkpoint
    except ModuleNotFoundError as error:
        raise AssetError(
            f"{error.name} is not installed", "HybrIK", f"pip install 'popdanceset[train]', or {_INSTEAD}"
        ) from error
    return checkpoint.network(path, smpl_folder(settings))


def findings(settings: Settings, pins: Mapping[str, str]) -> list[Finding]:
    """Returns what is known of the weights and of the three files of the body.

    Raises:
        AssetError: a file may not be read.
    """
    weights = _checkpoint(settings)
    found, holds_body = _weights(weights, pins)
    rows = [found]
    for name in CHECKPOINTS:
        other = model_folder(settings) / name
        if other != weights and other.exists():
            rows.append(_weights(other, pins, spare=True)[0])
    needed_by = () if holds_body else ("hybrik",)
    return rows + [_part(part, needed_by, pins) for part in _parts(smpl_folder(settings))]


def _checkpoint(settings: Settings) -> Path:
    if settings.pose.hybrik_checkpoint:
        return Path(settings.pose.hybrik_checkpoint).expanduser()
    paths = [model_folder(settings) / name for name in CHECKPOINTS]
    return next((path for path in paths if path.exists()), paths[0])


def _weights(path: Path, pins: Mapping[str, str], *, spare: bool = False) -> tuple[Finding, bool]:
    """The finding, and whether the weights include the body, which is assumed where torch cannot check it."""
    digest, body = sha256(path), True
    if digest is None:
        state, note = State.MISSING, f"put it there, or name it in pose.hybrik_checkpoint; {RESNET} works too"
    elif wrong := against_pins(path, pins, digest):
        state, note = State.DAMAGED, wrong
    else:
        state, note, body = _content(path)
    return Finding(
        path=path,
        needed_by=() if spare else ("hybrik",),
        state=state,
        note=note,
        sha256=digest or "",
        size=path.stat().st_size if digest else 0,
        purpose="HybrIK's weights" + (", not used: there are others" if spare else ""),
        licence=_CODE,
        source=_README,
        without=_INSTEAD,
    ), body


def _content(path: Path) -> tuple[State, str, bool]:
    try:
        from hybrik_runner.hybrik import checkpoint
    except ModuleNotFoundError:
        return State.UNCHECKED, _NO_TORCH, True
    try:
        content = checkpoint.check(path)
    except AssetError as error:
        return State.DAMAGED, error.what, True
    kind = {"hrnet_w48": "HRNet-W48", "resnet34": "ResNet-34"}[content.backbone]
    return State.PRESENT, f"{kind}; {'body included' if content.body else 'no body in it'}", content.body


def _parts(folder: Path) -> tuple[_Part, ...]:
    return (
        _Part(
            smpl_file.find_body(folder),
            smpl_file.read_body,
            "the SMPL body, for hybrik_runner.check and for weights without one",
            "SMPL licence: registration, no commercial use",
            "https://smpl.is.tue.mpg.de",
        ),
        _Part(
            folder / smpl_file.REGRESSOR_FILE,
            smpl_file.read_regressor,
            "Human3.6M joints of that body",
            _CODE,
            f"model_files.zip, {_README}",
        ),
        _Part(
            folder / smpl_file.MEAN_SHAPE_FILE,
            smpl_file.read_mean_shape,
            "mean shape of that body",
            _CODE,
            f"model_files.zip, {_README}",
        ),
    )


def _part(part: _Part, needed_by: tuple[str, ...], pins: Mapping[str, str]) -> Finding:
    digest = sha256(part.path)
    if digest is None:
        state, note = State.MISSING, "put it there, or name its folder in pose.smpl_dir"
    elif wrong := against_pins(part.path, pins, digest):
        state, note = State.DAMAGED, wrong
    else:
        try:
            part.read(part.path)
            state, note = State.PRESENT, "arrays of the right shapes"
        except AssetError as error:
            state, note = State.DAMAGED, error.what
    return Finding(
        path=part.path,
        needed_by=needed_by,
        state=state,
        note=note,
        sha256=digest or "",
        size=part.path.stat().st_size if digest else 0,
        purpose=part.purpose,
        licence=part.licence,
        source=part.source,
        without=_INSTEAD if needed_by else "everything, also HybrIK: its released weights include the body",
    )

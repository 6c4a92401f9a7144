"""Motion files of several projects: this one, POPDG, EDGE, Bailando and AIST++.

| file | content |
|---|---|
| `.pkl`, `.npz` | a dictionary, see below |
| `.npy` | joints (frames, 24, 3) or (frames, 72), or a saved dictionary, as Bailando writes it (`….pkl.npy`)
|
| `.json` | joints as nested lists, or a dictionary |
| folder of `.json` | one file for each frame, numbered in the names, as Bailando writes it |

Keys of a dictionary, in order of preference: joints as `full_pose`, `joints`, `pred_position`, `3d_pose`, or
`joints3d` (relative to the root if there is a translation); otherwise rotations as `smpl_poses` or `poses`
(axis-angle, radians) with `smpl_trans`, `trans` or `transl`, from which joints of the mean body are computed.
If there is a `smpl_scaling`, the translation is divided by it, as in AIST++. Other keys: `fps`,
`seconds_to_generate`, `music`.

Motions are converted to metres, z up. `Conventions` state what a file does not (fps, up axis, unit).
"""

from __future__ import annotations

import json
import logging
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from popdanceset.errors import InputError
from popdanceset.safe_pickle import Value, read_arrays
from training.motion.joint_motion import FPS, Array, JointMotion, mean_body

JOINTS = 24

UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001}
UPS = ("z", "y")
CONTENTS = ("joints", "poses")

_JOINT_KEYS = ("full_pose", "joints", "pred_position", "3d_pose")
_POSE_KEYS = ("smpl_poses", "poses")
_TRANSLATION_KEYS = ("smpl_trans", "trans", "transl")
_SCALING_KEYS = ("smpl_scaling", "scaling", "scale")
_FPS_KEYS = ("fps", "mocap_framerate", "mocap_frame_rate")
_MUSIC_KEYS = ("music", "music_id")
_KNOWN = {
    *_JOINT_KEYS, *_POSE_KEYS, *_TRANSLATION_KEYS, *_SCALING_KEYS, *_FPS_KEYS, *_MUSIC_KEYS,
    "", "joints3d", "seconds_to_generate",
}  # fmt: skip
_LARGEST = 1 << 31
"""Bytes that a member of an `.npz` may unpack to: a day of motion is far smaller."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Conventions:
    """Frame rate, axes, unit and content of the motion files in a folder.

    Attributes:
        fps: frames a second; None for the rate in the file, or 30.
        up: the axis that points up: `z` or `y` (right-handed: x stays, y becomes z).
        unit: of positions: `m`, `cm` or `mm`.
        content: of an array without a name: `joints`, or `poses` (axis-angle, no translation).
    """

    fps: float | None = None
    up: str = "z"
    unit: str = "m"
    content: str = "joints"

    def __post_init__(self) -> None:
        if self.fps is not None and not (np.isfinite(self.fps) and self.fps > 0):
            raise InputError(f"fps={self.fps} is not a frame rate", do="give a number above 0")
        for name, allowed in (("up", UPS), ("unit", tuple(UNITS)), ("content", CONTENTS)):
            if getattr(self, name) not in allowed:
                raise InputError(
                    f"{name}={getattr(self, name)} is unknown", do=f"choose from {', '.join(allowed)}"
                )


def read_motion(path: Path, conventions: Conventions | None = None) -> JointMotion:
    """Reads the motion in a file, or in a folder of frames.

    Raises:
        InputError: the file is not readable, damaged or unsafe, or has no 24 joints.
    """
    conventions = conventions or Conventions()
    if path.is_dir():
        values = _read_frames(path)
    elif path.suffix.lower() in _READERS:
        values = _READERS[path.suffix.lower()](path)
    else:
        raise InputError("not a file format for motions", path, f"give {', '.join(_READERS)}")
    joints = _joints(values, conventions, path)
    stated = _number(values, _FPS_KEYS)
    if (
        conventions.fps is not None
        and stated is not None
        and not np.isclose(conventions.fps, stated, rtol=1e-3)
    ):
        _log.warning("%s: the file states %g fps; read with %g fps, as given", path, stated, conventions.fps)
    music = next((values[key] for key in _MUSIC_KEYS if isinstance(values.get(key), str)), "")
    return JointMotion(
        name=_stem(path),
        joints=joints,
        fps=conventions.fps or stated or FPS,
        file=path.name,
        music_name=str(music),
        seconds_to_generate=_number(values, ("seconds_to_generate",)),
    )


def motions_from_folder(folder: Path, conventions: Conventions | None = None) -> list[JointMotion]:
    """Reads all motions of a folder, in the order of their names. Files of other kinds are ignored.

    Raises:
        InputError: as `read_motion`; or the folder does not exist, or contains no motion.
    """
    try:
        entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise InputError(f"not readable: {error.strerror}", folder, "give a folder of motions") from None
    found: dict[str, Path] = {}
    for entry in entries:
        if not (_is_frames(entry) if entry.is_dir() else entry.suffix.lower() in _READERS):
            continue
        other = found.setdefault(_stem(entry), entry)
        if other is not entry:
            _log.warning("%s contains %s twice; %s is ignored", folder, _stem(entry), entry.name)
    if not found:
        raise InputError("contains no motion", folder, f"give a folder of {', '.join(_READERS)} files")
    return [read_motion(path, conventions) for path in found.values()]


def _read_npz(path: Path) -> dict[str, Value]:
    try:
        with zipfile.ZipFile(path) as archive:
            if any(member.file_size > _LARGEST for member in archive.infolist()):
                raise InputError("unpacks to more bytes than a motion can have", path)
        with np.load(path, allow_pickle=False) as loaded:
            return {name: _single(loaded[name]) for name in loaded.files if name in _KNOWN}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, MemoryError) as error:
        raise InputError(
            f"not an archive of arrays: {error}", path, "write it again with numpy.savez"
        ) from None


def _single(value: Array) -> Value:
    """Strings and numbers, which archives return as arrays without a shape, as what they are."""
    item = value.item() if value.ndim == 0 else value
    return item if isinstance(item, str | int | float) else value


def _read_json(path: Path) -> dict[str, Value]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"not JSON: {error}", path, "write it again") from None
    values = content if isinstance(content, dict) else {"": content}
    return {
        name: _listed(value, path) if isinstance(value, list) else value
        for name, value in values.items()
        if name in _KNOWN and isinstance(value, list | str | int | float)
    }


def _listed(value: list[Any], path: Path) -> Array:
    try:
        return np.array(value, np.float64)
    except (ValueError, TypeError):
        raise InputError(
            "contains lists of unequal length, or of values that are not numbers", path
        ) from None


def _is_frames(folder: Path) -> bool:
    return any(folder.glob("*frame*.json"))


def _read_frames(folder: Path) -> dict[str, Value]:
    """A dance with one file for each frame, in the order of the numbers in their names."""
    paths = sorted(
        folder.glob("*frame*.json"), key=lambda path: [int(part) for part in re.findall(r"\d+", path.name)]
    )
    frames = []
    for path in paths:
        pose = next((v for v in _read_json(path).values() if isinstance(v, np.ndarray)), np.empty(0))
        if pose.size != 3 * JOINTS:
            raise InputError("not a pose of 24 joints", path, "give frames with '3d_pose'")
        frames.append(pose.reshape(JOINTS, 3))
    return {"joints": np.stack(frames)}


_READERS: dict[str, Callable[[Path], dict[str, Value]]] = {
    ".pkl": read_arrays,
    ".pickle": read_arrays,
    ".npy": read_arrays,
    ".npz": _read_npz,
    ".json": _read_json,
}


def _stem(path: Path) -> str:
    """The name without all endings of formats: Bailando writes `….pkl.npy`."""
    name = path.name
    while name.lower().endswith(tuple(_READERS)):
        name = name.rpartition(".")[0]
    return name


def _number(values: Mapping[str, Value], names: Iterable[str]) -> float | None:
    for name in names:
        value = values.get(name)
        if isinstance(value, int | float) or (isinstance(value, np.ndarray) and value.size == 1):
            number = float(np.asarray(value).ravel()[0])
            return number if np.isfinite(number) and number > 0 else None
    return None


def _joints(values: Mapping[str, Value], conventions: Conventions, path: Path) -> Array:
    arrays = {name: np.asarray(value) for name, value in values.items() if not isinstance(value, str)}
    arrays = {name: array for name, array in arrays.items() if array.dtype.kind in "iuf"}
    named = next(
        (name for name in _JOINT_KEYS if name in arrays), "" if conventions.content == "joints" else None
    )
    poses = next(
        (name for name in _POSE_KEYS if name in arrays), "" if conventions.content == "poses" else None
    )
    translation = next((arrays[name] for name in _TRANSLATION_KEYS if name in arrays), None)
    if named in arrays:
        joints = _shaped(arrays[named], (JOINTS, 3), path)
    elif poses in arrays:
        joints = _from_poses(arrays, poses, translation, path)
    elif "joints3d" in arrays:
        joints = _shaped(arrays["joints3d"], (JOINTS, 3), path)
        if translation is not None:
            joints = joints - joints[:, :1] + _shaped(translation, (3,), path, len(joints))[:, None]
    else:
        there = ", ".join(map(repr, values)) or "none"
        raise InputError(
            f"contains no motion; its arrays: {there}", path, "see the keys in training/motion/files.py"
        )
    if joints.dtype.kind != "f":
        joints = joints.astype(np.float64)
    if conventions.unit != "m":
        joints = joints * joints.dtype.type(UNITS[conventions.unit])
    if conventions.up == "y":
        joints = np.stack([joints[..., 0], -joints[..., 2], joints[..., 1]], axis=-1)
    return joints


def _from_poses(arrays: Mapping[str, Array], name: str, translation: Array | None, path: Path) -> Array:
    poses = _shaped(arrays[name], (JOINTS, 3), path)
    if translation is None:
        _log.warning("%s: rotations without a translation; the root is assumed not to move", path)
        return mean_body(poses, np.zeros((len(poses), 3)))
    root = _shaped(translation, (3,), path, len(poses))
    scaling = next((arrays[name] for name in _SCALING_KEYS if name in arrays), np.ones(1))
    if scaling.size not in (1, len(poses)) or not (scaling > 0).all():
        raise InputError(
            f"a scaling of shape {scaling.shape}", path, "give one number above 0, or one for each frame"
        )
    return mean_body(poses, root / scaling.reshape(-1, 1))


def _shaped(array: Array, shape: tuple[int, ...], path: Path, frames: int | None = None) -> Array:
    """Reshapes an array with the right number of values in a frame to (frames, *shape)."""
    if array.ndim == len(shape) + 2 and array.shape[0] == 1:
        array = array[0]  # a batch of one
    width = int(np.prod(shape))
    fits = array.ndim in (2, len(shape) + 1) and len(array) > 0 and array[0].size == width
    if not fits or (frames is not None and len(array) != frames):
        expected = " × ".join(map(str, (frames or "frames", *shape)))
        raise InputError(f"an array of shape {array.shape} instead of {expected}", path)
    return array.reshape(len(array), *shape)

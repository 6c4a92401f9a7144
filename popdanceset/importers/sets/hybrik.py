"""Results of HybrIK's own demo: `res.pk`, one a folder or one alone.

    {name}/res.pk     see `popdanceset.motion.hybrik_res`; axes of the camera
    {name}/res.json   `fps`, and what our own exporter filled in and how it moved the body; optional
    {name}.wav or {name}/{name}.wav   sound, optional

The demo keeps the rate of the film and does not write it: it must be given, unless `res.json` states it.

HybrIK assumes a focal length of 1000 of its 256 pixels, so the focal length in pixels of the film changes
with the size of the box. If the file states boxes, distances are converted to the one of the median box;
sideways nothing changes, and nothing at all if the boxes have one size.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from popdanceset.errors import InputError
from popdanceset.importers.files import files_below
from popdanceset.importers.ids import id_of_file, shown
from popdanceset.importers.items import Contents, Floats, Item, Take
from popdanceset.importers.reading import check_size, checked
from popdanceset.importers.sets.base import FileSet
from popdanceset.motion.axes import poses_to_z_up, to_z_up
from popdanceset.motion.hybrik_res import FILE, FOCAL, NOTES_FILE, SIDE
from popdanceset.motion.rotations import from_matrices
from popdanceset.safe_pickle import ADVICE, ARRAYS, BROKEN, ArrayUnpickler, StoredArray, unpickle

_FILES = (".pk", ".pkl")
_NAMES = (FILE, "res.pkl")


class HybrIKSet(FileSet):
    """Results of HybrIK.

    Args:
        path: a `res.pk`, or a folder with some at any depth.
        options: the user's.
    """

    kind = "hybrik"
    released_origin: Floats | None = None

    def contents(self) -> Contents:
        """Finds the results; each is named after its folder.

        Raises:
            InputError: there are none.
        """
        paths = [self._path]
        if self._path.is_dir():
            paths = [path for path in files_below(self._path, _FILES) if path.name in _NAMES]
        if not paths:
            raise InputError("contains no res.pk", self._path, "give the folder that HybrIK's demo wrote")
        root = self._path if self._path.is_dir() else self._path.parent
        items: dict[str, Item] = {}
        refused: dict[str, str] = {}
        for path in paths:
            folder = path.parent
            name = folder.resolve().name if folder == root else folder.relative_to(root).as_posix()
            try:
                clip = id_of_file(self.kind, folder.name, name)
            except InputError as error:
                refused[shown(name)] = error.what
                continue
            if str(clip) in items:
                refused[shown(path.relative_to(root).as_posix())] = f"has the same id as {shown(name)}"
                continue
            sounds = [folder / f"{folder.name}.wav", folder.with_name(f"{folder.name}.wav")]
            items[str(clip)] = Item(
                name,
                clip,
                motion=path,
                sound=next((sound for sound in sounds if sound.is_file()), None),
                genre=self._options.genre or Item.genre,
                dancer_id=self._options.dancer or clip.bvid,
            )
        return Contents(list(items.values()), refused)

    def read(self, item: Item) -> Take:
        """Reads a result.

        Raises:
            InputError: it is damaged or unsafe, lacks an array, or its rate is unknown.
        """
        assert item.motion is not None
        path = item.motion
        check_size(path)
        arrays = read_res(path)
        notes = _notes(path.with_name(NOTES_FILE))
        fps = self._options.conventions.fps or notes.get("fps")
        if not isinstance(fps, int | float):
            raise InputError("states no frame rate", path, "give --fps, the rate of the film")
        filled = set(notes.get("filled") or ())
        rotations, root = _column(arrays, "pred_thetas", path), _column(arrays, "transl", path)
        if rotations.shape[1] not in (72, 216) or root.shape != (len(rotations), 3):
            raise InputError(f"pred_thetas has the shape {rotations.shape}, transl {root.shape}", path)
        if rotations.shape[1] == 72:
            poses = rotations.reshape(-1, 24, 3)
        else:
            poses = np.asarray(from_matrices(rotations.reshape(-1, 24, 3, 3), path), np.float64)
        farther, how = _farther(arrays, len(root))
        place = root / farther
        if (moved := notes.get("moved")) is not None:
            place, how = place - _moved(moved, path), f"{how}, moved back as {NOTES_FILE} says"
        columns = {}
        if "pred_scores" in arrays and "pred_scores" not in filled:
            scores = _column(arrays, "pred_scores", path)
            if scores.shape == (len(root), 29):
                columns["pred_scores"] = np.clip(scores, 0, 1)
        if "pred_cam_root" in arrays:
            seen = _column(arrays, "pred_cam_root", path)
            if seen.shape == root.shape:
                columns["cam_root"] = seen / farther
        return checked(
            Take(
                np.array(poses_to_z_up(poses, "-y"), np.float64),
                np.array(to_z_up(place, "-y"), np.float64),
                1.0,
                float(fps),
                "HybrIK",
                columns,
                f"HybrIK: {fps:g} fps, -y up, {how}",
            ),
            path,
        )


def _farther(arrays: Mapping[str, Floats], frames: int) -> tuple[Floats, str]:
    """(n, 3) or (3,) by how much places are farther away than at the focal length of the median box."""
    bbox = np.asarray(arrays.get("bbox", ()), np.float64)
    side = bbox[:, 2] - bbox[:, 0] if bbox.shape == (frames, 4) else np.zeros(1)
    if not (np.isfinite(side) & (side > 0)).all():
        return np.ones(3), "distances as in the file, which states no boxes"
    ratio = side / np.median(side)
    focal = FOCAL / SIDE * float(np.median(side))
    farther = np.stack([np.ones(frames), np.ones(frames), ratio], axis=1)
    return farther, f"one focal length of {focal:.0f} pixels"


def _column(arrays: Mapping[str, Floats], name: str, path: Path) -> Floats:
    """(n, k) float64."""
    if name not in arrays:
        raise InputError(
            f"lacks {name}; it has: {', '.join(sorted(arrays)) or 'none'}", path, "give HybrIK's res.pk"
        )
    value = np.asarray(arrays[name], np.float64)
    return value.reshape(len(value), -1) if value.ndim else value.reshape(0, 0)


def _moved(value: Any, path: Path) -> Floats:
    """(3,) what our own exporter added to the path of the root, metres, axes of the camera."""
    try:
        moved = np.array(value, np.float64)
    except (TypeError, ValueError):
        moved = np.empty(0)
    if moved.shape != (3,) or not np.isfinite(moved).all():
        raise InputError("moved is not a place in metres", path.with_name(NOTES_FILE), "remove the entry")
    return moved


def _notes(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        notes = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"not JSON: {error}", path, "remove it, or write it again") from None
    return notes if isinstance(notes, dict) else {}


def read_res(path: Path) -> dict[str, Floats]:
    """Reads the arrays of numbers of a `res.pk`.

    Raises:
        InputError: it is not readable, damaged, or names something that no such file needs.
    """
    try:
        loaded = unpickle(path.read_bytes(), _Unpickler)
    except OSError as error:
        raise InputError(f"not readable: {error.strerror}", path, "check the path") from None
    except BROKEN as error:
        raise InputError(f"not a pickle of arrays: {error}", path, ADVICE) from None
    if not isinstance(loaded, dict):
        raise InputError("is not a dictionary", path, "give HybrIK's res.pk")
    opened = {
        str(name): value.value if isinstance(value, StoredArray) else value for name, value in loaded.items()
    }
    return {name: value for name, value in opened.items() if isinstance(value, np.ndarray)}


class _TextOrNumbers:
    """Stands in for numpy.dtype: names of pictures are text, which is skipped."""

    def __new__(cls, code: object = "", *arguments: object) -> Any:
        numeric = ARRAYS["numpy", "dtype"]
        return _Text() if str(code).lstrip("<>|=")[:1] in ("U", "S") else numeric(code, *arguments)


class _Text:
    """The type of an array of text."""

    def __setstate__(self, state: object) -> None:
        """Does nothing: the array is not read."""


class _Array(StoredArray):
    """An array of numbers; one of text has no value."""

    def __setstate__(self, state: object) -> None:
        if not (isinstance(state, tuple) and len(state) >= 4 and isinstance(state[-3], _Text)):
            super().__setstate__(state)


def _reconstruct(*_: object) -> _Array:
    return _Array()


_ALLOWED: dict[tuple[str, str], Callable[..., Any]] = {
    **ARRAYS,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _TextOrNumbers,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
}


class _Unpickler(ArrayUnpickler):
    """Allows arrays of text beside those of numbers."""

    allowed = _ALLOWED
    purpose = "result of HybrIK"

"""Reads the SMPL model files as their owner offers them, without the packages they were written with.

The body is a pickle of 2015 that names chumpy arrays and scipy sparse matrices. A pickle can run any code, so
only the constructors of arrays are allowed; arrays of other packages are decoded from their recorded state.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popdanceset.errors import AssetError
from popdanceset.safe_pickle import ARRAYS, BROKEN, ArrayUnpickler, StoredArray, unpickle
from popdanceset.skeleton import SMPL_PARENTS

BODY_FILE = "basicModel_neutral_lbs_10_207_0_v1.0.0.pkl"
BODY_FILES = (BODY_FILE, "SMPL_NEUTRAL.pkl")
"""The same body under its owner's name and under the name that other programs expect; the first wins."""

REGRESSOR_FILE = "J_regressor_h36m.npy"
MEAN_SHAPE_FILE = "h36m_mean_beta.npy"

VERTICES, SHAPES = 6890, 10
WHERE = "the body is at https://smpl.is.tue.mpg.de after registration, the rest among HybrIK's model files"

_ENTRIES = ("v_template", "shapedirs", "posedirs", "J_regressor", "weights", "f", "kintree_table")


@dataclass(frozen=True)
class SmplFile:
    """A body model as its files contain it.

    Attributes:
        v_template: (6890, 3) float64 vertices at rest, metres.
        shapedirs: (6890, 3, 10) float64 displacements per unit of shape, metres.
        posedirs: (6890, 3, 207) float64 displacements per entry of (rotation - identity), metres.
        J_regressor: (24, 6890) float64 joints from resting vertices.
        weights: (6890, 24) float64 skinning weights.
        faces: (13776, 3) int64 corners of the triangles.
        J_regressor_h36m: (17, 6890) float64 Human3.6M joints from vertices.
        mean_shape: (10,) float64 shape around which the network predicts.
    """

    v_template: NDArray[np.float64]
    shapedirs: NDArray[np.float64]
    posedirs: NDArray[np.float64]
    J_regressor: NDArray[np.float64]
    weights: NDArray[np.float64]
    faces: NDArray[np.int64]
    J_regressor_h36m: NDArray[np.float64]
    mean_shape: NDArray[np.float64]


class _Foreign:
    """Stands for an object of a package that is not installed; keeps its recorded state."""

    def __init__(self, *_: object) -> None:
        self.state: dict[str, Any] = {}

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, dict):
            raise pickle.UnpicklingError(f"{type(self).__name__} with an unknown state")
        self.state = state

    def decode(self) -> NDArray[Any]:
        raise pickle.UnpicklingError(f"{type(self).__name__} cannot be decoded")


class _Ch(_Foreign):
    """chumpy.ch.Ch: an array that knows its derivatives; `x` is the array."""

    def decode(self) -> NDArray[Any]:
        return _array(self.state["x"])


class _Select(_Foreign):
    """chumpy.reordering.Select: entries `idxs` of the flattened `a`, in `preferred_shape`."""

    def decode(self) -> NDArray[Any]:
        picked = _array(self.state["a"]).ravel()[_array(self.state["idxs"]).astype(np.int64)]
        shape = self.state.get("preferred_shape")
        return picked if shape is None else picked.reshape(shape)


class _Compressed(_Foreign):
    """A scipy sparse matrix of compressed columns or rows."""

    by_column = True

    def decode(self) -> NDArray[Any]:
        rows, columns = (int(n) for n in self.state.get("_shape", self.state.get("shape", ())))
        data, indices = _array(self.state["data"]), _array(self.state["indices"]).astype(np.int64)
        starts = _array(self.state["indptr"]).astype(np.int64)
        major, minor = (columns, rows) if self.by_column else (rows, columns)
        dense = np.zeros((major, minor), data.dtype)
        # Entries of a sparse matrix may repeat: they add up.
        np.add.at(dense, (np.repeat(np.arange(major), np.diff(starts)), indices), data)
        return dense.T if self.by_column else dense


class _CompressedRows(_Compressed):
    by_column = False


def _array(value: object) -> NDArray[Any]:
    if isinstance(value, _Foreign):
        return value.decode()
    return np.asarray(value.value if isinstance(value, StoredArray) else value)


def _reconstructor(kind: type, base: type, state: object) -> object:
    """What `copyreg._reconstructor` does, for stand-ins only."""
    if not (isinstance(kind, type) and issubclass(kind, _Foreign) and base is object and state is None):
        raise pickle.UnpicklingError(f"{kind} may not be built")
    return kind()


def _new(kind: type, *_: object) -> object:
    return _reconstructor(kind, object, None)


_ALLOWED: dict[tuple[str, str], Callable[..., Any]] = {
    **ARRAYS,
    ("chumpy.ch", "Ch"): _Ch,
    ("chumpy", "Ch"): _Ch,
    ("chumpy.reordering", "Select"): _Select,
}
for _module in ("copy_reg", "copyreg"):
    _ALLOWED[_module, "_reconstructor"] = _reconstructor
    _ALLOWED[_module, "__newobj__"] = _new
for _module in ("__builtin__", "builtins"):
    _ALLOWED[_module, "object"] = object
    _ALLOWED[_module, "set"] = set
for _kind, _stand_in in (("csc", _Compressed), ("csr", _CompressedRows)):
    for _prefix in ("scipy.sparse.", "scipy.sparse._"):
        for _suffix in ("matrix", "array"):
            _ALLOWED[f"{_prefix}{_kind}", f"{_kind}_{_suffix}"] = _stand_in
del _module, _kind, _stand_in, _prefix, _suffix


class _Unpickler(ArrayUnpickler):
    allowed = _ALLOWED
    purpose = "SMPL file"

    def find_class(self, module: str, name: str) -> Any:
        known = (module, name) in self.allowed
        if not known and module.split(".")[0] == "chumpy":  # another class of chumpy: kept undecoded
            return type(f"{module}.{name}", (_Foreign,), {})
        return super().find_class(module, name)


def read_arrays(path: Path, names: Collection[str] = ()) -> dict[str, NDArray[Any]]:
    """Reads the arrays of a pickled dictionary; its other entries are ignored.

    Args:
        path: the file.
        names: only these; empty: all.

    Raises:
        AssetError: the file is missing or damaged, or names anything but arrays.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise AssetError(f"cannot be read: {error.strerror}", path, WHERE) from None
    try:
        loaded = unpickle(content, _Unpickler)
        if not isinstance(loaded, dict):
            raise pickle.UnpicklingError("it contains no dictionary")
        return {
            str(name): _array(value)
            for name, value in loaded.items()
            if isinstance(value, _Foreign | StoredArray) and (not names or name in names)
        }
    except BROKEN as error:
        raise AssetError(f"not a SMPL model file: {error}", path, WHERE) from None


def find_body(folder: Path) -> Path:
    """Returns the body's file in a folder, under either of its names; the first name if neither exists."""
    paths = [folder / name for name in BODY_FILES]
    return next((path for path in paths if path.exists()), paths[0])


def read(folder: Path) -> SmplFile:
    """Reads the body model of a folder.

    Args:
        folder: contains one of `BODY_FILES`, `REGRESSOR_FILE` and `MEAN_SHAPE_FILE`.

    Raises:
        AssetError: one of the files is missing, damaged, or has other shapes.
    """
    return SmplFile(
        **read_body(find_body(folder)),
        J_regressor_h36m=read_regressor(folder / REGRESSOR_FILE),
        mean_shape=read_mean_shape(folder / MEAN_SHAPE_FILE),
    )


def read_body(path: Path) -> dict[str, NDArray[Any]]:
    """Reads the arrays of the body's file, by the names that `SmplFile` gives them.

    Raises:
        AssetError: the file is missing, damaged, or its arrays have other shapes.
    """
    body = read_arrays(path, _ENTRIES)
    parents = _checked(body, "kintree_table", path, (2, 24), np.int64)[0, 1:]
    if parents.tolist() != list(SMPL_PARENTS[1:]):
        raise AssetError("its joints are not connected as SMPL's are", path, WHERE)
    if body.get("shapedirs", np.empty(0)).ndim == 3:
        body["shapedirs"] = body["shapedirs"][..., :SHAPES]
    return {
        "v_template": _checked(body, "v_template", path, (VERTICES, 3)),
        "shapedirs": _checked(body, "shapedirs", path, (VERTICES, 3, SHAPES)),
        "posedirs": _checked(body, "posedirs", path, (VERTICES, 3, 207)),
        "J_regressor": _checked(body, "J_regressor", path, (24, VERTICES)),
        "weights": _checked(body, "weights", path, (VERTICES, 24)),
        "faces": _checked(body, "f", path, (13776, 3), np.int64),
    }


def read_regressor(path: Path) -> NDArray[np.float64]:
    """Reads the regressor (17, 6890) of Human3.6M joints from vertices.

    Raises:
        AssetError: the file is missing, damaged, or has another shape.
    """
    return _load(path, (17, VERTICES))


def read_mean_shape(path: Path) -> NDArray[np.float64]:
    """Reads the shape (10,) around which the network predicts.

    Raises:
        AssetError: the file is missing, damaged, or has another shape.
    """
    return _load(path, (SHAPES,))


def _checked(
    arrays: dict[str, NDArray[Any]], name: str, path: Path, shape: tuple[int, ...], kind: type = np.float64
) -> NDArray[Any]:
    if name not in arrays:
        raise AssetError(f"lacks {name}", path, WHERE)
    array = arrays[name]
    if array.shape != shape or array.dtype.kind not in "fiu":
        raise AssetError(f"{name} is {array.dtype} {array.shape}, not numbers {shape}", path, WHERE)
    if not np.isfinite(array).all():
        raise AssetError(f"{name} contains NaN or infinity", path, WHERE)
    return array.astype(kind)


def _load(path: Path, shape: tuple[int, ...]) -> NDArray[np.float64]:
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise AssetError(f"cannot be read: {error}", path, WHERE) from None
    return _checked({path.stem: array}, path.stem, path, shape)

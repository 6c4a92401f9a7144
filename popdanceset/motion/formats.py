"""File formats of motions: what is in a file, as named arrays, whoever wrote it.

| file | content |
|---|---|
| `.pkl`, `.pickle`, `.joblib` | dictionaries of numpy arrays or torch tensors, also those of joblib |
| `.npz` | arrays |
| `.npy` | an array, or a saved dictionary, as Bailando writes it (`….pkl.npy`) |
| `.pt`, `.pth` | tensors, read with `weights_only=True` |
| `.json` | joints as nested lists, or a dictionary |
| `.parquet` | a pose table of this project |
| folder of `.json` | one file for each frame, numbered in the names, as Bailando writes it |
"""

from __future__ import annotations

import io
import json
import math
import pickle
import re
import warnings
import zipfile
import zlib
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from popdanceset.errors import InputError
from popdanceset.motion.content import Content
from popdanceset.motion.joblib_pickle import MARK, decompressed, load_joblib
from popdanceset.motion.joint_motion import Array
from popdanceset.safe_pickle import (
    ADVICE,
    ARRAYS,
    BROKEN,
    ArrayUnpickler,
    StoredArray,
    Value,
    npy_array,
    unpickle,
)

JOINTS = 24

_LARGEST = 1 << 31
"""Bytes that a member of an archive may unpack to: a day of motion is far smaller."""

_DEPTH, _ENTRIES = 5, 4096
"""Levels of nested dictionaries, and entries of a file, that are read."""

Values = tuple[dict[str, Value], dict[str, str]]
"""Entries by name, and descriptions of those that were not read."""


def read_content(path: Path, wanted: Collection[str], unnamed: str | None = None) -> Content:
    """Reads the arrays, strings and numbers of a motion file, or of a folder of frames.

    Args:
        path: the file or folder.
        wanted: names that are read from archives; others are only described.
        unnamed: content of arrays without a name, if the user states it.

    Raises:
        InputError: the file is not readable, damaged or unsafe, or has an unknown format.
    """
    ending = path.suffix.lower()
    if path.is_dir():
        return Content(path, stem(path), _read_frames(path), format="frames", unnamed=unnamed)
    if ending not in _READERS:
        raise InputError("not a file format for motions", path, f"give {', '.join(_READERS)}")
    values, skipped = _READERS[ending](path, wanted)
    return Content(path, stem(path), values, skipped, ending.lstrip("."), unnamed)


def is_motion(path: Path) -> bool:
    """Whether a file has the ending of a motion file, or a folder contains frames."""
    return any(path.glob("*frame*.json")) if path.is_dir() else path.suffix.lower() in _READERS


def endings() -> str:
    """The endings of motion files, for messages."""
    return ", ".join(_READERS)


def stem(path: Path) -> str:
    """The name without all endings of formats: Bailando writes `….pkl.npy`."""
    name = path.name
    while name.lower().endswith(tuple(_READERS)):
        name = name.rpartition(".")[0]
    return name


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"not readable: {error.strerror}", path, "check the path") from None


def _read_pickle(path: Path, wanted: Collection[str]) -> Values:
    content = _content(path)
    try:
        if content.startswith(b"\x93NUMPY"):
            return _read_npy(path, wanted)
        if content.startswith(b"PK"):  # torch.save, under another name
            return _read_torch(path, wanted)
        content = decompressed(content)
        return _flattened(load_joblib(content) if MARK in content else unpickle(content, _Unpickler))
    except BROKEN as error:
        raise InputError(f"not a pickle of arrays: {error}", path, ADVICE) from None


def _read_npy(path: Path, wanted: Collection[str]) -> Values:
    content = _content(path)
    if not content.startswith(b"\x93NUMPY"):
        return _read_pickle(path, wanted)
    try:
        array, rest = npy_array(content)
    except BROKEN as error:
        raise InputError(f"not a numpy array: {error}", path, "write it again with numpy.save") from None
    if array is not None:
        return {"": array}, {}
    try:
        return _flattened(unpickle(rest, _Unpickler))
    except BROKEN as error:
        raise InputError(f"not a pickle of arrays: {error}", path, ADVICE) from None


def _read_npz(path: Path, wanted: Collection[str]) -> Values:
    values: dict[str, Value] = {}
    skipped: dict[str, str] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if member.filename.endswith(".npy")]
            names = {member.filename.removesuffix(".npy"): member for member in members}
            alone = len(names) == 1
            for name, member in names.items():
                if name in wanted or alone or (name.startswith("arr_") and len(names) <= 4):
                    if member.file_size > _LARGEST:
                        raise InputError("unpacks to more bytes than a motion can have", path)
                    with archive.open(member) as file:
                        values[name] = _single(np.lib.format.read_array(file, allow_pickle=False))
                else:
                    skipped[name] = _npy_header(archive, member)
    except OSError as error:
        raise InputError(f"not readable: {error.strerror or error}", path, "check the path") from None
    except (
        ValueError,
        EOFError,
        zipfile.BadZipFile,
        zlib.error,
        MemoryError,
        NotImplementedError,
        RuntimeError,
    ) as error:
        raise InputError(
            f"not an archive of arrays: {error}", path, "write it again with numpy.savez"
        ) from None
    return values, skipped


def _npy_header(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> str:
    """Shape and type of an array in an archive, without reading it."""
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        header = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, _, dtype = header(file)
    return f"{shape} {dtype}"


def _single(value: Array) -> Value:
    """Strings and numbers, which archives return as arrays without a shape, as what they are."""
    item = value.item() if value.ndim == 0 else value
    return item if isinstance(item, str | int | float) else value


def _read_torch(path: Path, _: Collection[str]) -> Values:
    try:
        return _flattened(_load_tensors(_content(path)))
    except pickle.UnpicklingError as error:
        found = re.search(r"Unsupported (?:global|class|operand)[^\n]{0,80}|GLOBAL [\w.]+", str(error))
        what = found.group() if found else "it contains other objects"
        raise InputError(
            f"not a file of tensors only: {what}", path, "save tensors, or write arrays with numpy.savez"
        ) from None
    except (*BROKEN, OSError, RuntimeError, zipfile.BadZipFile) as error:
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise InputError(f"not a file of tensors: {first}", path, ADVICE) from None


def _load_tensors(content: bytes) -> Any:
    """Loads what `torch.save` wrote, without running the code in it."""
    import torch

    if zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            # Archives of torch are not compressed.
            if sum(member.file_size for member in archive.infolist()) > 2 * len(content):
                raise ValueError("it unpacks to more bytes than tensors can have")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)


def _read_json(path: Path, _: Collection[str] = ()) -> Values:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"not JSON: {error}", path, "write it again") from None
    return _flattened(content, lambda value: _listed(value, path))


def _listed(value: list[Any], path: Path) -> Array | None:
    if any(isinstance(item, str | dict | None) for item in value):
        return None
    try:
        return np.array(value, np.float64)
    except (ValueError, TypeError):
        raise InputError(
            "contains lists of unequal length, or of values that are not numbers", path
        ) from None


def _read_frames(folder: Path) -> dict[str, Value]:
    """A dance with one file for each frame, in the order of the numbers in their names."""
    paths = sorted(
        folder.glob("*frame*.json"), key=lambda path: [int(part) for part in re.findall(r"\d+", path.name)]
    )
    frames = []
    for path in paths:
        pose = next((v for v in _read_json(path)[0].values() if isinstance(v, np.ndarray)), np.empty(0))
        if pose.size != 3 * JOINTS:
            raise InputError("not a pose of 24 joints", path, "give frames with '3d_pose'")
        frames.append(pose.reshape(JOINTS, 3))
    if not frames:
        raise InputError("contains no frames", folder, "give a folder of frames, or a motion file")
    return {"3d_pose": np.stack(frames)}


def _read_parquet(path: Path, _: Collection[str]) -> Values:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from popdanceset.tables import fold

    columns = {"smpl_poses": (24, 3), "smpl_trans": (3,), "smpl_scaling": (1,)}
    try:
        names = pq.read_schema(path).names
        missing = [name for name in columns if name not in names]
        if missing:
            raise InputError(
                f"is not a pose table: it lacks {missing[0]}; its columns: {', '.join(names[:12])}",
                path,
                "give a table that `popdanceset extract` wrote",
            )
        table = pq.read_table(path, columns=[*columns, *(["clip_id"] if "clip_id" in names else [])])
        clips = table["clip_id"].unique().to_pylist() if "clip_id" in names else []
        if len(clips) > 1:
            raise InputError(
                f"holds {len(clips)} clips", path, "give one clip of the release, as RELEASE:CLIP_ID"
            )
        return {name: fold(table[name], shape) for name, shape in columns.items()}, {}
    except (OSError, pa.ArrowException, ValueError) as error:
        raise InputError(
            f"is not a pose table: {error}", path, "give a table that `popdanceset extract` wrote"
        ) from None


_READERS: dict[str, Callable[[Path, Collection[str]], Values]] = {
    ".pkl": _read_pickle,
    ".pickle": _read_pickle,
    ".npy": _read_npy,
    ".npz": _read_npz,
    ".json": _read_json,
    ".pt": _read_torch,
    ".pth": _read_torch,
    ".joblib": _read_pickle,
    ".parquet": _read_parquet,
}


def _tensor(storage: Any, offset: int, size: Any, stride: Any, *_: object) -> StoredArray:
    """Stands in for the function by which torch restores a tensor from a pickle."""
    import torch

    if not isinstance(storage, torch.storage.TypedStorage):
        raise ValueError("a tensor without a storage")
    flat = torch.tensor([], dtype=storage.dtype)
    flat.set_(storage._untyped_storage)
    if math.prod(size) > len(flat):  # rows that repeat could demand any memory
        raise ValueError("a tensor that is larger than its storage")
    found = StoredArray()
    try:
        viewed = torch.as_strided(flat, tuple(size), tuple(stride), int(offset))
    except RuntimeError:
        raise ValueError("a tensor that exceeds its storage") from None
    found.value = _numpy(viewed)
    return found


def _storage(content: bytes) -> Any:
    """Stands in for the function by which torch restores the memory of a tensor from a pickle."""
    try:
        return _load_tensors(content)
    except RuntimeError as error:
        raise ValueError(str(error)) from None


def _numpy(tensor: Any) -> Array:
    """A tensor as an array; bfloat16, which numpy lacks, as float32."""
    array: Array = (tensor.float() if tensor.is_floating_point() and tensor.itemsize < 4 else tensor).numpy()
    return array.copy()


class _Unpickler(ArrayUnpickler):
    """Allows tensors of torch beside arrays of numpy."""

    allowed: Mapping[tuple[str, str], Callable[..., Any]] = {
        **ARRAYS,
        ("torch._utils", "_rebuild_tensor_v2"): _tensor,
        ("torch.storage", "_load_from_bytes"): _storage,
        ("collections", "OrderedDict"): dict,
    }


def _flattened(loaded: Any, listed: Callable[[list[Any]], Array | None] | None = None) -> Values:
    """Entries of nested dictionaries as `outer/inner`; other things are only named."""
    values: dict[str, Value] = {}
    skipped: dict[str, str] = {}

    def add(name: str, value: Any, depth: int) -> None:
        if len(values) + len(skipped) >= _ENTRIES:
            return
        if isinstance(value, StoredArray):
            value = value.value
        if hasattr(value, "detach"):  # a tensor
            value = _numpy(value.detach().cpu())
        if listed is not None and isinstance(value, list):
            array = listed(value)
            value = value if array is None else array
        if isinstance(value, Mapping) and depth < _DEPTH:
            for key, inner in value.items():
                add(f"{name}/{key}" if name else str(key), inner, depth + 1)
        elif isinstance(value, np.ndarray | str | int | float):
            values[name] = value
        else:
            skipped[name] = type(value).__name__

    add("", loaded, 0)
    return values, skipped

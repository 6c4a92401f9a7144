"""Reads arrays from files of joblib without running the code in them, and without joblib.

joblib writes a pickle in which each array is an object `NumpyArrayWrapper`, followed by the array's bytes
between the instructions of the pickle. Source: joblib/numpy_pickle.py, versions 0.10 to 1.6.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import math
import pickle
import struct
import zlib
from typing import Any, ClassVar, cast

import numpy as np

from popdanceset.safe_pickle import ARRAYS, StoredArray

MARK = b"NumpyArrayWrapper"
"""Bytes that every file of joblib with an array contains."""

_LARGEST = 1 << 31
"""Bytes that a compressed file may unpack to."""

_BUILD = pickle.BUILD[0]


class _Wrapper:
    """Stands in for `joblib.numpy_pickle.NumpyArrayWrapper`."""

    shape: tuple[int, ...] = ()
    order: str = "C"
    dtype: Any = None
    numpy_array_alignment_bytes: int | None = None


class _JoblibUnpickler(pickle._Unpickler):
    """Loads a pickle of joblib; names other than those of arrays are refused."""

    dispatch: ClassVar[dict[int, Any]] = dict(pickle._Unpickler.dispatch)

    def __init__(self, file: io.BytesIO, size: int) -> None:
        super().__init__(file, encoding="latin1")
        self._file = file
        self._size = size

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("joblib.numpy_pickle", "NumpyArrayWrapper"):
            return type("_Wrapper", (_Wrapper,), {})  # a pickle can set attributes of what it names
        stand_in = ARRAYS.get((module, name))
        if stand_in is None:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which no array needs")
        return stand_in if isinstance(stand_in, type) else lambda *arguments: stand_in(*arguments)

    def load_build(self) -> None:
        """Sets the state of the last object; the bytes of an array follow."""
        super().load_build()  # type: ignore[misc]
        stack = cast(Any, self).stack
        if isinstance(stack[-1], _Wrapper):
            stack[-1] = self._array(stack[-1])

    dispatch[_BUILD] = load_build

    def _array(self, wrapper: _Wrapper) -> StoredArray:
        dtype = getattr(wrapper.dtype, "dtype", None)
        shape = wrapper.shape
        if not isinstance(dtype, np.dtype) or dtype.kind not in "biuf":
            raise pickle.UnpicklingError("an array of objects")
        if not isinstance(shape, tuple) or not all(isinstance(n, int) and n >= 0 for n in shape):
            raise pickle.UnpicklingError("an array with an unknown state")
        if wrapper.numpy_array_alignment_bytes is not None:
            padding = self._file.read(1)
            if not padding:
                raise EOFError("the file ends within an array")
            self._file.read(padding[0])
        length = math.prod(shape) * dtype.itemsize
        if length > self._size - self._file.tell():
            raise EOFError("the file ends within an array")
        found = StoredArray()
        flat = np.frombuffer(self._file.read(length), dtype)
        found.value = flat.reshape(shape, order="F" if wrapper.order == "F" else "C")
        return found


def load_joblib(content: bytes) -> Any:
    """Loads what joblib wrote, uncompressed; arrays are `StoredArray` objects.

    Raises:
        one of `popdanceset.safe_pickle.BROKEN`: it is damaged, or contains a name that is not allowed.
    """
    try:
        return _JoblibUnpickler(io.BytesIO(content), len(content)).load()
    except (struct.error, AssertionError) as error:  # of the unpickler in Python, which reads what is cut off
        raise pickle.UnpicklingError(f"it is damaged: {error}") from None


def decompressed(content: bytes) -> bytes:
    """Unpacks what joblib compressed with zlib, gzip, bz2 or lzma; returns other content as it is.

    Raises:
        ValueError: the content is damaged, or unpacks to more bytes than a motion can have.
    """
    file = io.BytesIO(content)
    try:
        if content[:2] == b"\x1f\x8b":
            return _bounded(gzip.GzipFile(fileobj=file))
        if content[:3] == b"BZh":
            return _bounded(bz2.BZ2File(file))
        if content[:6] == b"\xfd7zXZ\0" or content[:2] == b"]\0":
            return _bounded(lzma.LZMAFile(file))
        if content[:1] == b"\x78" and int.from_bytes(content[:2], "big") % 31 == 0:
            unpacker = zlib.decompressobj()
            unpacked = unpacker.decompress(content, _LARGEST)
            if unpacker.unconsumed_tail:
                raise ValueError("unpacks to more bytes than a motion can have")
            return unpacked
    except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
        raise ValueError(f"damaged compression: {error}") from error
    return content


def _bounded(file: gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile) -> bytes:
    unpacked = file.read(_LARGEST)
    if file.read(1):
        raise ValueError("unpacks to more bytes than a motion can have")
    return unpacked

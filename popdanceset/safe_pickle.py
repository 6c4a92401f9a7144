"""Reads arrays from untrusted pickles without running the code in them.

A pickle is a program. Only the constructors of numpy's number arrays are allowed, and even those are replaced
by stand-ins that check the recorded state, because numpy's own constructors accept unsafe states. The files
of this field contain a dictionary of arrays, either as a pickle or as an object array in an `.npy` file.

This is our own code for a reason: `fickling` and `picklescan` judge a file before it is loaded, but the
loading itself then uses the real constructors.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popdanceset.errors import InputError

Value = NDArray[Any] | str | float
"""A value that is read: an array of numbers or booleans, a string, or a number."""

ADVICE = "give a file that contains only arrays, strings and numbers"

BROKEN = (
    pickle.UnpicklingError, ArithmeticError, AttributeError, EOFError, ImportError, LookupError, MemoryError,
    RecursionError, TypeError, ValueError,
)  # fmt: skip
"""What a damaged or hostile pickle can raise (the documentation of `pickle`, and the stand-ins)."""


class _Dtype:
    """Stands in for numpy.dtype: numbers, or objects (numpy saves a dictionary as an array of one object)."""

    def __init__(self, code: object, *_: object) -> None:
        self.dtype: np.dtype[Any] = np.dtype(str(code))
        if self.dtype.kind not in "biufO":
            raise pickle.UnpicklingError(f"an array of type {code}, which is not a number")

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        if self.dtype.kind != "O" and state[1] in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(state[1])


class StoredArray:
    """Stands in for numpy.ndarray: an array of numbers, or a single object without a shape.

    Attributes:
        value: the array, or the object.
    """

    def __init__(self, *_: object) -> None:
        self.value: object = None

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, tuple) or len(state) < 4 or not isinstance(state[-3], _Dtype):
            raise pickle.UnpicklingError("an array with an unknown state")
        *_, shape, kind, columns_first, content = state
        if kind.dtype.kind == "O":
            if shape != () or not isinstance(content, list) or len(content) != 1:
                raise pickle.UnpicklingError("an array of objects")
            self.value = content[0]
            return
        if isinstance(content, str):  # Python 2 writes bytes as str
            content = content.encode("latin1")
        if len(content) != math.prod(shape) * kind.dtype.itemsize:
            raise pickle.UnpicklingError("an array whose bytes do not fit its shape")
        flat = np.frombuffer(content, kind.dtype)
        self.value = flat.reshape(shape, order="F" if columns_first else "C")


def _empty(*_: object) -> StoredArray:
    return StoredArray()


def _frombuffer(content: bytes, kind: object, shape: object, order: object) -> StoredArray:
    """Stands in for the function by which numpy restores arrays from pickles of protocol 5."""
    array = StoredArray()
    array.__setstate__((shape, kind, order == "F", bytes(content)))
    return array


def _scalar(kind: object, content: bytes | str) -> StoredArray:
    if not isinstance(content, bytes | str):
        raise pickle.UnpicklingError("a number that is an object")
    return _frombuffer(content.encode("latin1") if isinstance(content, str) else content, kind, (), "C")


def _encode(text: str, encoding: str = "latin1") -> bytes:
    """Stands in for `_codecs.encode`, by which Python 3 writes bytes into old protocols."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"bytes written as {encoding}")
    return text.encode(encoding)


def _no_bytes() -> bytes:
    """Stands in for `bytes()`, by which Python 3 writes empty bytes. Any argument could demand memory."""
    return b""


ARRAYS: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "ndarray"): StoredArray,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _encode,
    ("__builtin__", "bytes"): _no_bytes,
    ("builtins", "bytes"): _no_bytes,
}
"""The names that a pickle of arrays may contain, as (module, name), and their stand-ins."""
for _module in ("numpy.core", "numpy._core"):
    ARRAYS[f"{_module}.multiarray", "_reconstruct"] = _empty
    ARRAYS[f"{_module}.multiarray", "scalar"] = _scalar
    ARRAYS[f"{_module}.numeric", "_frombuffer"] = _frombuffer
del _module


class ArrayUnpickler(pickle.Unpickler):
    """Replaces every name in a pickle by its stand-in. Subclasses may allow more names.

    Attributes:
        allowed: the stand-ins: classes with a `__setstate__`, or functions.
        purpose: kind of the file, for the message.
    """

    allowed: Mapping[tuple[str, str], Callable[..., Any]] = ARRAYS
    purpose = "array"

    def find_class(self, module: str, name: str) -> Any:
        """Returns the stand-in of a name.

        Raises:
            pickle.UnpicklingError: the name is not allowed.
        """
        stand_in = self.allowed.get((module, name))
        if stand_in is None:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which no {self.purpose} needs")
        if isinstance(stand_in, type):
            return stand_in
        # A pickle can set attributes of what it names. A new wrapper keeps the stand-in itself unchanged.
        return lambda *arguments: stand_in(*arguments)


def unpickle(content: bytes, unpickler: type[ArrayUnpickler] = ArrayUnpickler) -> Any:
    """Loads a pickle of any protocol, with stand-ins in place of what it names.

    Raises:
        one of `BROKEN`: it is damaged, or contains a name that is not allowed.
    """
    _check_memory(content)
    return unpickler(io.BytesIO(content), encoding="latin1").load()


def _check_memory(content: bytes) -> None:
    """Rejects absurd memo indices, because the loader allocates memory up to the highest."""
    for code, argument, _ in pickletools.genops(content):
        if code.name.endswith("PUT") and isinstance(argument, int) and argument > len(content):
            raise pickle.UnpicklingError("it asks for more memory than it can need")


def loads_arrays(content: bytes, where: object = "") -> dict[str, Value]:
    """Loads the arrays, strings and numbers of a pickled dictionary; skips other entries.

    Args:
        content: the pickle. An array that was pickled by itself is returned under the name "".
        where: for the message.

    Raises:
        InputError: it is damaged, or contains anything other than arrays of numbers.
    """
    try:
        loaded = unpickle(content)
        if isinstance(loaded, StoredArray) and isinstance(loaded.value, dict):
            loaded = loaded.value
        if not isinstance(loaded, dict):
            loaded = {"": loaded}
        opened = {
            str(name): value.value if isinstance(value, StoredArray) else value
            for name, value in loaded.items()
        }
    except BROKEN as error:
        raise InputError(f"not a pickle of arrays: {error}", where, ADVICE) from None
    return {
        name: value for name, value in opened.items() if isinstance(value, np.ndarray | str | int | float)
    }


def read_arrays(path: Path) -> dict[str, Value]:
    """Like `loads_arrays`, from a pickle or from an `.npy` file of numbers or of a dictionary.

    Raises:
        InputError: as `loads_arrays`, or the file is not readable.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"not readable: {error.strerror}", path, "check the path") from None
    if not content.startswith(b"\x93NUMPY"):
        return loads_arrays(content, path)
    try:
        array, rest = npy_array(content)
    except BROKEN as error:
        raise InputError(f"not a numpy array: {error}", path, "write it again with numpy.save") from None
    return {"": array} if array is not None else loads_arrays(rest, path)


def npy_array(content: bytes) -> tuple[NDArray[Any] | None, bytes]:
    """Reads an `.npy` file: its array, or, if that is one of objects, None and the pickle that follows.

    Raises:
        one of `BROKEN`: it is damaged.
    """
    file = io.BytesIO(content)
    version = np.lib.format.read_magic(file)
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, columns_first, dtype = header(file)
    if dtype.hasobject:
        return None, content[file.tell() :]
    flat = np.frombuffer(content, dtype, math.prod(shape), file.tell())
    return flat.reshape(shape, order="F" if columns_first else "C"), b""

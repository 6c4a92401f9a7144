"""Reads arrays from pickles of others without running what is written in them.

A pickle is a program. Only the constructors of numpy's number arrays are let through, and even those are
replaced by stand-ins which take the recorded state apart: numpy's own accept states that are not safe. The
files of this field hold a dictionary of arrays, either as a pickle or as an object array in an `.npy` file.
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
"""What is read: arrays of numbers or truth values, words, and single numbers."""

ADVICE = "give a file that holds nothing but arrays, words and numbers"

BROKEN = (
    pickle.UnpicklingError, ArithmeticError, AttributeError, EOFError, ImportError, LookupError, MemoryError,
    RecursionError, TypeError, ValueError,
)  # fmt: skip
"""What a damaged or hostile pickle can raise (documentation of `pickle`, and what is let through)."""


class _Dtype:
    """numpy.dtype: numbers, or objects as the shell in which numpy saves a dictionary."""

    def __init__(self, code: object, *_: object) -> None:
        self.dtype: np.dtype[Any] = np.dtype(str(code))
        if self.dtype.kind not in "biufO":
            raise pickle.UnpicklingError(f"arrays of type {code} are no numbers")

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        if self.dtype.kind != "O" and state[1] in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(state[1])


class StoredArray:
    """numpy.ndarray: shape, type, order and bytes; of objects only one, without a shape.

    Attributes:
        value: the array, or that one object.
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
        if isinstance(content, str):  # bytes of Python 2
            content = content.encode("latin1")
        if len(content) != math.prod(shape) * kind.dtype.itemsize:
            raise pickle.UnpicklingError("an array whose bytes do not fit its shape")
        flat = np.frombuffer(content, kind.dtype)
        self.value = flat.reshape(shape, order="F" if columns_first else "C")


def _empty(*_: object) -> StoredArray:
    return StoredArray()


def _frombuffer(content: bytes, kind: object, shape: object, order: object) -> StoredArray:
    """numpy's way of arrays in pickles of protocol 5."""
    array = StoredArray()
    array.__setstate__((shape, kind, order == "F", bytes(content)))
    return array


def _scalar(kind: object, content: bytes | str) -> StoredArray:
    if not isinstance(content, bytes | str):
        raise pickle.UnpicklingError("a number that is an object")
    return _frombuffer(content.encode("latin1") if isinstance(content, str) else content, kind, (), "C")


def _encode(text: str, encoding: str = "latin1") -> bytes:
    """How Python 3 writes bytes into old protocols."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"bytes written as {encoding}")
    return text.encode(encoding)


def _no_bytes() -> bytes:
    """How Python 3 writes empty bytes into old protocols; with an argument it could ask for any size."""
    return b""


ARRAYS: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "ndarray"): StoredArray,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _encode,
    ("__builtin__", "bytes"): _no_bytes,
    ("builtins", "bytes"): _no_bytes,
}
"""What a pickle of arrays names, as module and name, and what it is given in its place."""
for _module in ("numpy.core", "numpy._core"):
    ARRAYS[f"{_module}.multiarray", "_reconstruct"] = _empty
    ARRAYS[f"{_module}.multiarray", "scalar"] = _scalar
    ARRAYS[f"{_module}.numeric", "_frombuffer"] = _frombuffer
del _module


class ArrayUnpickler(pickle.Unpickler):
    """Gives a pickle stand-ins for all it may name. Subclasses may let through more.

    Attributes:
        allowed: the stand-ins, classes with a `__setstate__` or functions.
        purpose: what has no need of anything else, for the message.
    """

    allowed: Mapping[tuple[str, str], Callable[..., Any]] = ARRAYS
    purpose = "array"

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in; raises UnpicklingError."""
        stand_in = self.allowed.get((module, name))
        if stand_in is None:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which no {self.purpose} needs")
        if isinstance(stand_in, type):
            return stand_in
        # A pickle can set attributes of what it names: those of a wrapper, which nobody else has.
        return lambda *arguments: stand_in(*arguments)


def unpickle(content: bytes, unpickler: type[ArrayUnpickler] = ArrayUnpickler) -> Any:
    """What a pickle of any protocol holds, with stand-ins where it names something.

    Raises:
        one of `BROKEN`: it is damaged, or names what is not let through.
    """
    _check_memory(content)
    return unpickler(io.BytesIO(content), encoding="latin1").load()


def _check_memory(content: bytes) -> None:
    """A pickle numbers what it will use again; the interpreter makes room for all up to the highest one."""
    for code, argument, _ in pickletools.genops(content):
        if code.name.endswith("PUT") and isinstance(argument, int) and argument > len(content):
            raise pickle.UnpicklingError("it asks for more memory than it can need")


def loads_arrays(content: bytes, where: object = "") -> dict[str, Value]:
    """Arrays, words and numbers of a pickled dictionary; other entries are passed over.

    Args:
        content: the pickle. An array that was pickled by itself comes back under the name "".
        where: named in the message.

    Raises:
        InputError: it is damaged, or names anything but arrays of numbers.
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
        raise InputError(f"no pickle of arrays: {error}", where, ADVICE) from None
    return {
        name: value for name, value in opened.items() if isinstance(value, np.ndarray | str | int | float)
    }


def read_arrays(path: Path) -> dict[str, Value]:
    """As `loads_arrays`, from a pickle or from an `.npy` file: of numbers, or of objects with a dictionary.

    Raises:
        InputError: as `loads_arrays`, or the file is not readable.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"not readable: {error.strerror}", path, "check the path") from None
    if not content.startswith(b"\x93NUMPY"):
        return loads_arrays(content, path)
    file = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(file)
        header = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, columns_first, dtype = header(file)
        if not dtype.hasobject:
            flat = np.frombuffer(content, dtype, math.prod(shape), file.tell())
            return {"": flat.reshape(shape, order="F" if columns_first else "C")}
    except BROKEN as error:
        raise InputError(f"no array of numpy: {error}", path, "write it again with numpy.save") from None
    return loads_arrays(content[file.tell() :], path)

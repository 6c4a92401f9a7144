"""The named arrays, strings and numbers in a motion file, whatever its format is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from popdanceset.motion.joint_motion import Array
from popdanceset.safe_pickle import Value

SHOWN = 12
"""Arrays named in a message; further ones are counted."""

_AIST_NAME = re.compile(r"(?<![A-Za-z0-9])g[A-Z]{2}_s[A-Z]{2}_")


@dataclass(frozen=True)
class Content:
    """What a motion file contains.

    Attributes:
        path: the file.
        name: its name without the endings of formats.
        values: arrays, strings and numbers by name; entries of nested dictionaries as `outer/inner`. An
            array without a name has the name "".
        skipped: descriptions of entries that were not read, by name.
        format: the file's format, e.g. `npz`.
        unnamed: content of an array without a name: `joints` or `poses`; None if the user did not say.
    """

    path: Path
    name: str
    values: Mapping[str, Value]
    skipped: Mapping[str, str] = field(default_factory=dict)
    format: str = ""
    unnamed: str | None = None

    @cached_property
    def arrays(self) -> dict[str, Array]:
        """The arrays of numbers; single numbers are arrays without a shape."""
        found = {name: np.asarray(value) for name, value in self.values.items() if not isinstance(value, str)}
        return {name: array for name, array in found.items() if array.dtype.kind in "iuf"}

    def has(self, *names: str) -> bool:
        """Whether there is an array of each of these names."""
        return all(name in self.arrays for name in names)

    def first(self, names: Iterable[str]) -> Array | None:
        """Returns the first of these arrays that exists."""
        return next((self.arrays[name] for name in names if name in self.arrays), None)

    def number(self, names: Iterable[str]) -> float | None:
        """Returns the first of these entries that is a single number; None if it is not above 0."""
        for name in names:
            value = self.arrays.get(name)
            if value is not None and value.size == 1:
                number = float(value.ravel()[0])
                return number if np.isfinite(number) and number > 0 else None
        return None

    def text(self, names: Iterable[str]) -> str:
        """Returns the first of these entries that is a string; otherwise ""."""
        return next((str(self.values[name]) for name in names if isinstance(self.values.get(name), str)), "")

    @cached_property
    def single(self) -> Array | None:
        """The array without a name, or the only array of two or more dimensions."""
        if "" in self.arrays:
            return self.arrays[""]
        large = [array for array in self.arrays.values() if array.ndim > 1]
        return large[0] if len(large) == 1 else None

    @property
    def width(self) -> int:
        """Numbers in a frame of `single`; 0 if there is none."""
        return 0 if self.single is None else frame_width(self.single)

    @property
    def aist_name(self) -> bool:
        """Whether the file is named as a sequence of AIST++, e.g. gBR_sBM_cAll_d04_mBR0_ch01."""
        return bool(_AIST_NAME.search(self.name))

    def groups(self) -> Iterator[tuple[str, Content]]:
        """Yields this content, then that of each nested dictionary: its name and what is in it."""
        yield "", self
        prefixes = dict.fromkeys(name.rpartition("/")[0] for name in self.values if "/" in name)
        for prefix in prefixes:
            inner = {
                name.removeprefix(f"{prefix}/"): value
                for name, value in self.values.items()
                if name.startswith(f"{prefix}/")
            }
            yield prefix, Content(self.path, self.name, inner, {}, self.format, self.unnamed)

    def describe(self) -> str:
        """Names, shapes and types of all entries, for messages."""
        lines = [f"'{name}' {_describe(value)}" for name, value in self.values.items()]
        lines += [f"'{name}' {text}" for name, text in self.skipped.items()]
        more = f", and {len(lines) - SHOWN} more" if len(lines) > SHOWN else ""
        return (", ".join(lines[:SHOWN]) or "none") + more


def frame_width(array: Array) -> int:
    """Numbers in a frame of an array (frames, …), or of a batch of one; 0 if it has no frames."""
    while array.ndim > 2 and array.shape[0] == 1:
        array = array[0]
    return 0 if array.ndim < 2 or not len(array) else int(array[0].size)


def _describe(value: Value) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.shape} {value.dtype}"
    return "text" if isinstance(value, str) else "number"

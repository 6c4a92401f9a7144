"""Comparison with values that other code recorded: the checks of `popdg/` and of each baseline print it.

    python -m training.popdg.check FOLDER
    python -m training.baselines.fact.check FOLDER

A check yields one `Difference` for each value; `report` prints them and gives the exit code.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
import torch

from popdanceset.errors import InputError

TOLERANCE = 1e-4
"""Largest difference allowed, after scaling."""


class Difference(NamedTuple):
    """The largest difference between a value and the expected one, and the largest that is allowed."""

    name: str
    largest: float
    tolerance: float

    @property
    def fine(self) -> bool:
        """Whether the difference is within the tolerance; NaN is not."""
        return self.largest <= self.tolerance


def compare(
    name: str, value: torch.Tensor, expected: torch.Tensor, tolerance: float = TOLERANCE
) -> Difference:
    """The largest difference, each relative to its expected value if that is above 1.

    It is infinite if the shapes differ.
    """
    if value.shape != expected.shape:
        return Difference(name, float("inf"), tolerance)
    scale = expected.abs().clamp(min=1)
    return Difference(name, float(((value - expected) / scale).abs().max()), tolerance)


def compare_to_largest(
    name: str, value: torch.Tensor, expected: torch.Tensor, tolerance: float = TOLERANCE
) -> Difference:
    """The largest difference, relative to the largest expected value; infinite if the shapes differ."""
    if value.shape != expected.shape:
        return Difference(name, float("inf"), tolerance)
    value, expected = value.detach().double(), expected.double()
    scale = float(expected.abs().max()) or 1.0
    return Difference(name, float((value - expected).abs().max()) / scale, tolerance)


def compare_exactly(name: str, value: torch.Tensor, expected: torch.Tensor) -> Difference:
    """The number of entries that differ, none of which may; infinite if the shapes differ."""
    if value.shape != expected.shape:
        return Difference(name, float("inf"), 0.0)
    return Difference(name, float((value != expected).sum()), 0.0)


def compare_numbers(
    name: str, values: Mapping[str, float], expected: Mapping[str, float], tolerance: float = TOLERANCE
) -> Difference:
    """The largest difference of numbers by name, each relative to the expected one.

    It is infinite if a number is missing. Numbers below a millionth of the largest, such as gradients that
    are zero but for rounding, are compared relative to that millionth.
    """
    if not expected or not expected.keys() <= values.keys():
        return Difference(name, float("inf"), tolerance)
    least = 1e-6 * max(abs(number) for number in expected.values())
    apart = [abs(values[key] - number) / (max(abs(number), least) or 1.0) for key, number in expected.items()]
    return Difference(name, float(np.max(apart)), tolerance)  # numpy's maximum of NaN is NaN


def report(differences: Iterable[Difference]) -> int:
    """Prints each difference and a summary.

    Returns:
        The exit code: 1 if a difference is too large.
    """
    count = bad = 0
    for difference in differences:
        verdict = "" if difference.fine else "  TOO LARGE"
        click.echo(f"{difference.largest:9.2e} of {difference.tolerance:7.1e}  {difference.name}{verdict}")
        count, bad = count + 1, bad + (not difference.fine)
    click.echo(f"{bad} of {count} differences are too large" if bad else f"all {count} differences are small")
    return 1 if bad else 0


def read_record(path: Path) -> dict[str, Any]:
    """Reads recorded values: a `.pt` file that contains only tensors and plain containers, or an `.npz` file.

    Raises:
        InputError: the file is missing, damaged, or contains other objects.
    """
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as file:
                return {name: file[name] for name in file.files}
        content = torch.load(path, weights_only=True, map_location="cpu")
    except OSError as error:
        raise InputError(f"not readable: {error.strerror or error}", path, "check the path") from error
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, LookupError) as error:
        raise InputError("is damaged, or is no file of recorded values", path, "copy it again") from error
    if not isinstance(content, dict):
        raise InputError("does not contain values by name", path, "name a file of recorded values")
    return content


@contextmanager
def recorded_in(path: Path) -> Iterator[None]:
    """Turns what a record of another form raises into one line.

    Raises:
        InputError: a value is missing, or does not fit the network.
    """
    try:
        yield
    except (KeyError, IndexError, AttributeError, TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"these are not records of this network ({type(error).__name__}: {error})".splitlines()[0],
            path,
            "record all files of the folder together",
        ) from error

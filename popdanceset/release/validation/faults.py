"""The faults of a release, as lines for people."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from popdanceset.errors import PopDanceSetError

MOST = 1000
"""Faults that are kept; more are only counted."""


class Faults:
    """Collects faults.

    Attributes:
        lines: the first `MOST` of them, each one line without control characters.
        count: how many there are.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.count = 0

    def add(self, where: str, what: str) -> None:
        """Adds a fault of a file of the release, or of a part of it."""
        self._add(f"{where}: {what}")

    def _add(self, line: str) -> None:
        self.count += 1
        if len(self.lines) < MOST:
            clean = "".join(c if c.isprintable() else " " for c in line)
            self.lines.append(" ".join(clean.split())[:1000])

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Turns the error that ends a block into a fault, so that other checks go on."""
        try:
            yield
        except PopDanceSetError as error:
            self._add(str(error))

"""What a check of `popdanceset doctor` finds. Packages that add checks need nothing else of this folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from popdanceset.settings import Settings


class Verdict(StrEnum):
    """The outcome of a check. Only `FAILED` stops anything."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found.

    Attributes:
        verdict: its outcome.
        what: the facts, in one line.
        do: what to do about it; empty if nothing need be done.
        where: the setting, file or address concerned.
    """

    verdict: Verdict
    what: str
    do: str = ""
    where: str = ""


Check = Callable[["Settings"], Finding]
"""A check. It may also raise `popdanceset.errors.PopDanceSetError`, which counts as failed."""


def ok(what: str) -> Finding:
    """All is right."""
    return Finding(Verdict.OK, what)


def warning(what: str, do: str, where: str = "") -> Finding:
    """Work is possible, and something should be done."""
    return Finding(Verdict.WARNING, what, do, where)


def failed(what: str, do: str, where: str = "") -> Finding:
    """Work is not possible."""
    return Finding(Verdict.FAILED, what, do, where)

"""Kinds of sets, one module each: where their sequences are, what their names mean, and how they are read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from popdanceset.importers.items import MotionSet
from popdanceset.motion.conventions import Conventions


@dataclass(frozen=True)
class Options:
    """What the user states about a set.

    Attributes:
        conventions: rate, axes and unit of its files.
        lists: folder of its lists, if it is not inside the set.
        genre: of its dances, where the set does not say; "" for unknown.
        dancer: who dances, where the set does not say.
    """

    conventions: Conventions = field(default_factory=Conventions)
    lists: Path | None = None
    genre: str = ""
    dancer: str = ""


def open_set(kind: str, path: Path, options: Options) -> MotionSet:
    """Returns the set of a kind (`KINDS`) at a path; nothing is read yet."""
    return _kinds()[kind](path, options)


KINDS = ("popdanceset", "aist++", "hybrik", "amass", "smpl")
"""Names of the kinds, as the command line has them."""


def _kinds() -> dict[str, Callable[[Path, Options], MotionSet]]:
    from popdanceset.importers.sets.aist import AistPlusPlusSet
    from popdanceset.importers.sets.folder import AmassSet, SmplSet
    from popdanceset.importers.sets.hybrik import HybrIKSet
    from popdanceset.importers.sets.popdanceset import PublishedPopDanceSet

    made: tuple[Callable[[Path, Options], MotionSet], ...] = (
        PublishedPopDanceSet, AistPlusPlusSet, HybrIKSet, AmassSet, SmplSet,
    )  # fmt: skip
    return dict(zip(KINDS, made, strict=True))

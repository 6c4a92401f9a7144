"""The kinds of sets that can be imported, by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from popdanceset.importers.items import MotionSet, Options
from popdanceset.importers.sets.aist import AistPlusPlusSet
from popdanceset.importers.sets.folder import AmassSet, SmplSet
from popdanceset.importers.sets.hybrik import HybrIKSet
from popdanceset.importers.sets.popdanceset import PublishedPopDanceSet

KINDS: dict[str, Callable[[Path, Options], MotionSet]] = {
    "popdanceset": PublishedPopDanceSet,
    "aist++": AistPlusPlusSet,
    "hybrik": HybrIKSet,
    "amass": AmassSet,
    "smpl": SmplSet,
}


def open_set(kind: str, path: Path, options: Options) -> MotionSet:
    """Returns the set of a kind at a path; nothing is read yet."""
    return KINDS[kind](path, options)

"""The layouts in which `popdanceset export` writes a release, one class each."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from popdanceset.errors import InputError
from training.export.kinds.aist import Aist
from training.export.kinds.animation import Amass, Bvh, Gltf, JointsCsv
from training.export.kinds.base import Exporter
from training.export.kinds.fbx import Fbx
from training.export.kinds.hybrik import HybrIK
from training.export.kinds.published import Published

__all__ = ["KINDS", "Exporter", "Options", "exporter"]


@dataclass(frozen=True, slots=True)
class Options:
    """What a user chooses about an export.

    Attributes:
        fps: frames a second; None for those of the release.
        features: extractors whose music features are written; None for all. Only `popdanceset` writes any.
        blender: program of a Python that has `bpy`, for `fbx`; None for this one.

    Raises:
        InputError: the rate is not a number above 0.
    """

    fps: float | None = None
    features: Sequence[str] | None = None
    blender: str | None = None

    def __post_init__(self) -> None:
        if self.fps is not None and not (math.isfinite(self.fps) and self.fps > 0):
            raise InputError(f"fps {self.fps} is not a frame rate", do="give a number above 0")


class _Kind(NamedTuple):
    """What makes an exporter, and the options that it takes."""

    make: Callable[[Options], Exporter]
    takes: frozenset[str] = frozenset({"fps"})


KINDS: dict[str, _Kind] = {
    "popdanceset": _Kind(lambda options: Published(options.features), frozenset({"features"})),
    "aist++": _Kind(lambda options: Aist(options.fps)),
    "amass": _Kind(lambda options: Amass(options.fps)),
    "bvh": _Kind(lambda options: Bvh(options.fps)),
    "gltf": _Kind(lambda options: Gltf(options.fps)),
    "fbx": _Kind(lambda options: Fbx(options.fps, options.blender), frozenset({"fps", "blender"})),
    "csv": _Kind(lambda options: JointsCsv(options.fps)),
    "hybrik": _Kind(lambda options: HybrIK(), frozenset()),
}
"""The layouts by name."""


def exporter(kind: str, options: Options) -> Exporter:
    """Returns the exporter of a layout.

    Raises:
        InputError: there is no such layout, or it does not take an option.
        AssetError: it needs a program that is missing.
    """
    if kind not in KINDS:
        raise InputError(f"there is no layout {kind!r}", do=f"choose from {', '.join(KINDS)}")
    for option in ("fps", "features", "blender"):
        if getattr(options, option) is not None and option not in KINDS[kind].takes:
            raise InputError(f"{kind} does not take --{option}", do=f"leave out --{option}")
    return KINDS[kind].make(options)

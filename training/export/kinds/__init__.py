"""The layouts in which `popdanceset export` writes a release, one class each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

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
    """

    fps: float | None = None
    features: Sequence[str] | None = None


def _of_any_rate(make: Callable[[float | None], Exporter]) -> Callable[[str, Options], Exporter]:
    def made(kind: str, options: Options) -> Exporter:
        _check(kind, "--features", options.features is None)
        return make(options.fps)

    return made


def _published(kind: str, options: Options) -> Exporter:
    _check(kind, "--fps", options.fps is None)
    return Published(options.features)


def _hybrik(kind: str, options: Options) -> Exporter:
    _check(kind, "--fps", options.fps is None)
    _check(kind, "--features", options.features is None)
    return HybrIK()


def _check(kind: str, option: str, absent: bool) -> None:
    if not absent:
        raise InputError(f"{kind} does not take {option}", do=f"leave out {option}")


KINDS: dict[str, Callable[[str, Options], Exporter]] = {
    "popdanceset": _published,
    "aist++": _of_any_rate(Aist),
    "amass": _of_any_rate(Amass),
    "bvh": _of_any_rate(Bvh),
    "gltf": _of_any_rate(Gltf),
    "fbx": _of_any_rate(Fbx),
    "csv": _of_any_rate(JointsCsv),
    "hybrik": _hybrik,
}
"""What makes an exporter, by the name of its layout."""


def exporter(kind: str, options: Options) -> Exporter:
    """Returns the exporter of a layout.

    Raises:
        InputError: there is no such layout, or it does not take an option.
        AssetError: it needs a program that is missing.
    """
    if kind not in KINDS:
        raise InputError(f"there is no layout {kind!r}", do=f"choose from {', '.join(KINDS)}")
    return KINDS[kind](kind, options)

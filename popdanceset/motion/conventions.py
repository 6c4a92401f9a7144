"""Frame rate, axes and unit of motion files: what the user states, and what was used for a file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from popdanceset.errors import InputError

UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001}
UPS = ("z", "y", "-y", "-z")
CONTENTS = ("joints", "poses")


@dataclass(frozen=True, slots=True)
class Conventions:
    """Frame rate, axes, unit and content of motion files, as the user states them.

    None stands for what the file states, or else what its layout prescribes.

    Attributes:
        fps: frames a second.
        up: the axis that points up: `z`, `y`, `-y` or `-z` (right-handed, x stays).
        unit: of positions: `m`, `cm` or `mm`.
        content: of an array without a name: `joints` (as None), or `poses` (rotations, no translation).
    """

    fps: float | None = None
    up: str | None = None
    unit: str | None = None
    content: str | None = None

    def __post_init__(self) -> None:
        if self.fps is not None and not (np.isfinite(self.fps) and self.fps > 0):
            raise InputError(f"fps={self.fps} is not a frame rate", do="give a number above 0")
        for name, allowed in (("up", UPS), ("unit", tuple(UNITS)), ("content", CONTENTS)):
            value = getattr(self, name)
            if value is not None and value not in allowed:
                raise InputError(f"{name}={value} is unknown", do=f"choose from {', '.join(allowed)}")

    @classmethod
    def parse(cls, text: str, default: Conventions | None = None) -> tuple[str, Conventions]:
        """Parses `NAME[,fps=60][,up=-y][,unit=cm][,content=poses]`.

        Returns:
            The name, and the conventions; those that are not in the text come from the default.

        Raises:
            InputError: a key or value is unknown.
        """
        head, *options = text.split(",")
        while options and "=" not in options[0]:  # a comma in the name
            head += "," + options.pop(0)
        given: dict[str, str | float] = {}
        for option in options:
            key, _, value = option.partition("=")
            if key not in cls.__slots__:
                raise InputError(f"unknown key {key!r}", text, f"use {', '.join(cls.__slots__)}")
            given[key] = value
        if "fps" in given:
            try:
                given["fps"] = float(given["fps"])
            except ValueError:
                raise InputError(f"fps={given['fps']} is not a frame rate", text, "give a number") from None
        return head, replace(default or cls(), **given)  # type: ignore[arg-type]


class Origin(StrEnum):
    """How a convention of a file is known."""

    GIVEN = "given"
    """The user stated it."""
    FILE = "file"
    """The file states it."""
    LAYOUT = "layout"
    """Files of this layout have it by definition."""
    POSTURE = "posture"
    """It follows from the direction in which the body stands."""
    ASSUMED = "assumed"
    """It is unknown."""


_MEANING = {
    Origin.GIVEN: "given",
    Origin.FILE: "stated in the file",
    Origin.LAYOUT: "of the layout",
    Origin.POSTURE: "as the body stands",
    Origin.ASSUMED: "unknown, assumed",
}


@dataclass(frozen=True, slots=True)
class Source:
    """How a motion was read.

    Attributes:
        layout: name of the layout, e.g. `AIST++`.
        fps: frames a second of the file.
        up: the axis of the file that points up.
        unit: of the positions in the file.
        fps_origin: how the rate is known.
        up_origin: how the axis is known.
        unit_origin: how the unit is known.
        notes: what else was assumed or left out.
    """

    layout: str
    fps: float
    up: str = "z"
    unit: str = "m"
    fps_origin: Origin = Origin.FILE
    up_origin: Origin = Origin.LAYOUT
    unit_origin: Origin = Origin.LAYOUT
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = (
            f"{self.fps:g} fps ({_MEANING[self.fps_origin]})",
            f"{self.up} up ({_MEANING[self.up_origin]})",
            f"{self.unit} ({_MEANING[self.unit_origin]})",
            *self.notes,
        )
        return f"{self.layout}: {', '.join(parts)}"

    @property
    def remarkable(self) -> bool:
        """Whether something was assumed that a user may not expect: anything but 30 fps, z up, metres."""
        usual = (self.fps_origin, round(self.fps, 3)) in {(Origin.LAYOUT, 30.0)}
        return (
            self.fps_origin is Origin.ASSUMED
            or (self.fps_origin is Origin.LAYOUT and not usual)
            or (self.up_origin is Origin.LAYOUT and self.up != "z")
            or self.up_origin in (Origin.POSTURE, Origin.ASSUMED)
            or bool(self.notes)
        )

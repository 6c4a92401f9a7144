"""Colours of a body's sides, the same in stills and plots; readable on light and dark pages."""

from __future__ import annotations

from collections.abc import Sequence

LEFT = "#2f9be6"
RIGHT = "#f0883e"
MIDDLE = "#9aa4af"
BEAT = "#c061cb"
WARNING = "#e5534b"
GOOD = "#3fa45b"


def of_bone(names: Sequence[str]) -> str:
    """Colour of a bone from the names of its two joints: left, right, or middle if it joins the sides."""
    sides = {_side(name) for name in names}
    if sides <= {"left", ""} and "left" in sides:
        return LEFT
    return RIGHT if sides <= {"right", ""} and "right" in sides else MIDDLE


def rgb(colour: str) -> tuple[int, int, int]:
    """`#rrggbb` → (red, green, blue)."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _side(name: str) -> str:
    if name.startswith(("left_", "right_")):
        return name.partition("_")[0]
    return {"l": "left", "r": "right"}.get(name[0], "") if name != "root" else ""

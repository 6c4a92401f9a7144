"""Colours of the report's plots, readable on light and dark pages; those of a body are in `skeleton`."""

from __future__ import annotations

from popdanceset.skeleton import Colour

PRIMARY = "#2f9be6"
SECONDARY = "#f0883e"
NEUTRAL = "#9aa4af"
BEAT = "#c061cb"
WARNING = "#e5534b"
GOOD = "#3fa45b"


def as_hex(colour: Colour) -> str:
    """Writes (red, green, blue), 0..255, as `#rrggbb`."""
    return "#{:02x}{:02x}{:02x}".format(*colour)

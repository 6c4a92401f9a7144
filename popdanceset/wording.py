"""Words of messages and texts."""

from __future__ import annotations


def counted(number: int, thing: str) -> str:
    """Returns a number with its noun: `1 clip`, `2 clips`."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"

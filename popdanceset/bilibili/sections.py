"""The sections of dance, in both schemes of the host, and what an answer says of a video's section.

The host writes the number of the new scheme as `tid_v2` in some answers and as `tidv2` in others (`popular`
among them). The old `tid` may be that of a child. A number of 0 says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from popdanceset.bilibili.numbers import whole

DANCE = frozenset({129, 20, 154, 156, 198, 199, 200, 255})
"""Dance and its sections in the old scheme (`tid`); 255 is gesture and internet-star dance."""

DANCE_V2 = frozenset({1004, *range(2028, 2037)})
"""Dance and its sections in the scheme of 2025 (`tid_v2`)."""


def section(item: Mapping[str, Any]) -> int | None:
    """Returns the section's number in the old scheme; None if it is not stated."""
    return _number(item, "tid")


def section_v2(item: Mapping[str, Any]) -> int | None:
    """Returns the section's number in the scheme of 2025, under either name; None if it is not stated."""
    return _number(item, "tid_v2", "tidv2")


def in_dance(item: Mapping[str, Any]) -> bool | None:
    """Returns whether a video object says that its video is in a section of dance; None if it does not say.

    One scheme is enough, and so is the parent's number, which names a section that is newer than these lists.
    """
    old, new, parent = section(item), section_v2(item), _number(item, "pid_v2", "pidv2")
    if old in DANCE or new in DANCE_V2 or parent in DANCE_V2:
        return True
    return None if old is None and new is None else False


def _number(item: Mapping[str, Any], *names: str) -> int | None:
    numbers = (whole(item.get(name), "int32") for name in names)
    return next((number for number in numbers if number), None)

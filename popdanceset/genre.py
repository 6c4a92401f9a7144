"""Dance genre of a video from its section. The tables are the rule; edit them to change it."""

from __future__ import annotations

UNKNOWN = "unknown"

SECTIONS_2025 = {
    2028: "otaku",
    2029: "hip-hop",
    2030: "gesture",
    2031: "star",
    2032: "chinese",
    2034: "ballet",
    2035: "wota",
}
"""Sections of the scheme of 2025 (`tid_v2`). 2033 teaches, 2036 is the rest: neither says what is danced."""

SECTIONS = {20: "otaku", 198: "street", 199: "star", 200: "chinese"}
"""Sections of the old scheme (`tid`). 154 is general and 156 teaches."""


def genre(tid: int | None, tid_v2: int | None) -> str:
    """Name of the genre, or `unknown`. The newer scheme is finer and wins.

    Args:
        tid: section number of the old scheme, None if it was not told.
        tid_v2: section number of the scheme of 2025, None likewise.
    """
    return SECTIONS_2025.get(tid_v2 or 0) or SECTIONS.get(tid or 0) or UNKNOWN

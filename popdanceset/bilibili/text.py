"""Cleans text from outside for tables, terminals and logs."""

from __future__ import annotations

import re
from typing import Any

LONGEST = 1000
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]+")
"""Control characters, line separators, and marks that change the direction of text."""


def one_line(value: Any) -> str | None:
    """Returns one line of valid Unicode without control characters, at most `LONGEST` long; None for a
    non-string.
    """
    if not isinstance(value, str):
        return None
    valid = value[:LONGEST].encode("utf-8", "replace").decode("utf-8")
    return _CONTROL.sub(" ", valid).strip()

"""Whole numbers from the host's answers, which may be text, floats or anything else."""

from __future__ import annotations

import math
import re
from typing import Any

_LARGEST = {"int8": 2**7 - 1, "int32": 2**31 - 1, "int64": 2**63 - 1, "count": 2**53}
"""The largest number of each type. A count above 2⁵³, which float64 cannot represent exactly, is not
accepted.
"""

_DIGITS = re.compile(r"\d{1,19}(\.0{1,9})?", re.ASCII)


def whole(value: Any, dtype: str = "int64") -> int | None:
    """Returns a non-negative integer that fits the type (or `count`), also from text or float; otherwise
    None.
    """
    if isinstance(value, str):
        stripped = value.strip()
        value = int(stripped.partition(".")[0]) if _DIGITS.fullmatch(stripped) else None
    elif isinstance(value, float):
        value = int(value) if math.isfinite(value) and value.is_integer() else None
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value <= _LARGEST[dtype] else None

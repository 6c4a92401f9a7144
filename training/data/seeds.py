"""Seeds derived from several numbers."""

from __future__ import annotations

import numpy as np


def mixed(*numbers: int) -> int:
    """One seed from several numbers; neighbouring numbers give unrelated seeds."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)

"""Seeds made of several numbers."""

from __future__ import annotations

import numpy as np


def mixed(*numbers: int) -> int:
    """One seed of several numbers, such that neighbours have nothing in common."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)

"""Runs of flags."""

from __future__ import annotations

from typing import Any

import numpy as np

Ints = np.ndarray[Any, np.dtype[np.intp]]


def runs_of(flags: Any) -> Ints:
    """Finds the runs of true flags.

    Args:
        flags: (n,) booleans.

    Returns:
        (runs, 2): the first index of each run, and the index after its last; in order.
    """
    padded = np.concatenate([[False], np.asarray(flags, bool), [False]])
    edges: Ints = np.flatnonzero(padded[1:] != padded[:-1]).reshape(-1, 2)
    return edges

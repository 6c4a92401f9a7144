"""The choice of sizes whose sum is nearest to a target."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_FINE = 1 << 17
"""As long as more than this is missing, sizes are taken as they come; then all sums are compared. In frames
it is more than an hour."""


def nearest_subset(sizes: Sequence[int], target: int) -> list[int]:
    """Chooses sizes whose sum is nearest to the target; of two equally near sums, the smaller one.

    Of several choices with that sum, one of the earliest sizes is taken: the sums are built up in the order
    of the sizes (dynamic programming over all sums below twice the target), and the first choice that
    reaches a sum is kept. So the result is about the first sizes that add up to the target.

    Args:
        sizes: in order of preference.
        target: what they should add up to. Beyond `_FINE`, the result may miss the nearest sum, hardly by
            more than the smallest size.

    Returns:
        Indices of the chosen sizes, ascending; none if every sum is farther from the target than 0 is.
    """
    chosen, pool, missing = [], [], target
    for index, size in enumerate(sizes):
        if missing - size > _FINE:
            chosen.append(index)
            missing -= size
        elif size > 0:
            pool.append(index)
    if missing <= 0:
        return chosen
    limit = 2 * missing  # a sum from here on is not nearer than 0
    reached = np.zeros(limit, np.bool_)
    reached[0] = True
    last = np.full(limit, -1, np.int64)  # index of the size that completed the sum
    for index in pool:
        size = sizes[index]
        if size < limit:
            new = reached[: limit - size] & ~reached[size:]
            reached[size:] |= new
            last[size:][new] = index
        if reached[missing]:
            break
    sums = np.flatnonzero(reached)
    total = int(sums[np.abs(sums - missing).argmin()])
    while total:
        index = int(last[total])
        chosen.append(index)
        total -= sizes[index]
    return sorted(chosen)

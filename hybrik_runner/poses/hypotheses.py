"""The likeliest sequence of hypotheses about the frames of a clip: dynamic programming of second order.

Each frame has a few hypotheses ("left and right are exchanged"). A hypothesis costs something by itself, and
something for how well it follows the two frames before it (Viterbi, IEEE Transactions on Information Theory
13, 1967; the state is a pair of frames). Two, so that one frame that was seen quite wrongly does not separate
what comes before it from what comes after.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_STEP = 0.1
"""Seconds. Frames that are farther apart say nothing about each other."""


def cheapest(single: Floats, follows: Floats, skips: Floats) -> NDArray[np.intp]:
    """Returns the cheapest sequence of hypotheses (n,).

    Args:
        single: (n, s) costs of each hypothesis in each frame.
        follows: (n, s, s) costs of each frame's hypothesis (last axis) after that of the frame before.
        skips: (n, s, s) the same after the frame before that one.
    """
    count, states = single.shape
    if count < 2:
        only: NDArray[np.intp] = single.argmin(1)
        return only
    total = single[0][:, None] + follows[1] + single[1]
    came_from = np.zeros((count, states, states), np.intp)
    for frame in range(2, count):
        longer = total[:, :, None] + skips[frame][:, None]
        came_from[frame] = longer.argmin(0)
        total = longer.min(0) + follows[frame] + single[frame]
    path = np.empty(count, np.intp)
    path[-2], path[-1] = np.unravel_index(total.argmin(), total.shape)
    for frame in range(count - 1, 1, -1):
        path[frame - 2] = came_from[frame, path[frame - 1], path[frame]]
    return path


def distances(versions: Sequence[Floats], times: Floats, scale: float, back: int = 1) -> Floats:
    """Returns how far points are from where they were under each pair of hypotheses.

    Args:
        versions: s times (n, k, d), the points under each hypothesis.
        times: (n,) seconds.
        scale: distance d from which costs grow more slowly, as scale · log(1 + d / scale): what is seen quite
            wrongly should not decide about the frames round it.
        back: how many frames earlier the points are compared with.

    Returns:
        (n, s, s) costs: of small steps their mean length, in the unit of the points; zero after a long time.
    """
    every = np.stack(versions)
    states, count = every.shape[:2]
    costs = np.zeros((count, states, states))
    if count > back:
        change = every[None, :, back:] - every[:, None, :-back]
        length = np.linalg.norm(change, axis=-1).mean(-1)
        costs[back:] = np.moveaxis(scale * np.log1p(length / scale), 2, 0)
    costs[~linked(times, back)] = 0
    return costs


def linked(times: Floats, back: int = 1) -> NDArray[np.bool_]:
    """(n,) whether frames at these times (n,) follow the one before them, or that `back` frames before, so
    closely that they can be compared; the first does not."""
    result = np.zeros(len(times), bool)
    result[back:] = times[back:] - times[:-back] <= back * _STEP
    return result

"""Smoothing in time without lag: a Gaussian window over neighbours, for numbers and for rotations.

Rotations are averaged in SO(3) by the chordal mean: the rotation nearest to the weighted sum of matrices
(Hartley et al., "Rotation Averaging", IJCV 2013). Neighbours beyond a gap count by their distance in time, so
nothing is smeared across a gap.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from popdanceset.rotations.arrays import nearest_rotation

Floats = NDArray[np.float64]

_REACH = 3.0  # standard deviations


def smooth(values: Floats, times: Floats, sigma: float) -> Floats:
    """Averages numbers (n, …) at times (n,) over a window of standard deviation `sigma` seconds."""
    total, weight = _windowed(values, times, sigma)
    return total / weight.reshape(-1, *(1,) * (values.ndim - 1))


def smooth_rotations(rotations: Floats, times: Floats, sigma: float) -> Floats:
    """Averages rotations (n, …, 3, 3) at times (n,) over a window of standard deviation `sigma` seconds."""
    total, _ = _windowed(rotations, times, sigma)
    return nearest_rotation(total)


def _windowed(values: Floats, times: Floats, sigma: float) -> tuple[Floats, Floats]:
    """Weighted sums over the window, and the sums of the weights."""
    total, weight = np.array(values, np.float64), np.ones(len(values))
    if sigma <= 0:
        return total, weight
    for shift in range(1, len(values)):
        distance = (times[shift:] - times[:-shift]) / sigma
        near = np.where(distance <= _REACH, np.exp(-0.5 * distance**2), 0.0)
        if not near.any():
            break
        shaped = near.reshape(-1, *(1,) * (values.ndim - 1))
        total[:-shift] += shaped * values[shift:]
        total[shift:] += shaped * values[:-shift]
        weight[:-shift] += near
        weight[shift:] += near
    return total, weight

"""Smoothing in time without lag: a Gaussian window over neighbours, for numbers and for rotations.

Rotations are averaged in SO(3) by the chordal mean: the weighted sum of matrices, brought back to the nearest
rotation by singular values (Hartley et al., "Rotation Averaging", IJCV 2013). Neighbours
beyond a gap count by their distance in time, so a gap is never smeared over.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hybrik_runner.rotations.arrays import nearest_rotation

Floats = NDArray[np.float64]

_REACH = 3.0  # standard deviations


def smooth(values: Floats, times: Floats, sigma: float) -> Floats:
    """Numbers (n, …) at times (n,), averaged with a window of standard deviation `sigma` seconds."""
    total, weight = _windowed(values, times, sigma)
    return total / weight.reshape(-1, *(1,) * (values.ndim - 1))


def smooth_rotations(rotations: Floats, times: Floats, sigma: float) -> Floats:
    """Rotations (n, …, 3, 3) at times (n,), averaged with a window of standard deviation `sigma` seconds."""
    total, _ = _windowed(rotations, times, sigma)
    return nearest_rotation(total)


def _windowed(values: Floats, times: Floats, sigma: float) -> tuple[Floats, Floats]:
    """Weighted sums over the window, and the sums of their weights."""
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

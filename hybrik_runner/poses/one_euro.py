"""One-Euro filter: a low-pass filter whose cut-off rises with speed, so that rest is calm and fast motion
does not lag.

Casiez, Roussel and Vogel, "1€ Filter: A Simple Speed-based Low-pass Filter for Noisy Input in Interactive
Systems" (CHI 2012), algorithm 1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class OneEuro:
    """The filter for values that arrive one after the other.

    Args:
        min_cutoff: cut-off frequency at rest, Hz.
        beta: growth of the cut-off with speed, Hz per (unit / s).
        speed_cutoff: cut-off frequency of the speed estimate, Hz.
    """

    def __init__(self, min_cutoff: float, beta: float, speed_cutoff: float = 1.0) -> None:
        self._min_cutoff, self._beta, self._speed_cutoff = min_cutoff, beta, speed_cutoff
        self._time = -np.inf
        self._value: Floats | None = None
        self._speed: Floats | float = 0.0

    def __call__(self, value: Floats, time: float, unit: float = 1.0) -> Floats:
        """Filters the next value.

        Args:
            value: any shape, the same at every call.
            time: seconds, increasing.
            unit: length in which speed is measured, for example a body's size in pixels.
        """
        if self._value is None:
            self._value, self._time = np.array(value, np.float64), time
            return self._value
        step = time - self._time
        if step <= 0:
            return self._value
        share = _share(self._speed_cutoff, step)
        self._speed = share * (value - self._value) / unit / step + (1 - share) * self._speed
        share = _share(self._min_cutoff + self._beta * np.abs(self._speed), step)
        self._value, self._time = share * value + (1 - share) * self._value, time
        return self._value


def one_euro(
    values: Floats, times: Floats, min_cutoff: float, beta: float, units: Floats | None = None
) -> Floats:
    """Filters a recording forwards and backwards and averages both, so that nothing lags.

    Args:
        values: (n, …) the recording.
        times: (n,) seconds, increasing.
        min_cutoff, beta: as `OneEuro`.
        units: (n,) length in which speed is measured; None: 1.

    Returns:
        (n, …) the same shape.
    """
    units = np.ones(len(values)) if units is None else units
    forward, backward = OneEuro(min_cutoff, beta), OneEuro(min_cutoff, beta)
    forwards = [forward(v, t, u) for v, t, u in zip(values, times, units, strict=True)]
    backwards = [backward(v, -t, u) for v, t, u in zip(values[::-1], times[::-1], units[::-1], strict=True)]
    return (np.array(forwards) + np.array(backwards[::-1])) / 2 if len(values) else values


def _share(cutoff: Floats | float, step: float) -> Floats | float:
    """Share of the new value in an exponential low-pass filter."""
    phase = 2 * np.pi * cutoff * step
    return phase / (phase + 1)

"""Features in units of the real set's spread."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from training.metrics.clip import Floats
from training.metrics.mode import Mode

RELEASED_GUARD = 1e-10
"""What the released code adds to a standard deviation, so that it never divides by 0."""


class Standardised(NamedTuple):
    """Both sets in the real set's units, and the channels in which the real set is constant."""

    real: Floats
    generated: Floats
    constant: int


def standardise_features(real: Floats, generated: Floats, mode: Mode = "corrected") -> Standardised:
    """Subtracts the real set's mean from both sets and divides by its standard deviation (over N).

    A channel in which all real dances agree has no spread to measure by. `released` divides by 10⁻¹⁰ there,
    and one generated dance that differs outweighs everything else (FIDs of 10¹⁶ come from this); `corrected`
    leaves the channel in its own unit.

    Source: AIST++ and Bailando evaluation code.

    Args:
        real: (clips, channels).
        generated: (others, channels).
        mode: way of counting; `released` keeps the arrays' precision, `corrected` takes double.

    Returns:
        Both sets without unit, and how many channels are constant.
    """
    constant = np.ptp(real, axis=0) == 0
    if mode == "released":
        mean, deviation = real.mean(axis=0), real.std(axis=0) + RELEASED_GUARD
    else:
        real, generated = real.astype(np.float64, copy=False), generated.astype(np.float64, copy=False)
        mean = np.where(constant, real[0], real.mean(axis=0))
        deviation = np.where(constant, 1.0, real.std(axis=0))
    return Standardised((real - mean) / deviation, (generated - mean) / deviation, int(constant.sum()))

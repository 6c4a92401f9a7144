"""Standardises features by the real set, so that channels with different units can be compared."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from training.metrics.clip import Floats
from training.metrics.mode import Mode

RELEASED_GUARD = 1e-10
"""The released code adds this to each standard deviation, so that it never divides by 0."""


class StandardisedFeatures(NamedTuple):
    """Both sets in units of the real set's deviations, and how many channels are constant in the real set."""

    real: Floats
    generated: Floats
    constant: int


def standardise_features(real: Floats, generated: Floats, mode: Mode = "corrected") -> StandardisedFeatures:
    """Subtracts the real set's mean from both sets and divides by its standard deviation (over N).

    A channel with the same value in all real dances has no standard deviation to divide by. `released`
    divides it by 10⁻¹⁰, so that one generated dance with another value outweighs everything else (this causes
    FIDs of 10¹⁶); `corrected` leaves the channel in its own unit.

    Source: the evaluation code of AIST++ and Bailando (`normalize`).

    Args:
        real: (clips, channels).
        generated: (others, channels).
        mode: `released` keeps the arrays' precision, `corrected` computes in double precision.

    Returns:
        Both sets, without units, and the number of constant channels.
    """
    constant = np.ptp(real, axis=0) == 0
    if mode == "released":
        mean, deviation = real.mean(axis=0), real.std(axis=0) + RELEASED_GUARD
    else:
        real, generated = real.astype(np.float64, copy=False), generated.astype(np.float64, copy=False)
        mean = np.where(constant, real[0], real.mean(axis=0))
        deviation = np.where(constant, 1.0, real.std(axis=0))
    return StandardisedFeatures(
        (real - mean) / deviation, (generated - mean) / deviation, int(constant.sum())
    )

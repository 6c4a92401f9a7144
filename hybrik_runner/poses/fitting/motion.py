"""Accelerations of unknowns over all frames: their cost, and the banded equations of a Gauss-Newton step.

Each frame has p unknowns. What the camera saw couples those of one frame only, accelerations couple three
frames, so that the matrix of the normal equations is zero farther than 2p from its diagonal and the equations
of a clip take a time proportional to its length.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solveh_banded

Floats = NDArray[np.float64]

_STEP = 0.1
"""Seconds. What happens between frames that are farther apart is unknown."""


@dataclass(frozen=True, slots=True)
class Accelerations:
    """Second differences at times whose steps may differ: of frame t, `before[t]` · x[t] − (before[t] +
    after[t]) · x[t + 1] + after[t] · x[t + 2], 1/s².

    Attributes:
        before, after: (n - 2,) zero where a step is too long.
    """

    before: Floats
    after: Floats

    @classmethod
    def at(cls, times: Floats) -> Accelerations:
        """Makes those of frames at times (n,), seconds."""
        if len(times) < 3:
            return cls(np.zeros(0), np.zeros(0))
        step = np.maximum(np.diff(times), 1e-3)
        near = np.maximum(step[1:], step[:-1]) <= _STEP
        whole = step[1:] + step[:-1]
        return cls(near * 2 / (step[:-1] * whole), near * 2 / (step[1:] * whole))

    def of_steps(self, steps: Floats) -> Floats:
        """(n - 2, p) from steps (n - 1, p) between frames."""
        return self.after[:, None] * steps[1:] - self.before[:, None] * steps[:-1]

    def gradient(self, accelerations: Floats, weights: Floats) -> Floats:
        """(n, p) of half the squares of accelerations (n - 2, p), weighted by (p,)."""
        weighted = accelerations * weights
        result = np.zeros((len(weighted) + 2, len(weights)))
        result[:-2] += self.before[:, None] * weighted
        result[1:-1] -= (self.before + self.after)[:, None] * weighted
        result[2:] += self.after[:, None] * weighted
        return result

    def couplings(self) -> tuple[Floats, Floats, Floats]:
        """(n,) on the diagonal, with the frame before and with the one before that, of one unknown."""
        middle = -(self.before + self.after)
        same, one, two = np.zeros((3, len(middle) + 2))
        for values, shift in ((self.before, 0), (middle, 1), (self.after, 2)):
            same[shift : shift + len(values)] += values**2
        one[1:-1] += self.before * middle
        one[2:] += middle * self.after
        two[2:] += self.before * self.after
        return same, one, two


@dataclass(frozen=True, slots=True)
class Common:
    """The part of the normal equations that belongs to q unknowns which all frames share.

    Attributes:
        border: (n, p, q) between the unknowns of the frames and these.
        own: (q, q) of these alone.
        gradient: (q,) of the whole cost by these.
    """

    border: Floats
    own: Floats
    gradient: Floats


def step(
    frames: Floats,
    gradient: Floats,
    accelerations: Accelerations,
    weights: Floats,
    common: Common | None = None,
) -> tuple[Floats, Floats]:
    """Solves the normal equations of all frames.

    Args:
        frames: (n, p, p) symmetric and positive definite, of each frame alone.
        gradient: (n, p) of the whole cost.
        accelerations: of the frames.
        weights: (p,) of their squares.
        common: of q unknowns that all frames share; None: there are none.

    Returns:
        (n, p) change of the unknowns, and (q,) of the common ones.
    """
    count, unknowns = gradient.shape
    band = np.zeros((2 * unknowns + 1, count, unknowns))  # LAPACK's upper form
    row, column = np.triu_indices(unknowns)
    band[2 * unknowns + row - column, :, column] = frames[:, row, column].T
    if count > 2:
        same, one, two = accelerations.couplings()
        band[2 * unknowns] += same[:, None] * weights
        band[unknowns] += one[:, None] * weights
        band[0] += two[:, None] * weights
    right = gradient.reshape(-1, 1)
    if common is not None:
        right = np.concatenate([right, common.border.reshape(len(right), -1)], axis=1)
    solved = solveh_banded(band.reshape(2 * unknowns + 1, -1), right, overwrite_ab=True, check_finite=False)
    change = -solved[:, 0]
    if common is None:
        return change.reshape(count, unknowns), np.zeros(0)
    # What is left for the common unknowns once those of the frames are eliminated (the Schur complement).
    left = common.own - right[:, 1:].T @ solved[:, 1:]
    shared = -np.linalg.solve(left, common.gradient - right[:, 1:].T @ solved[:, 0])
    change -= solved[:, 1:] @ shared
    return change.reshape(count, unknowns), shared

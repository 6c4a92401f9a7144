"""From the pictures' own times to an even rate: rotations along great arcs, the rest in straight lines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hybrik_runner.rotations.arrays import slerp

Floats = NDArray[np.float64]

_SLACK = 5e-4  # seconds; containers round their time stamps to that much


@dataclass(frozen=True, slots=True)
class Grid:
    """An even grid of times laid over samples.

    Attributes:
        times: (k,) seconds.
        low, high: (k,) the samples before and after, equal where one is hit or beyond the ends.
        share: (k,) how far from `low` to `high`.
        seen: (k,) whether the pictures on both sides of this time hold a sample; else it is filled in.
    """

    times: Floats
    low: NDArray[np.intp]
    high: NDArray[np.intp]
    share: Floats
    seen: NDArray[np.bool_]

    def linear(self, values: Floats) -> Floats:
        """Numbers (n, …) at the samples → (k, …)."""
        share = self.share.reshape(-1, *(1,) * (values.ndim - 1))
        return (1 - share) * values[self.low] + share * values[self.high]

    def slerp(self, rotations: Floats) -> Floats:
        """Rotations (n, …, 3, 3) at the samples → (k, …, 3, 3)."""
        return slerp(rotations[self.low], rotations[self.high], self.share)

    def both(self, flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Flags (n, …) at the samples → (k, …): true where both neighbours are and nothing is filled in."""
        seen = self.seen.reshape(-1, *(1,) * (flags.ndim - 1))
        result: NDArray[np.bool_] = flags[self.low] & flags[self.high] & seen
        return result

    def until_gap(self, seconds: float) -> int:
        """How many times lie before the first gap of more seconds; all if there is none."""
        starts, lengths = self._gaps()
        long = np.flatnonzero(lengths * self._step() > seconds)
        return int(starts[long[0]]) if len(long) else len(self.times)

    def longest_gap(self) -> float:
        """Seconds of the longest run of times that had to be filled in."""
        _, lengths = self._gaps()
        return int(lengths.max()) * self._step() if len(lengths) else 0.0

    def _gaps(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Starts and lengths of the runs of times that had to be filled in."""
        edges = np.flatnonzero(np.diff(np.concatenate([[True], self.seen, [True]]).astype(int)))
        return edges[::2], edges[1::2] - edges[::2]

    def _step(self) -> float:
        return float(self.times[1] - self.times[0]) if len(self.times) > 1 else 0.0


def grid(times: Floats, found: NDArray[np.bool_], fps: float) -> Grid:
    """Times 0, 1/fps, 2/fps … up to the last picture, and how each lies between the samples.

    Args:
        times: (m,) of all pictures, seconds, growing, m ≥ 1.
        found: (m,) which of them hold a sample, at least one.
        fps: 1/s.
    """
    count = int(np.floor((times[-1] + _SLACK) * fps)) + 1
    even = np.arange(count) / fps
    samples = times[found]
    number = np.flatnonzero(found)
    high = np.searchsorted(samples, even - _SLACK)
    low = np.searchsorted(samples, even + _SLACK, side="right") - 1
    hit = low >= high
    inside = (low >= 0) & (high < len(samples))
    low, high = np.clip(low, 0, len(samples) - 1), np.clip(high, 0, len(samples) - 1)
    low = np.where(inside, low, np.where(even < samples[0], 0, len(samples) - 1))
    high = np.where(inside & ~hit, high, low)
    width = samples[high] - samples[low]
    share = np.where(width > 0, (even - samples[low]) / np.where(width > 0, width, 1), 0.0)
    seen = inside & (hit | (number[high] - number[low] <= 1))
    return Grid(even, low, high, np.clip(share, 0, 1), seen)

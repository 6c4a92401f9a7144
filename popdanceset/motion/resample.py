"""From the frames' own times to an even rate: rotations along great arcs, the rest linearly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from popdanceset.rotations.arrays import slerp
from popdanceset.runs import runs_of

Floats = NDArray[np.float64]

_SLACK = 5e-4  # seconds; containers round their time stamps by up to that much


@dataclass(frozen=True, slots=True)
class Grid:
    """Evenly spaced times laid over samples.

    Attributes:
        times: (k,) seconds.
        low, high: (k,) the samples before and after; equal where one is hit, and beyond the ends.
        share: (k,) share of the way from `low` to `high`.
        seen: (k,) whether the frames on both sides of this time have a sample; else it is filled in.
    """

    times: Floats
    low: NDArray[np.intp]
    high: NDArray[np.intp]
    share: Floats
    seen: NDArray[np.bool_]

    def linear(self, values: Floats) -> Floats:
        """Interpolates numbers (n, …) at the samples → (k, …)."""
        share = self.share.reshape(-1, *(1,) * (values.ndim - 1))
        return (1 - share) * values[self.low] + share * values[self.high]

    def slerp(self, rotations: Floats) -> Floats:
        """Interpolates rotations (n, …, 3, 3) at the samples → (k, …, 3, 3)."""
        return slerp(rotations[self.low], rotations[self.high], self.share)

    def both(self, flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Combines flags (n, …) at the samples → (k, …): true where both neighbours are and nothing is filled
        in."""
        seen = self.seen.reshape(-1, *(1,) * (flags.ndim - 1))
        result: NDArray[np.bool_] = flags[self.low] & flags[self.high] & seen
        return result

    def until_gap(self, seconds: float) -> int:
        """Returns how many times come before the first gap that is longer than `seconds`; all if there is
        none."""
        gaps = runs_of(~self.seen)
        long = gaps[(gaps[:, 1] - gaps[:, 0]) * self._step() > seconds]
        return int(long[0, 0]) if len(long) else len(self.times)

    def longest_gap(self) -> float:
        """Returns the seconds of the longest run of times that had to be filled in."""
        gaps = runs_of(~self.seen)
        return int((gaps[:, 1] - gaps[:, 0]).max(initial=0)) * self._step()

    def _step(self) -> float:
        return float(self.times[1] - self.times[0]) if len(self.times) > 1 else 0.0


def grid(times: Floats, found: NDArray[np.bool_], fps: float) -> Grid:
    """Lays times 0, 1/fps, 2/fps … up to the last frame over the samples.

    Args:
        times: (m,) of all frames, seconds, increasing, m ≥ 1.
        found: (m,) which of them have a sample, at least one.
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

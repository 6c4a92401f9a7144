"""Which windows a training step sees: this depends on the seed and the number of the step only.

So a run that was killed continues with the same windows it would have seen, and several processes share a
batch without communicating.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from training.data.windows import DanceWindows


class ShuffledBatches:
    """Endless shuffled batches: each window once an epoch, in a new order each epoch.

    Batches run across the ends of epochs, so all of them have the same size.

    Args:
        windows: the dataset.
        size: windows in a batch, over all processes.
        seed: of the orders.
        rank, world: number of this process and number of processes; each takes its slice of a batch.
        scaled: whether batches have the units of `windows[i]`; False: unscaled, as augmentation needs.
    """

    def __init__(
        self,
        windows: DanceWindows,
        size: int,
        seed: int,
        rank: int = 0,
        world: int = 1,
        *,
        scaled: bool = True,
    ) -> None:
        if size < 1 or size % world:
            raise ValueError(f"{world} processes cannot share a batch of {size}")
        self.windows, self.size, self.seed, self.scaled = windows, size, seed, scaled
        self.share = size // world
        self._mine = slice(rank * self.share, (rank + 1) * self.share)
        self._order = lru_cache(maxsize=2)(self._shuffled)

    @property
    def steps_per_epoch(self) -> float:
        """Number of steps in which every window is seen once."""
        return len(self.windows) / self.size

    def numbers(self, step: int) -> NDArray[np.int64]:
        """(share,) numbers of the windows that this process sees in a step."""
        places = np.arange(step * self.size, (step + 1) * self.size, dtype=np.int64)[self._mine]
        epochs, within = np.divmod(places, len(self.windows))
        return np.concatenate([self._order(int(e))[within[epochs == e]] for e in np.unique(epochs)])

    def batch(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Motion (share, length, 156) and music (share, length, width) of a step."""
        return self.windows.gather(self.numbers(step), scaled=self.scaled)

    def stream(self, first: int, end: int) -> Iterator[tuple[int, torch.Tensor, torch.Tensor]]:
        """(step, motion, music) of the steps first … end - 1; the next batch is read in the background."""
        with ThreadPoolExecutor(1, thread_name_prefix="batches") as pool:
            coming = pool.submit(self.batch, first) if first < end else None
            for step in range(first, end):
                assert coming is not None
                motion, music = coming.result()
                coming = pool.submit(self.batch, step + 1) if step + 1 < end else None
                yield step, motion, music

    def _shuffled(self, epoch: int) -> NDArray[np.int64]:
        return np.random.default_rng([self.seed, epoch]).permutation(len(self.windows))

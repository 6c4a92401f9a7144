"""How many threads and how large batches HybrIK uses on a device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hybrik_runner.hybrik import crop
from hybrik_runner.running.batching import fitting, free_memory

if TYPE_CHECKING:
    import torch

    from hybrik_runner.hybrik.engine import Engine

_LIMIT_ON_CPU, _LIMIT_ON_GPU = 2, 128
"""Frames at a time beyond which nothing becomes faster. With the flip test a batch is twice that."""

_ON_CPU = (64 << 20, 64 << 20)
"""Bytes of any batch and of each frame, flip test included, in addition to the network itself: about twice
what was measured, 34 MB for one frame and 108 MB for four."""


def lanes(where: torch.device) -> int:
    """Returns how many threads share a device. On a processor each of them has a core and memory for its
    batch; on a GPU one assembles a batch while the other's is calculated."""
    import torch

    if where.type != "cpu":
        return 2
    return fitting(free_memory(), 0, sum(_ON_CPU), torch.get_num_threads())


def batch_size(engine: Engine, where: torch.device, *, flip: bool) -> int:
    """Returns how many frames fit the device's memory; on a GPU by trying one and two.

    Args:
        engine: runs the network.
        where: its device.
        flip: whether the flip test is on.
    """
    if where.type != "cuda":
        return fitting(free_memory() // engine.lanes, *_ON_CPU, _LIMIT_ON_CPU)
    import torch

    peaks = []
    for count in (1, 2):
        torch.cuda.reset_peak_memory_stats(where)
        blank = torch.zeros(count, crop.SIDE, crop.SIDE, 3, dtype=torch.uint8)
        with torch.inference_mode():
            engine.predict(blank, flip=flip)
        peaks.append(torch.cuda.max_memory_allocated(where) - torch.cuda.memory_allocated(where))
    torch.cuda.empty_cache()
    free, _ = torch.cuda.mem_get_info(where)
    per_frame = peaks[1] - peaks[0]
    # Each of the lanes has a batch on the device.
    return fitting(free // engine.lanes, peaks[0] - per_frame, per_frame, _LIMIT_ON_GPU)

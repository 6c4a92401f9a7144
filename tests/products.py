"""The physical bound of a network: the operations of its matrix products over what this machine does of them.

No code that computes the same products on the same threads can be faster, whatever else it leaves out.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode, flop_registry, sdpa_backward_flop, sdpa_flop

_ATEN = torch.ops.aten
_CPU = _ATEN._scaled_dot_product_flash_attention_for_cpu
_CPU_BACKWARD = _ATEN._scaled_dot_product_flash_attention_for_cpu_backward

SHAPES = ((600, 512, 1024), (1024, 1024, 1024), (2048, 1024, 2048))
"""Rows, inner size, columns: a layer of the network at a batch of four, and larger products."""

SECONDS = 0.5
"""Spent on each shape."""

FLOPS: dict[Any, Callable[..., int]] = {
    **flop_registry,
    _CPU: flop_registry[_ATEN._scaled_dot_product_flash_attention],
    _CPU_BACKWARD: flop_registry[_ATEN._scaled_dot_product_flash_attention_backward],
}
"""Counts the operations of what multiplies matrices. Torch's own list lacks attention on a processor."""


def operations(work: Callable[[], object]) -> int:
    """Floating-point operations of the matrix products, convolutions and attention in `work`, run once.

    A product (m, k) · (k, n) counts 2 m k n.
    """
    own = {_CPU: sdpa_flop, _CPU_BACKWARD: sdpa_backward_flop}
    with FlopCounterMode(display=False, custom_mapping=own) as counter:
        work()
    return int(counter.get_total_flops())


def rate() -> float:
    """Operations a second of the fastest single-precision product of `SHAPES`, with torch's threads."""
    return max(_rate(*shape) for shape in SHAPES)


def clock() -> float:
    """Seconds, to measure differences: with one thread those of the processor, which other programs do not
    lengthen by taking their turns; with several threads those of the wall."""
    return time.process_time() if torch.get_num_threads() == 1 else time.perf_counter()


def bandwidth() -> float:
    """Bytes a second of adding one array to another that the caches do not hold, with torch's threads."""
    left, right = torch.ones(1 << 24), torch.ones(1 << 24)
    return 3 * left.nbytes / _median(lambda: left.add_(right))


def _rate(rows: int, inner: int, columns: int) -> float:
    left, right = torch.randn(rows, inner), torch.randn(inner, columns)
    out = torch.empty(rows, columns)
    return 2 * rows * inner * columns / _median(lambda: torch.mm(left, right, out=out))


def _median(work: Callable[[], object]) -> float:
    seconds: list[float] = []
    while sum(seconds) < SECONDS:
        begin = clock()
        work()
        seconds.append(clock() - begin)
    return statistics.median(seconds)

"""The physical bound of a network: the operations of its matrix products over what this machine does of them.

No code that computes the same products on the same threads can be faster, whatever else it leaves out.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from torch.utils.flop_counter import FlopCounterMode

SHAPES = ((600, 512, 1024), (1024, 1024, 1024), (2048, 1024, 2048))
"""Rows, inner size, columns: a layer of the network at a batch of four, and larger products."""

SECONDS = 0.5
"""Spent on each shape."""


def operations(work: Callable[[], object]) -> int:
    """Floating-point operations of the matrix products, convolutions and attention in `work`, run once.

    A product (m, k) · (k, n) counts 2 m k n.
    """
    with FlopCounterMode(display=False) as counter:
        work()
    return int(counter.get_total_flops())


def rate() -> float:
    """Operations a second of the fastest single-precision product of `SHAPES`, with torch's threads."""
    return max(_rate(*shape) for shape in SHAPES)


def _rate(rows: int, inner: int, columns: int) -> float:
    left, right = torch.randn(rows, inner), torch.randn(inner, columns)
    out = torch.empty(rows, columns)
    seconds: list[float] = []
    deadline = time.perf_counter() + SECONDS
    while time.perf_counter() < deadline:
        begin = time.perf_counter()
        torch.mm(left, right, out=out)
        seconds.append(time.perf_counter() - begin)
    return 2 * rows * inner * columns / statistics.median(seconds)

"""How many frames fit the memory at once, and what to do when they do not."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from popdanceset.errors import AssetError

log = logging.getLogger(__name__)

In = TypeVar("In")
Out = TypeVar("Out")

USABLE = 0.8
"""Share of the free memory that may be used; the rest is for what other programs start in the meantime."""

_CONTROL_GROUP = Path("/sys/fs/cgroup")


def fitting(free: int, fixed: int, per_item: int, limit: int) -> int:
    """Returns how many items of a batch fit the memory.

    Args:
        free: bytes that nobody uses.
        fixed: bytes that any batch needs, however small.
        per_item: bytes that each item needs on top.
        limit: larger batches are of no use.

    Returns:
        At least 1: a device that cannot hold even one item reports so when it runs.
    """
    room = USABLE * free - fixed
    return int(min(max(room // max(per_item, 1), 1), limit))


def free_memory() -> int:
    """Returns the bytes of main memory that this process may still use: what the system and its control group
    allow. psutil does not know of control groups."""
    import psutil

    free = [int(psutil.virtual_memory().available)]
    with contextlib.suppress(OSError, ValueError):  # no such group, or `max`: no limit
        limit, used = ((_CONTROL_GROUP / f"memory.{name}").read_text() for name in ("max", "current"))
        free.append(int(limit) - int(used))
    return max(min(free), 0)


class Halving(Generic[In, Out]):
    """Runs a function on batches. A batch that does not fit the memory is halved, and so are all later ones.

    Args:
        run: takes a batch, returns one result for each item.
        size: size of the batches.
    """

    def __init__(self, run: Callable[[Sequence[In]], Sequence[Out]], size: int) -> None:
        self._run = run
        self.size = max(size, 1)

    def __call__(self, items: Sequence[In]) -> list[Out]:
        """Returns the results, in order.

        Raises:
            AssetError: not even one item fits.
        """
        results: list[Out] = []
        while len(results) < len(items):
            size = min(self.size, len(items) - len(results))
            try:
                results += self._run(items[len(results) : len(results) + size])
            except RuntimeError as error:  # torch's own type is a subclass, and a processor has no other
                if not out_of_memory(error):
                    raise
                self._halve(size, error)
        return results

    def _halve(self, size: int, error: RuntimeError) -> None:
        message = (str(error).splitlines() or [""])[0]
        if size == 1:
            raise AssetError(
                f"not even one frame fits the memory: {message}",
                "pose.devices",
                "free some memory, or name another device",
            ) from error
        # Another thread may have halved it already.
        self.size = min(self.size, max(size // 2, 1))
        log.warning("pose.batch_size: %d frames do not fit the memory; trying %d", size, self.size)


def out_of_memory(error: RuntimeError) -> bool:
    """Returns whether an error reports that memory is used up: by its type on a GPU, by its message on a
    processor."""
    import torch

    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)

"""How many pictures fit the memory at once, and what to do when they do not."""

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
"""Share of the free memory that may be used; the rest is for what others begin meanwhile."""


def fitting(free: int, at_rest: int, per_item: int, most: int) -> int:
    """How many items of a batch fit.

    Args:
        free: bytes that nobody uses.
        at_rest: bytes that any batch needs, however small.
        per_item: bytes that each item needs on top.
        most: more are of no use.

    Returns:
        1 at least: smaller there is none, and whoever cannot do that says so when it happens.
    """
    room = USABLE * free - at_rest
    return int(min(max(room // max(per_item, 1), 1), most))


def free_memory() -> int:
    """Bytes of main memory that this process may still use: what the system and its control group leave."""
    free = [_available()]
    group = Path("/sys/fs/cgroup")
    with contextlib.suppress(OSError, ValueError):  # no such group, or `max`: no limit
        free.append(int((group / "memory.max").read_text()) - int((group / "memory.current").read_text()))
    return max(min(free), 0)


def _available() -> int:
    with contextlib.suppress(OSError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return 1024 * int(line.split()[1])
    return 4 << 30  # a system that does not tell: enough for some pictures, and halving is there


class Halving(Generic[In, Out]):
    """Runs a function on batches; a batch that does not fit the memory is halved, and so are all later ones.

    Args:
        run: takes a batch, gives one answer an item.
        size: of the batches.
    """

    def __init__(self, run: Callable[[Sequence[In]], Sequence[Out]], size: int) -> None:
        self._run = run
        self.size = max(size, 1)

    def __call__(self, items: Sequence[In]) -> list[Out]:
        """The answers, in order.

        Raises:
            AssetError: not even one item fits.
        """
        answers: list[Out] = []
        while len(answers) < len(items):
            size = min(self.size, len(items) - len(answers))
            try:
                answers += self._run(items[len(answers) : len(answers) + size])
            except RuntimeError as error:  # torch's own type is one of these, and a processor has no other
                if not out_of_memory(error):
                    raise
                self._halve(size, error)
        return answers

    def _halve(self, size: int, error: RuntimeError) -> None:
        told = (str(error).splitlines() or [""])[0]
        if size == 1:
            raise AssetError(
                f"not even one picture fits the memory: {told}",
                "pose.devices",
                "free some memory, or name another device",
            ) from error
        # Another thread may have halved it already.
        self.size = min(self.size, max(size // 2, 1))
        log.warning("pose.batch_size: %d pictures do not fit the memory, %d are tried next", size, self.size)


def out_of_memory(error: RuntimeError) -> bool:
    """Whether an error says that memory is used up: by its type on a GPU, by its message on a processor."""
    import torch

    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)

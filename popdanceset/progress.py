"""Progress bars: one bar a stage, however many threads work on it. Silent without a terminal."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Advance(Protocol):
    """Reports progress: the number of finished steps, and a note to show next to the bar."""

    def __call__(self, steps: int = 1, note: str = "") -> None: ...


def ignore(steps: int = 1, note: str = "") -> None:
    """An `Advance` that does nothing."""


class _Display:
    """The bars on the screen. Work of one label shares a bar, also when several threads start it."""

    def __init__(self, bars: Progress) -> None:
        self.bars = bars
        self.lock = threading.Lock()
        self.tasks: dict[str, TaskID] = {}

    def begin(self, label: str, total: int | None) -> TaskID:
        with self.lock:
            if label not in self.tasks:
                self.tasks[label] = self.bars.add_task(label, total=total, note="")
            elif total is not None:
                task = self.tasks[label]
                known = next(t.total for t in self.bars.tasks if t.id == task)
                self.bars.update(task, total=(known or 0) + total)
            return self.tasks[label]


_current: _Display | None = None


@contextlib.contextmanager
def display() -> Iterator[None]:
    """Shows one set of bars on standard error while the block runs; `track` adds to it from any thread."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    global _current
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description:>12}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("[dim]left"),
        TimeRemainingColumn(),
        TextColumn("[dim]{task.fields[note]}"),
    )
    outer = _current
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        _current = _Display(bars)
        try:
            yield
        finally:
            _current = outer


@contextlib.contextmanager
def track(label: str, total: int | None = None) -> Iterator[Advance]:
    """Shows a bar while the block runs, in the current `display` or in one of its own.

    Args:
        label: name of the stage, e.g. `crawl`.
        total: number of steps; None if it is unknown.
    """
    with contextlib.ExitStack() as stack:
        if _current is None:
            stack.enter_context(display())
        shown = _current
        assert shown is not None
        task = shown.begin(label, total)

        def advance(steps: int = 1, note: str = "") -> None:
            if note:
                shown.bars.update(task, advance=steps, note=note)
            else:
                shown.bars.update(task, advance=steps)

        yield advance

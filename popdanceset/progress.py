"""Progress on a terminal: one bar a stage. Silent where nobody watches."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def track(label: str, total: int | None = None) -> Iterator[Callable[[int, str], None]]:
    """Shows a bar on standard error while the block runs.

    Args:
        label: what is done, e.g. `crawl`.
        total: number of steps; None if it is not known.

    Yields:
        `advance(steps, note)`, to be called as the work goes on; the note is shown behind the bar.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description:>10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )
    with bar:
        task = bar.add_task(label, total=total, note="")

        def advance(steps: int = 1, note: str = "") -> None:
            bar.update(task, advance=steps, **({"note": note} if note else {}))

        yield advance

"""Writes tables, figures and pages of a bench."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

from popdanceset.atomic import atomic_write
from popdanceset.errors import InputError
from training.bench.curves import learning_curves
from training.bench.page import dance_page
from training.bench.plan import Plan, folder_name
from training.bench.results import (
    Result,
    comparison,
    cost_grid,
    measure_release,
    runs_grid,
    tests,
    tests_grid,
)
from training.bench.runs import Run
from training.evaluation.figures import bars, png
from training.evaluation.table import csv_text, latex, markdown


def write_results(plan: Plan, runs: Sequence[Run], out: Path, store: str | None = None) -> list[Path]:
    """Writes everything about the runs that are finished.

    In `out`: `runs.md` and `runs.csv` of all runs. In a folder for each release: each table with its paired
    tests and figure, `cost`, `curves.svg` and `page.html`.

    Args:
        plan: the bench.
        runs: its runs.
        out: its folder.
        store: of the releases, for the sound of the page; None: without sound.

    Returns:
        The files.

    Raises:
        InputError: dances are missing, or a file cannot be written.
    """
    written: list[Path] = []
    results = [
        measure_release(plan, name, [run for run in runs if run.release == name]) for name in plan.releases
    ]
    overview = runs_grid(plan, results)
    written += [_write(out / "runs.md", overview.markdown()), _write(out / "runs.csv", overview.csv())]
    for result in results:
        if result.evaluation is not None:
            written += _of_release(plan, result, out / folder_name(result.release), store)
    return written


def _of_release(plan: Plan, result: Result, folder: Path, store: str | None) -> list[Path]:
    files: dict[str, str | bytes] = {}
    chosen = plan.protocol.columns
    for name, table in plan.tables.items():
        rows = comparison(plan, table, result)
        tested = tests_grid(tests(plan, table, result))
        title = f"# {table.title or name}: {result.release}\n\n"
        spread = "Intervals and tests are over seeds and pieces of music.\n\n"
        files[f"{name}.md"] = (
            f"{title}{markdown(rows, chosen)}\n{spread}## Paired tests\n\n{tested.markdown()}"
        )
        files[f"{name}.tex"] = f"{latex(rows, chosen)}\n{tested.latex()}"
        files[f"{name}.csv"] = csv_text(rows, chosen)
        files[f"{name}-tests.csv"] = tested.csv()
        files[f"{name}.png"] = png(bars(rows, chosen))
    cost = cost_grid(result)
    files |= {"cost.md": cost.markdown(), "cost.tex": cost.latex(), "cost.csv": cost.csv()}
    files["curves.svg"] = _svg(learning_curves(result.finished))
    shown = [name for name in files if name.endswith(".md")]
    files["page.html"] = dance_page(result, plan.releases[result.release], plan.songs, shown, store)
    return [_write(folder / name, content) for name, content in files.items()]


def _svg(figure: Figure) -> str:
    """The figure as SVG; the same figure gives the same text."""
    file = io.StringIO()
    with rc_context({"svg.hashsalt": "popdanceset"}):
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()


def _write(path: Path, content: str | bytes) -> Path:
    try:
        with atomic_write(path) as file:
            file.write(content.encode() if isinstance(content, str) else content)
    except OSError as error:
        raise InputError(
            f"not writable: {error.strerror}", path, "free space or name another --out"
        ) from error
    return path

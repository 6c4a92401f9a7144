"""The look of all figures drawn with matplotlib, and writing them as the same bytes each time."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from popdanceset.atomic import atomic_path

INK, SOFT, GRID = "#22262e", "#7b8494", "#e3e6eb"
DPI = 150


def grid_figure(
    rows: int, columns: int, size: tuple[float, float], height_ratios: list[float] | None = None
) -> tuple[Figure, list[Axes]]:
    """Returns a white figure and its plain axes, row by row; no global state is changed.

    Args:
        rows: of the grid.
        columns: of the grid.
        size: of the figure in inches.
        height_ratios: of the rows; None: equal.
    """
    figure = Figure(figsize=size, layout="constrained", facecolor="white")
    grid = figure.subplots(rows, columns, squeeze=False, height_ratios=height_ratios)
    every: list[Axes] = list(grid.ravel())
    for axes in every:
        plain(axes)
    return figure, every


def plain(axes: Axes) -> None:
    """Leaves two spines and a soft vertical grid behind the marks."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(SOFT)
    axes.tick_params(colors=SOFT, labelcolor=INK, length=3)
    axes.grid(axis="x", color=GRID)
    axes.set_axisbelow(True)
    axes.title.set_fontsize(11)
    axes.title.set_color(INK)


def save_png(figure: Figure, path: Path) -> None:
    """Writes the figure as a PNG file without a time stamp, so that the same figure gives the same bytes."""
    with atomic_path(path) as partial:
        figure.savefig(partial, dpi=DPI, metadata={"Software": None})

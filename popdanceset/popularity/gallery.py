"""The figures of a fit as PNG files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from popdanceset.plotting import save_png
from popdanceset.popularity.figures import (
    coefficients_figure,
    normalisation_figure,
    pop_against_views,
    residuals_figure,
)
from popdanceset.popularity.fit import Fit
from popdanceset.popularity.selection import READ, judge
from popdanceset.popularity.statistics import Statistics
from popdanceset.settings import PopularitySettings

MOST_VIDEOS = 20_000


def save_figures(
    folder: Path, fit: Fit, statistics: Statistics, settings: PopularitySettings
) -> tuple[Path, ...]:
    """Writes the figures of normalisation, coefficients, residuals and Pop against views.

    A figure shows at most `MOST_VIDEOS` videos, drawn at random, and says so.

    Args:
        folder: output folder; it is created if missing.
        fit: the fit to show.
        statistics: the videos to show.
        settings: the thresholds.

    Returns:
        Paths of the files.
    """
    table, total = statistics.few(MOST_VIDEOS, READ)
    points = (np.array(fit.document["points"][name]) for name in ("predicted", "residual"))
    figures = {
        "normalisation": normalisation_figure(table, fit.model.normaliser),
        "coefficients": coefficients_figure(fit.first),
        "residuals": residuals_figure(*points),
        "pop_against_views": pop_against_views(judge(table, fit.model, settings), settings.min_pop),
    }
    if len(table) < total:
        for name in ("normalisation", "pop_against_views"):
            figures[name].supxlabel(f"{len(table):,} of {total:,} videos, drawn at random", fontsize=9)
    files = []
    for name, figure in figures.items():
        files.append(folder / f"{name}.png")
        save_png(figure, files[-1])
    return tuple(files)

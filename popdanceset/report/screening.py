"""The screening section of the report: how each measure is distributed over spans, and its limits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from popdanceset.report import colours
from popdanceset.report.svg import Drawing, drawing
from popdanceset.settings import ScreeningSettings, Settings
from popdanceset.video import rules
from popdanceset.video.rules import Measure

Row = Mapping[str, Any]

_BINS = 24
_COLUMNS = 3


def limits(measure: Measure, settings: ScreeningSettings) -> list[float]:
    """Returns the limits that the rules of screening set for a measure, in ascending order."""
    return sorted({rule.limit(settings) for rule in rules.RULES if rule.measure == measure.name})


def screening_figure(spans: Iterable[Row], settings: Settings) -> Drawing | None:
    """Plots histograms of all measures over accepted and rejected spans, each with its limits.

    Args:
        spans: rows of CLIPS.
        settings: with the limits.

    Returns:
        The figure; None if nothing was measured in any span.
    """
    rows = list(spans)
    known = {m.name: [row for row in rows if row.get(m.name) is not None] for m in rules.MEASURES}
    if not any(known.values()):
        return None
    lines = -(-len(rules.MEASURES) // _COLUMNS)
    figure = Figure(figsize=(9.6, 1.75 * lines), layout="constrained")
    axes = figure.subplots(lines, _COLUMNS).ravel()
    for panel, measure in zip(axes, rules.MEASURES, strict=False):
        _histogram(panel, measure, known[measure.name], len(rows), settings)
    for panel in axes[len(rules.MEASURES) :]:
        panel.set_axis_off()
    handles, labels = axes[0].get_legend_handles_labels()
    axes[-1].legend(handles, labels, loc="center", fontsize=9, frameon=False)
    return drawing(
        figure, "Each measure over all spans. Red lines: limits; numbers before a dash: unmeasured spans"
    )


def _histogram(axes: Any, measure: Measure, rows: list[Row], total: int, settings: Settings) -> None:
    lines = limits(measure, settings.screening)
    values = [
        np.array([row[measure.name] for row in rows if row["accepted"] is accepted], float)
        for accepted in (True, False)
    ]
    together = np.concatenate([*values, lines])
    if measure.logarithmic:
        least = together[together > 0].min(initial=1.0)
        values = [np.maximum(v, least) for v in values]
        edges = np.geomspace(least / 1.1, max(together.max(), least) * 1.1, _BINS + 1)
        axes.set_xscale("log")
    else:
        top = together.max(initial=0.0) or 1.0
        edges = np.linspace(0.0, 1.0 if 0.5 < top <= 1.0 else 1.05 * top, _BINS + 1)
    axes.hist(
        values,
        edges,
        stacked=True,
        color=[colours.GOOD, colours.NEUTRAL],
        label=["clips", "rejected spans"],
    )
    for limit in lines:
        axes.axvline(limit, color=colours.WARNING, lw=1.4)
    missing = f" ({total - len(rows)} –)" if total > len(rows) else ""
    axes.set_xlabel(measure.label + missing, fontsize=8)
    axes.tick_params(labelsize=7, length=2.5)
    axes.spines[["top", "right"]].set_visible(False)
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.18, lw=0.6)

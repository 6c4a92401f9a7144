"""Figures of a comparison. Each function returns a matplotlib Figure and leaves global state alone.

Rows of the paper are not drawn, because they come from another protocol.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from training.evaluation.comparison import (
    ARROWS,
    DESCRIPTIONS,
    Comparison,
    Row,
    groups,
    undefined,
)
from training.evaluation.table import decimals
from training.metrics.score import ITSELF

INK, SOFT, GRID, REAL = "#22262e", "#7b8494", "#e3e6eb", "#5b6472"
MODELS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
"""Okabe and Ito's colours, which colour-blind readers can tell apart too."""
MARKERS, STYLES = "os^DvP", ("-", "--", "-.", ":")

ON_RADAR = (
    "PFC",
    "PBC",
    "BAS",
    "beat_hit_rate",
    "Div_k",
    "Div_g",
    "FID_k",
    "FID_g",
    "foot_skate_ratio",
    "jitter",
)
"""Columns of a radar figure unless others are chosen: one or two of each kind."""

WORDS = {"more": "more is better", "less": "less is better", "real": "nearer to the ground truth is better"}
WIDE = 100.0
"""Ratio of the largest to the smallest bar above which a panel is logarithmic."""
DPI = 150


def bars(comparison: Comparison, chosen: Sequence[str] = ()) -> Figure:
    """Draws a panel per metric and a bar per row with its 95 % interval; a dashed line is the ground truth.

    Args:
        comparison: the comparison.
        chosen: columns to draw; empty draws all columns with measured values.
    """
    keys = [key for some in groups(comparison, chosen).values() for key in some]
    rows = comparison.measured
    across = min(3, max(len(keys), 1))
    down = max(math.ceil(len(keys) / across), 1)
    figure = Figure(
        figsize=(3.9 * across, down * (1.0 + 0.3 * len(rows)) + 0.5), layout="constrained", facecolor="white"
    )
    panels = figure.subplots(down, across, squeeze=False).ravel()
    for number, (axes, key) in enumerate(zip(panels, keys, strict=False)):
        _panel(axes, comparison, key, names=number % across == 0)
    for axes in panels[len(keys) :]:
        axes.set_axis_off()
    flagged = any(row.numbers[key].flag for row in rows for key in keys if key in row.numbers)
    _caption(figure, comparison, "95 % intervals" + "; * see the footnotes of the table" * flagged)
    return figure


def _panel(axes: Axes, comparison: Comparison, key: str, names: bool) -> None:
    rows = comparison.measured
    described = DESCRIPTIONS[key]
    shown = [row for row in rows if key in row.numbers and not undefined(row.numbers[key])]
    values = [row.numbers[key].value for row in shown if row.numbers[key].flag != ITSELF]
    logarithmic = bool(values) and min(values) > 0 and max(values) > WIDE * min(values)
    if logarithmic:
        axes.set_xscale("log")
        axes.set_xlim(min(values) / 3, max(values) * (max(values) / min(values)) ** 0.35)
    ends = [0.0]
    for place, row in enumerate(rows):
        if row not in shown:
            axes.annotate(
                "not measured",
                (0.02, place),
                xycoords=("axes fraction", "data"),
                va="center",
                fontsize=8,
                color=SOFT,
            )
            continue
        number = row.numbers[key]
        colour = _colour(comparison, row)
        axes.barh(place, number.value, height=0.62, color=colour, alpha=0.85, linewidth=0)
        if number.low < number.high:
            error = [[number.value - number.low], [number.high - number.value]]
            axes.errorbar(number.value, place, xerr=error, color=INK, elinewidth=1.1, capsize=2.5)
        ends += [number.low, number.value, number.high]
        text = f"{number.value:{decimals(number.value)}}{'*' * bool(number.flag)}"
        axes.annotate(
            text,
            (max(number.high, 0.0), place),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color=INK,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.8},
        )
    goal = comparison.real.numbers.get(key)
    if goal is not None and not undefined(goal) and goal.flag != ITSELF:
        axes.axvline(goal.value, color=REAL, linewidth=1, linestyle=(0, (4, 3)), zorder=0)
    if not logarithmic:
        low, high = min(ends), max(ends)
        room = (high - low) or 1.0
        axes.set_xlim(low - 0.04 * room * (low < 0), high + 0.3 * room)
        axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.set_yticks(range(len(rows)), [_short(row.name) for row in rows] if names else [""] * len(rows))
    axes.set_ylim(len(rows) - 0.45, -0.55)
    unit = f", {described.unit}" if described.unit else ""
    title = f"{described.title}{unit}\n{ARROWS[described.better]} {WORDS[described.better]}"
    axes.set_title(title, fontsize=9, color=INK, loc="left")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(SOFT)
    axes.tick_params(colors=SOFT, labelcolor=INK, length=2, labelsize=8)
    axes.tick_params(axis="y", length=0)
    axes.minorticks_off()
    axes.grid(axis="x", color=GRID)
    axes.set_axisbelow(True)


def radar(comparison: Comparison, chosen: Sequence[str] = ()) -> Figure | None:
    """Draws how near each row is to the best one in each column: the rim is the best, the centre the worst.

    The radius is best / value where less is better, value / best where more is better, and
    1 − |value − g| / (|value| + |g|) where nearer to the ground truth g is better.

    Args:
        comparison: the comparison.
        chosen: columns to draw; empty draws `ON_RADAR`.

    Returns:
        The figure; None if fewer than three columns have values for at least two rows.
    """
    there = {key for some in groups(comparison, chosen).values() for key in some}
    scores = {key: _closeness(comparison, key) for key in (chosen or ON_RADAR) if key in there}
    scores = {key: some for key, some in scores.items() if len(some) > 1}
    if len(scores) < 3:
        return None
    angles = np.linspace(0, 2 * np.pi, len(scores), endpoint=False)
    figure = Figure(figsize=(7.2, 6.6), layout="constrained", facecolor="white")
    axes = figure.add_subplot(projection="polar")
    axes.set_theta_offset(np.pi / 2)  # type: ignore[attr-defined]
    axes.set_theta_direction(-1)  # type: ignore[attr-defined]
    for number, row in enumerate(comparison.measured):
        radii = np.array([some.get(row.name, np.nan) for some in scores.values()])
        if np.isnan(radii).all():
            continue
        real = row.kind == "real"
        axes.plot(
            np.append(angles, angles[0]),
            np.append(radii, radii[0]),
            color=_colour(comparison, row),
            linestyle=(0, (2, 2)) if real else STYLES[(number - 1) % len(STYLES)],
            marker="" if real else MARKERS[(number - 1) % len(MARKERS)],
            markersize=4.5,
            linewidth=1.6,
            label=_short(row.name),
        )
        if not real and len(comparison.models) <= 3 and np.isfinite(radii).all():
            axes.fill(angles, radii, color=_colour(comparison, row), alpha=0.07)
    axes.set_ylim(0, 1.05)
    axes.set_yticks([0.25, 0.5, 0.75, 1.0], ["¼", "½", "¾", "best"], fontsize=8, color=SOFT)
    axes.set_xticks(angles, [_axis_label(comparison, key) for key in scores], fontsize=8.5, color=INK)
    for angle, label in zip(angles, axes.get_xticklabels(), strict=True):
        side = round(float(np.sin(angle)), 6)
        label.set_horizontalalignment("center" if side == 0 else "left" if side > 0 else "right")
    axes.grid(color=GRID)
    axes.spines["polar"].set_color(GRID)
    figure.legend(loc="outside upper left", ncols=4, frameon=False, fontsize=9)
    _caption(figure, comparison, "rim: the best row of each column")
    return figure


def _closeness(comparison: Comparison, key: str) -> dict[str, float]:
    """Row → 0..1, for measured rows; leaves out the real set's distance from itself, which says nothing."""
    better = DESCRIPTIONS[key].better
    values = {
        row.name: row.numbers[key].value
        for row in comparison.measured
        if key in row.numbers and not undefined(row.numbers[key]) and row.numbers[key].flag != ITSELF
    }
    if not values or (better == "real" and comparison.real.name not in values):
        return {}
    if better == "real":
        goal = values[comparison.real.name]
        return {
            name: 1 - abs(value - goal) / ((abs(value) + abs(goal)) or 1.0) for name, value in values.items()
        }
    best = min(values.values()) if better == "less" else max(values.values())
    if better == "less":
        return {name: _share(best, value) for name, value in values.items()}
    return {name: _share(value, best) for name, value in values.items()}


def _share(part: float, whole: float) -> float:
    if part == whole:
        return 1.0
    return float(np.clip(part / whole, 0, 1)) if whole > 0 else 0.0


def _axis_label(comparison: Comparison, key: str) -> str:
    described = DESCRIPTIONS[key]
    closeness = _closeness(comparison, key)
    best = max(closeness, key=closeness.__getitem__)
    value = next(row.numbers[key].value for row in comparison.measured if row.name == best)
    return f"{described.title} {ARROWS[described.better]}\nbest {value:{decimals(value)}}"


def _colour(comparison: Comparison, row: Row) -> str:
    if row.kind == "real":
        return REAL
    names = [model.name for model in comparison.models]
    return MODELS[names.index(row.name) % len(MODELS)]


def _short(name: str) -> str:
    return name if len(name) <= 22 else f"{name[:21]}…"


def _caption(figure: Figure, comparison: Comparison, text: str) -> None:
    """Prints mode and axes below the figure."""
    mode, axes = comparison.protocol["mode"], comparison.protocol["axes"]
    figure.supxlabel(f"mode {mode}; {axes}; {text}", fontsize=8, color=SOFT)


def png(figure: Figure) -> bytes:
    """Returns the figure as a PNG file without a time stamp: the same figure gives the same bytes."""
    file = io.BytesIO()
    # Tight, because the layout does not reserve space for labels around a round figure.
    figure.savefig(file, format="png", dpi=DPI, bbox_inches="tight", metadata={"Software": None})
    return file.getvalue()

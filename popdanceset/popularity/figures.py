"""Figures of the popularity model. Each function returns a matplotlib Figure and changes no global state."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray
from scipy import stats

from popdanceset.plotting import GRID, INK, SOFT, grid_figure, plain
from popdanceset.popularity.drift import Drift
from popdanceset.popularity.model import PAPER_TABLE_6
from popdanceset.popularity.normalise import LogNormaliser, count_matrix
from popdanceset.popularity.regression import Regression
from popdanceset.popularity.terms import BIAS, LABELS
from popdanceset.schema import COUNTS, Reason

OURS, PAPER, ACCEPTED, REJECTED, UNKNOWN = "#2b6cb0", "#b7791f", "#2f855a", "#c53030", "#b7791f"


def normalisation_figure(table: pa.Table, normaliser: LogNormaliser) -> Figure:
    """Draws counts before and after log normalisation (as POPDG, Fig. 6).

    Left: each count as a share of its maximum on a linear scale, where nearly all videos are close to 0.
    Right: the same counts on the founding sample's logarithmic scale. Boxes: quartiles; whiskers: 5 % and
    95 %; dots: videos beyond the whiskers.

    Args:
        table: rows with the seven counts; unknown counts are omitted.
        normaliser: the founding sample's scale.
    """
    names = tuple(name for name in COUNTS if name in normaliser.reference)
    counts = count_matrix(table, names)
    before = counts / np.maximum(np.nanmax(counts, axis=0, initial=1.0), 1.0)
    after = normaliser(counts, names)
    figure, (left, right) = grid_figure(1, 2, (9.6, 3.9))
    for axes, values, title in (
        (left, before, "Before: share of the largest"),
        (right, after, "After: ln(1 + x) / ln(1 + reference)"),
    ):
        _boxes(axes, values)
        axes.set_title(title)
    left.set_yticks(range(len(names)), [LABELS[name] for name in names])
    right.set_yticks(range(len(names)), [""] * len(names))
    return figure


def coefficients_figure(regression: Regression) -> Figure:
    """Draws coefficients with 95 % confidence intervals next to those of the paper's Table 6.

    Views have their own panel, because their coefficient is an order of magnitude larger than the others.

    Args:
        regression: the first regression, which has all seven counts, or another one.
    """
    small = [name for name in (BIAS, *COUNTS) if name != "view" and name in regression.terms]
    panels = [small, ["view"]] if "view" in regression.terms else [small]
    figure, every = grid_figure(
        len(panels), 1, (7.6, 4.6), height_ratios=[len(names) + 0.6 for names in panels]
    )
    for axes, names in zip(every, panels, strict=True):
        ours = [regression.terms[name].confidence_interval for name in names]
        theirs = [PAPER_TABLE_6[name] for name in names]
        places = np.arange(len(names), dtype=np.float64)
        _intervals(axes, places - 0.15, ours, OURS, f"this fit ({regression.n:,} videos)")
        _intervals(axes, places + 0.15, theirs, PAPER, "the paper's Table 6")
        axes.set_yticks(places, [LABELS[name] for name in names])
        axes.set_ylim(len(names) - 0.5, -0.5)
    every[0].axvline(0, color=SOFT, linewidth=1.2, linestyle=(0, (4, 3)), zorder=0)
    every[-1].set_xlabel("coefficient, 95 % interval")
    figure.legend(*every[0].get_legend_handles_labels(), loc="outside upper left", ncols=2, frameon=False)
    return figure


def pop_histogram(pop: NDArray[np.float64], threshold: float) -> Figure:
    """Draws a histogram of Pop with the threshold.

    Args:
        pop: (n,) Pop; NaN is omitted.
        threshold: videos above it are accepted.
    """
    known = pop[np.isfinite(pop)]
    figure, (axes,) = grid_figure(1, 1, (7.2, 3.6))
    low, high = (min(known.min(), threshold), max(known.max(), threshold)) if len(known) else (0.0, 1.0)
    step = 0.025  # the threshold is an edge, so that no bar is on both sides of it
    edges = threshold + step * np.arange(
        np.floor((low - threshold) / step), np.ceil((high - threshold) / step) + 1
    )
    heights, edges = np.histogram(known, bins=edges if len(edges) > 1 else [low - step, low + step])
    above = edges[:-1] >= threshold - 1e-9
    axes.bar(
        edges[:-1],
        heights,
        np.diff(edges),
        align="edge",
        color=np.where(above, ACCEPTED, "#a9b4c4"),
        linewidth=0,
    )
    axes.axvline(threshold, color=INK, linewidth=1.2)
    axes.set_ylim(0, max(int(heights.max()), 1) * 1.15)  # room for the text above the bars
    axes.annotate(
        f"Pop > {threshold:g}: {int((known > threshold).sum()):,} of {len(known):,} videos",
        (threshold, 1.0),
        xycoords=("data", "axes fraction"),
        xytext=(-5, -2),
        textcoords="offset points",
        ha="right",
        va="top",
        color=INK,
    )
    axes.set_xlabel("Pop")
    axes.set_ylabel("videos")
    axes.grid(axis="y", color=GRID)
    return figure


def pop_against_views(selection: pa.Table, threshold: float) -> Figure:
    """Draws Pop against views, and views against followers; colours show the verdicts of the two rules.

    Args:
        selection: table of schema SELECTION.
        threshold: of Pop.
    """
    reason = np.array(selection["reason"].to_pylist(), dtype=object)
    views, followers, pop = count_matrix(selection, ("view", "follower", "pop")).T
    figure, (left, right) = grid_figure(1, 2, (9.8, 4.2))
    for verdict, colour, label in (
        (Reason.LOW_POPULARITY, "#a9b4c4", "Pop not above the threshold"),
        (Reason.FOLLOWERS_UNKNOWN, UNKNOWN, "followers unknown"),
        (Reason.VIEWS_NOT_ABOVE_FOLLOWERS, REJECTED, "views not above followers"),
        (Reason.NONE, ACCEPTED, "accepted"),
    ):
        chosen = (reason == verdict.value) & (views > 0)
        if not chosen.any():
            continue
        low = verdict is Reason.LOW_POPULARITY
        marks = left.scatter(views[chosen], pop[chosen], s=9 if low else 22, color=colour)
        marks.set_label(f"{label} ({chosen.sum():,})")
        if not low:  # the second rule applies to videos that pass the first
            asked = chosen & (followers > 0)
            right.scatter(followers[asked], views[asked], s=22, color=colour)
    for collection in (*left.collections, *right.collections):
        collection.set(alpha=0.75, linewidths=0, rasterized=True)
    left.axhline(threshold, color=INK, linewidth=1, linestyle=(0, (4, 3)))
    left.annotate(
        f"Pop = {threshold:g}",
        (0.0, threshold),
        xycoords=("axes fraction", "data"),
        xytext=(4, 3),
        textcoords="offset points",
        color=INK,
    )
    left.set_xscale("log")
    left.set_xlabel("views")
    left.set_ylabel("Pop")
    right.set_xscale("log")
    right.set_yscale("log")
    points = [np.ma.getdata(collection.get_offsets()).ravel() for collection in right.collections]
    shown = np.concatenate([*points, np.empty(0)])
    ends = [shown.min(), shown.max()] if shown.size else [1.0, 10.0]
    right.plot(ends, ends, color=INK, linewidth=1, linestyle=(0, (4, 3)))
    right.annotate(
        "views = followers",
        (ends[0], ends[0]),
        xytext=(14, 4),
        textcoords="offset points",
        color=INK,
    )
    right.set_xlabel("followers of the uploader")
    right.set_ylabel("views")
    for axis in (left.xaxis, right.xaxis, right.yaxis):
        axis.set_major_formatter(FuncFormatter(_short_number))
    right.grid(axis="y", color=GRID)
    handles, labels = left.get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside upper left", ncols=4, frameon=False, fontsize=9)
    return figure


def residuals_figure(predicted: NDArray[np.float64], residual: NDArray[np.float64]) -> Figure:
    """Draws the residuals of the final regression against its predictions and the normal distribution.

    On the left, the spread should be even and without a curve; on the right, the points should be on the
    line.

    Args:
        predicted: (n,) predictions of the response.
        residual: (n,) response minus prediction.
    """
    figure, (left, right) = grid_figure(1, 2, (9.8, 3.9))
    left.scatter(predicted, residual, s=14, color=OURS, alpha=0.7, linewidths=0, rasterized=True)
    left.axhline(0, color=INK, linewidth=1, linestyle=(0, (4, 3)))
    left.set_xlabel("predicted response")
    left.set_ylabel("residual")
    quantiles, ordered = stats.probplot(residual, fit=False)
    right.scatter(quantiles, ordered, s=14, color=OURS, alpha=0.7, linewidths=0, rasterized=True)
    # Through the quartiles, so that the tails, which are to be judged, do not affect the line.
    normal, found = stats.norm.ppf([0.25, 0.75]), np.quantile(residual, [0.25, 0.75])
    slope = (found[1] - found[0]) / (normal[1] - normal[0])
    ends = np.array([min(quantiles[0], -1.0), max(quantiles[-1], 1.0)])
    right.plot(ends, found[0] + slope * (ends - normal[0]), color=INK, linewidth=1, linestyle=(0, (4, 3)))
    right.set_xlabel("quantile of the normal distribution")
    for axes in (left, right):
        axes.grid(axis="y", color=GRID)
    return figure


def drift_figure(drift: Drift) -> Figure:
    """Draws two models: coefficients with 95 % confidence intervals, and Pop of the same videos under both.

    Views have their own panel, because their coefficient is an order of magnitude larger than the others.
    """
    small = [name for name in drift.coefficients if name != "view"]
    figure = Figure(figsize=(9.8, 4.6), layout="constrained", facecolor="white")
    panels = figure.subplot_mosaic(
        [["small", "pop"], ["view", "pop"]], height_ratios=[len(small) + 0.6, 1.6], width_ratios=[1, 1.15]
    )
    for axes in panels.values():
        plain(axes)
    for axes, names in ((panels["small"], small), (panels["view"], ["view"])):
        places = np.arange(len(names), dtype=np.float64)
        for offset, colour, letter, model in ((-0.15, OURS, "A", drift.a), (0.15, PAPER, "B", drift.b)):
            values = {**model.coefficients, BIAS: model.bias}
            shown = [k for k, name in enumerate(names) if name in values]
            ends = [model.confidence_intervals.get(names[k], (values[names[k]],) * 2) for k in shown]
            if ends:
                _intervals(axes, places[shown] + offset, ends, colour, f"{letter}: {model.name}")
        axes.set_yticks(places, [LABELS[name] for name in names])
        axes.set_ylim(len(names) - 0.5, -0.5)
    panels["small"].axvline(0, color=SOFT, linewidth=1.2, linestyle=(0, (4, 3)), zorder=0)
    panels["view"].set_xlabel("coefficient, 95 % interval")
    right = panels["pop"]
    for changed, colour, label in ((False, "#a9b4c4", "same verdict"), (True, REJECTED, "verdict changed")):
        chosen = drift.changed == changed
        marks = right.scatter(drift.pop_a[chosen], drift.pop_b[chosen], s=12, color=colour, label=label)
        marks.set(alpha=0.7, linewidths=0, rasterized=True)
    both = np.concatenate([drift.pop_a, drift.pop_b, [drift.threshold]])
    right.plot(
        [both.min(), both.max()], [both.min(), both.max()], color=INK, linewidth=1, linestyle=(0, (4, 3))
    )
    right.axvline(drift.threshold, color=SOFT, linewidth=0.8)
    right.axhline(drift.threshold, color=SOFT, linewidth=0.8)
    right.set_xlabel("Pop under A")
    right.set_ylabel("Pop under B")
    right.grid(axis="y", color=GRID)
    right.legend(frameon=False, fontsize=9, loc="upper left")
    right.set_title(
        f"{drift.videos:,} videos, Spearman {drift.spearman:.6f}, {drift.changed_share:.1%} verdicts changed",
        fontsize=10,
    )
    figure.legend(
        *panels["small"].get_legend_handles_labels(), loc="outside upper left", ncols=2, frameon=False
    )
    return figure


def _intervals(
    axes: Axes, places: NDArray[np.float64], ends: list[tuple[float, float]], colour: str, label: str
) -> None:
    """Draws a horizontal bar from end to end at each place, with a dot in the middle."""
    low, high = np.array(ends).T
    axes.errorbar(
        (low + high) / 2,
        places,
        xerr=(high - low) / 2,
        fmt="o",
        color=colour,
        label=label,
        markersize=4.5,
        elinewidth=2,
        capsize=3,
    )


def _boxes(axes: Axes, values: NDArray[np.float64]) -> None:
    """Draws a box with whiskers for each column, the first column on top; NaN is omitted."""
    columns = [column[np.isfinite(column)] for column in values.T]
    axes.boxplot(
        columns,
        positions=range(len(columns)),
        orientation="horizontal",
        whis=(5, 95),
        widths=0.55,
        patch_artist=True,
        boxprops={"facecolor": "#bcd3ec", "edgecolor": OURS},
        medianprops={"color": INK, "linewidth": 1.6},
        whiskerprops={"color": OURS},
        capprops={"color": OURS},
        flierprops={
            "marker": "o",
            "markersize": 2.2,
            "markerfacecolor": OURS,
            "markeredgewidth": 0,
            "alpha": 0.5,
        },
    )
    axes.invert_yaxis()


def _short_number(value: float, _: int = 0) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"

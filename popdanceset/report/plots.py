"""Plots of clips and of screened videos. All are small, because they stand next to stills, also on phones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from popdanceset.report import colours
from popdanceset.report.poses import ClipPoses
from popdanceset.schema import FPS
from popdanceset.settings import ScreeningSettings

STYLE: dict[str, Any] = {"linewidth": 1.2, "solid_capstyle": "round"}


def trajectory(poses: ClipPoses) -> Figure:
    """Plots the path of the root from above, metres; a dot marks the start."""
    figure = Figure(figsize=(2.7, 2.7), layout="constrained")
    axes = figure.add_subplot()
    x, y = poses.root[:, 0], poses.root[:, 1]
    axes.plot(x, y, color=colours.PRIMARY, **STYLE)
    axes.plot(x[0], y[0], "o", color=colours.GOOD, markersize=5)
    reach = 0.6 * max(float(np.ptp(x)), float(np.ptp(y)), 0.5)
    axes.set_xlim((x.min() + x.max()) / 2 - reach, (x.min() + x.max()) / 2 + reach)
    axes.set_ylim((y.min() + y.max()) / 2 - reach, (y.min() + y.max()) / 2 + reach)
    axes.set_aspect("equal")
    _plain(axes, "right (m)", "forward (m)")
    return figure


def over_time(poses: ClipPoses) -> Figure:
    """Plots root height, speeds of feet and joints with the music's beats, and confidence over seconds."""
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    height, speed, score = figure.subplots(3, 1, sharex=True, height_ratios=(2, 3, 1.4))
    times = poses.times
    height.plot(times, poses.root[:, 2], color=colours.PRIMARY, **STYLE)
    _plain(height, "", "root (m)")
    feet, joints = poses.speeds()
    if poses.beats is not None:
        style = {"color": colours.BEAT, "lw": 0.8, "alpha": 0.45}
        speed.vlines(poses.beats / FPS, 0, 1, transform=speed.get_xaxis_transform(), **style)
        speed.plot([], [], color=colours.BEAT, lw=1, label="beat")
    speed.plot(times, joints, color=colours.PRIMARY, label="joints", **STYLE)
    speed.plot(times, feet, color=colours.SECONDARY, label="feet", **STYLE)
    speed.set_ylim(bottom=0)
    _legend(speed)
    _plain(speed, "", "speed (m/s)")
    score.plot(times, poses.scores.mean(axis=1), color=colours.GOOD, **STYLE)
    score.set_ylim(0, 1.05)
    _plain(score, "time (s)", "score")
    score.set_xlim(0, max(times[-1], 1 / FPS))
    figure.align_ylabels()
    return figure


def screening(
    report: Mapping[str, Any], spans: Sequence[Mapping[str, Any]], rules: ScreeningSettings
) -> Figure:
    """Plots what screening measured in a video over its seconds: shake, people, limbs of the dancer, cuts.

    Rejected spans are shaded.

    Args:
        report: the screening report, parsed from JSON.
        spans: rejected spans with `start` and `end`, seconds.
        rules: the limit of the shake, and the score from which a limb counts as seen.
    """
    figure = Figure(figsize=(6.8, 3.8), layout="constrained")
    shake, people, limbs = figure.subplots(3, 1, sharex=True, height_ratios=(3, 2, 2))
    for axes in (shake, people, limbs):
        for span in spans:
            axes.axvspan(span["start"], span["end"], color=colours.WARNING, alpha=0.13, lw=0)
        for cut in report["cuts"]:
            axes.axvline(cut, color=colours.BEAT, lw=1, ls=(0, (3, 2)))
    values = np.array([np.nan if v is None else v for v in report["shake"]["value"]], float)
    shake.plot(report["shake"]["time"], values * 1000, color=colours.PRIMARY, **STYLE)
    shake.axhline(rules.max_shake * 1000, color=colours.WARNING, lw=1)
    top = np.nanmax(values) if np.isfinite(values).any() else 0.0
    shake.set_ylim(0, 1150 * max(top, rules.max_shake * 1.3))
    _plain(shake, "", "shake (‰ of diagonal)")
    dancers = report["dancers"]
    people.step(
        dancers["time"], dancers["count"], where="mid", color=colours.SECONDARY, label="people", **STYLE
    )
    people.step(
        dancers["time"], dancers["whole"], where="mid", color=colours.GOOD, label="whole", lw=1.2, ls="--"
    )
    people.set_ylim(-0.2, max([*dancers["count"], 1]) + 0.4)
    people.yaxis.get_major_locator().set_params(integer=True)
    _legend(people)
    _plain(people, "", "people")
    seen = [
        sum(s is not None and s >= rules.limb_score for s in scores) if scores else np.nan
        for scores in dancers["limbs"]
    ]
    limbs.step(dancers["time"], seen, where="mid", color=colours.PRIMARY, **STYLE)
    limbs.set_ylim(-0.5, 12.8)
    limbs.set_yticks((0, 4, 8, 12))
    _plain(limbs, "time (s)", "limbs seen")
    limbs.set_xlim(0, max(report["duration"], 0.1))
    figure.align_ylabels()
    return figure


def _legend(axes: Axes) -> None:
    """Puts the legend above the axes, where it hides nothing."""
    axes.legend(
        loc="lower right",
        bbox_to_anchor=(1, 0.97),
        fontsize=8,
        ncols=4,
        frameon=False,
        handlelength=1.2,
        borderpad=0,
    )


def _plain(axes: Axes, x: str, y: str) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8, length=2.5)
    axes.set_xlabel(x, fontsize=8)
    axes.set_ylabel(y, fontsize=8)
    axes.grid(alpha=0.18, lw=0.6)

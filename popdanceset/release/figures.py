"""The figures of a release: `figures/*.png`, the same bytes for the same content.

To add one, write a function that draws it, and add an entry to `FIGURES`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from popdanceset import layout
from popdanceset.genre import UNKNOWN
from popdanceset.plotting import GRID, INK, SOFT, grid_figure, save_png
from popdanceset.release.overview import BEAT_EXTRACTORS, Overview
from popdanceset.schema import FPS
from popdanceset.skeleton import SMPL_JOINTS, Colour, bone_colour
from popdanceset.wording import counted

SPLIT_STYLES: Mapping[str, Mapping[str, Any]] = {
    "train": {"facecolor": "#2b6cb0", "edgecolor": "white"},
    "test": {"facecolor": "#f6c177", "edgecolor": "#7a4a00", "hatch": "////"},
}
"""Dark and plain, light and hatched: they differ without colours too."""

MOST_GENRES = 24
SIZE = (7.2, 3.6)
"""Inches."""

Clip = Mapping[str, Any]
Values = Mapping[str, Sequence[float]]


class Limits(NamedTuple):
    """Seconds below which a clip is short and above which it is long, and the threshold of Pop if known."""

    short: float
    long: float
    min_pop: float | None


class DrawnFigure(NamedTuple):
    """A figure of a release.

    Attributes:
        name: of its file, inside the release.
        title: in a few words.
        caption: what it shows, and how that is measured.
    """

    name: str
    title: str
    caption: str


@dataclass(frozen=True, slots=True)
class _Material:
    clips: Sequence[Clip]
    overview: Overview
    limits: Limits

    def by_split(self, value: Callable[[Clip], float | None]) -> Values:
        """Returns split → known values of its clips, for the splits that have clips."""
        found: dict[str, list[float]] = {}
        for clip in self.clips:
            number = value(clip)
            values = found.setdefault(clip["split"], [])
            if number is not None and math.isfinite(number):
                values.append(number)
        return found


def save_figures(
    folder: Path, clips: Sequence[Clip], overview: Overview, limits: Limits
) -> list[DrawnFigure]:
    """Writes the figures of a release.

    Args:
        folder: of the release.
        clips: rows of schema RELEASE_CLIPS.
        overview: of the same clips.
        limits: lines that the figures show.

    Returns:
        The figures that were drawn. One whose values no clip has is left out.
    """
    material = _Material(clips, overview, limits)
    drawn = []
    for stem, (title, draw) in FIGURES.items():
        result = draw(material)
        if result is not None:
            figure, caption = result
            name = layout.figure(stem)
            save_png(figure, folder / name)
            drawn.append(DrawnFigure(name, title, caption))
    return drawn


def _durations(material: _Material) -> tuple[Figure, str] | None:
    values = material.by_split(lambda clip: clip["frames"] / FPS)
    longest = max(max(v, default=0.0) for v in values.values())
    step = next(step for step in (1, 2, 5, 10, 30, 60, 120, 300, 600, 3600) if longest <= 40 * step)
    figure, axes = _histogram(values, np.arange(0, longest + 2 * step, step), "length of a clip (s)")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=10))
    short, long = material.limits.short, material.limits.long
    right = axes.get_xlim()[1]
    seconds = [value for split in values.values() for value in split]
    for start, end, name, count in (
        (0.0, short, "short", sum(s < short for s in seconds)),
        (short, long, "medium", sum(short <= s <= long for s in seconds)),
        (long, right, "long", sum(s > long for s in seconds)),
    ):
        if end < right:
            axes.axvline(end, color=INK, linewidth=1, linestyle=(0, (4, 3)))
        if start < right and (min(end, right) - start) / right > 0.06:
            axes.annotate(
                f"{name}\n{count:,}",
                ((start + min(end, right)) / 2, 1.0),
                xycoords=("data", "axes fraction"),
                xytext=(0, -3),
                textcoords="offset points",
                ha="center",
                va="top",
                fontsize=9,
                color=INK,
            )
    return figure, (
        f"Length of the clips. Short clips last less than {short:g} s, long clips more than {long:g} s."
    )


def _genres(material: _Material) -> tuple[Figure, str] | None:
    counts = Counter(clip["genre"] for clip in material.clips)
    ordered = sorted(counts, key=lambda name: (name == UNKNOWN, -counts[name], name))
    shown = ordered if len(ordered) <= MOST_GENRES else ordered[: MOST_GENRES - 1]
    rest = [name for name in ordered if name not in shown]
    groups = [[name] for name in shown] + ([rest] if rest else [])
    labels = [_drawable(name) for name in shown] + ([f"{len(rest)} others"] if rest else [])
    figure, (axes,) = grid_figure(1, 1, (SIZE[0], 1.1 + 0.24 * max(len(groups), 4)))
    pairs = Counter((clip["genre"], clip["split"]) for clip in material.clips)
    left = np.zeros(len(groups))
    for split in _splits(material.clips):
        widths = np.array([sum(pairs[name, split] for name in group) for group in groups], np.float64)
        axes.barh(range(len(groups)), widths, left=left, height=0.72, linewidth=0.5, **_style(split))
        left += widths
    for place, total in enumerate(left):
        axes.annotate(
            f"{int(total):,}", (total, place), xytext=(4, 0), textcoords="offset points", va="center",
            fontsize=9, color=INK,
        )  # fmt: skip
    axes.set_yticks(range(len(groups)), labels)
    axes.set_ylim(len(groups) - 0.4, -0.6)
    axes.set_xlim(0, max(left) * 1.1)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    axes.set_xlabel("clips")
    _split_legend(figure, _splits(material.clips))
    return figure, "Clips of each dance genre, by the section, tags and title of their video."


def _tempo(material: _Material) -> tuple[Figure, str] | None:
    extractor = next((name for name in BEAT_EXTRACTORS if material.overview.tempos.get(name)), None)
    if extractor is None:
        return None
    tempos = material.overview.tempos[extractor]
    values = material.by_split(lambda clip: tempos.get(clip["clip_id"]))
    low, high = min(tempos.values()), max(tempos.values())
    edges = np.arange(5 * math.floor(min(low, 60) / 5), 5 * math.ceil(max(high, 180) / 5) + 6, 5)
    figure, _ = _histogram(values, edges, "tempo (beats per minute)")
    without = len(material.clips) - len(tempos)
    unknown = (
        f" Without a tempo, for lack of beats or features: {counted(without, 'clip')}." if without else ""
    )
    return figure, (
        f"Tempo of the music, from the beats among the {extractor} features: intervals between the first "
        f"beat of a clip and its last.{unknown}"
    )


def _pop(material: _Material) -> tuple[Figure, str] | None:
    videos = {clip["bvid"]: clip["pop"] for clip in material.clips}
    known = [pop for pop in videos.values() if pop is not None and math.isfinite(pop)]
    if not known:
        return None
    threshold = material.limits.min_pop
    base = threshold if threshold is not None else min(known)
    # The threshold is an edge, so that no bar is on both sides of it.
    low, high = min(min(known) - base, 0.0), max(known) - base
    step = next((s for s in (0.005, 0.01, 0.02, 0.05, 0.1, 0.5) if high - low <= 40 * s), (high - low) / 40)
    edges = base + step * np.arange(math.floor(low / step + 1e-9) - 1, math.floor(high / step + 1e-9) + 2)
    figure, axes = _histogram({"train": known}, edges, "Pop of a video", "videos", legend=False)
    if threshold is not None:
        axes.axvline(threshold, color=INK, linewidth=1.2, linestyle=(0, (4, 3)))
        axes.annotate(
            f"threshold {threshold:g}", (threshold, 1.0), xycoords=("data", "axes fraction"),
            xytext=(5, -2), textcoords="offset points", va="top", fontsize=9, color=INK,
        )  # fmt: skip
    without = len(videos) - len(known)
    unknown = f" Pop is unknown for {counted(without, 'video')}." if without else ""
    return figure, f"Pop (Eq. 1 of the paper) of the videos when they were selected.{unknown}"


def _energy(material: _Material) -> tuple[Figure, str] | None:
    energies = {clip: energy for clip, energy in material.overview.energies.items() if energy > 0}
    if not energies:
        return None
    values = material.by_split(lambda clip: energies.get(clip["clip_id"]))
    low, high = math.log10(min(energies.values())), math.log10(max(energies.values()))
    # Six bins a factor of ten, and at least one factor, so that the axis has labels.
    first, last = math.floor(6 * low), max(math.floor(6 * high) + 1, math.floor(6 * low) + 6)
    figure, axes = _histogram(values, 10 ** (np.arange(first, last + 1) / 6), "motion energy (J/kg)")
    axes.set_xscale("log")
    digits = (1, 2, 5) if last - first <= 24 else (1,)
    ticks = [d * 10.0**k for k in range(first // 6 - 1, last // 6 + 1) for d in digits]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_xticks([], minor=True)
    axes.set_xlim(10 ** (first / 6), 10 ** (last / 6))
    still = len(material.clips) - len(energies)
    unmoved = f" Not shown, because nothing moves: {counted(still, 'clip')}." if still else ""
    return figure, (
        "Motion energy of the clips: half the mean squared speed of the 24 joints in the world, as if all "
        f"had the same mass.{unmoved}"
    )


def _joint_ranges(material: _Material) -> tuple[Figure, str] | None:
    low, middle, high = (material.overview.angle_quantile(share) for share in (0.01, 0.5, 0.99))
    figure, (axes,) = grid_figure(1, 1, (SIZE[0], 5.2))
    labels = []
    for row, (label, members) in enumerate(_joint_rows()):
        labels.append(label)
        height = 0.72 / len(members)
        for number, joint in enumerate(members):
            place = row + height * (number - (len(members) - 1) / 2)
            name = SMPL_JOINTS[joint]
            style = _side_style(name)
            axes.barh(
                place, high[joint] - low[joint], left=low[joint], height=0.86 * height, linewidth=0.6, **style
            )
            axes.plot(middle[joint], place, "o", color="white", markeredgecolor=INK, markersize=4)
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.set_xlim(0, max(30.0, min(180.0, 1.04 * float(high[1:].max()))))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, steps=[1, 1.5, 3, 5, 10]))
    axes.set_xlabel("rotation from the rest pose (degrees)")
    handles = [Patch(label=side, linewidth=0.6, **_side_style(name)) for side, name in _SIDES.items()]
    figure.legend(handles=handles, loc="outside upper left", ncols=3, frameon=False, fontsize=9)
    return figure, (
        "How far each SMPL joint turns about its parent: 1 % to 99 % of the frames, the median as a dot. "
        "The root, which turns with the whole body, is left out."
    )


FIGURES: Mapping[str, tuple[str, Callable[[_Material], tuple[Figure, str] | None]]] = {
    "durations": ("Durations", _durations),
    "genres": ("Genres", _genres),
    "tempo": ("Tempo", _tempo),
    "pop": ("Pop", _pop),
    "motion_energy": ("Motion energy", _energy),
    "joint_ranges": ("Joint ranges", _joint_ranges),
}
"""Stem of the file → title, and the function that draws it."""

_SIDES = {"left": "lknee", "right": "rknee", "middle": "chest"}


def _joint_rows() -> list[tuple[str, list[int]]]:
    """Returns label → joints, left before right, from the head down to the toes; without the root."""
    trunk = ("head", "neck", "chest", "spine", "belly")
    limbs = ("inshoulder", "shoulder", "elbow", "wrist", "hand", "hip", "knee", "ankle", "toes")
    words = {"inshoulder": "collar"}
    names = list(SMPL_JOINTS)
    return [
        (words.get(name, name), [names.index(n) for n in (name, f"l{name}", f"r{name}") if n in names])
        for name in (*trunk, *limbs)
    ]


def _side_style(name: str) -> dict[str, Any]:
    colour = bone_colour(name)
    side = {bone_colour(joint): side for side, joint in _SIDES.items()}[colour]
    return {"facecolor": _hex(colour), "edgecolor": INK, "hatch": {"right": "////"}.get(side)}


def _hex(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


def _histogram(
    values: Values, edges: np.ndarray[Any, Any], label: str, things: str = "clips", legend: bool = True
) -> tuple[Figure, Axes]:
    """Draws stacked bars, one colour a split."""
    figure, (axes,) = grid_figure(1, 1, SIZE)
    bottom = np.zeros(len(edges) - 1)
    for split in sorted(values, key=_split_order):
        heights = np.histogram(values[split], edges)[0].astype(np.float64)
        axes.bar(
            edges[:-1], heights, np.diff(edges), bottom=bottom, align="edge", linewidth=0.5, **_style(split)
        )
        bottom += heights
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(0, max(float(bottom.max()), 1.0) * 1.22)  # room for the words above the bars
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.set_xlabel(label)
    axes.set_ylabel(things)
    axes.grid(axis="x", visible=False)
    axes.grid(axis="y", color=GRID)
    if legend:
        _split_legend(figure, sorted(values, key=_split_order))
    return figure, axes


def _split_legend(figure: Figure, splits: Sequence[str]) -> None:
    handles = [Patch(label=split, linewidth=0.5, **_style(split)) for split in splits]
    figure.legend(handles=handles, loc="outside upper right", ncols=3, frameon=False, fontsize=9)


def _style(split: str) -> Mapping[str, Any]:
    return SPLIT_STYLES.get(split, {"facecolor": "#c9ced6", "edgecolor": SOFT, "hatch": "...."})


def _splits(clips: Sequence[Clip]) -> list[str]:
    return sorted({clip["split"] for clip in clips}, key=_split_order)


def _split_order(split: str) -> tuple[int, str]:
    known = list(SPLIT_STYLES)
    return (known.index(split) if split in known else len(known), split)


def _drawable(name: str) -> str:
    """Returns a name shortened and without the characters that matplotlib's own font lacks."""
    text = "".join(letter if ord(letter) in _glyphs() else "?" for letter in name)
    # A dollar sign would begin a formula.
    return (text if len(text) <= 30 else f"{text[:29]}…").replace("$", r"\$")


@cache
def _glyphs() -> frozenset[int]:
    from matplotlib import font_manager

    path = font_manager.findfont("DejaVu Sans")
    return frozenset(font_manager.get_font(path).get_charmap())

"""Tables of all figures, their means by split and kind, and the targets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields

import numpy as np

from tests.referee.clips import SPLITS, Clip
from tests.referee.measures import Score

COLUMNS = {
    "error": ("PA-MPJPE mm", "7.1f"),
    "exchanged": ("L/R %", "7.1f"),
    "acceleration": ("accel. m/s²", "7.2f"),
    "skating": ("skating %", "7.1f"),
    "gliding": ("gliding %", "7.1f"),
    "sliding": ("sliding %", "7.1f"),
    "deviation": ("foot-floor mm", "7.1f"),
    "rte": ("RTE %", "7.1f"),
    "found": ("found %", "7.1f"),
    "speed": ("frames/s", "7.1f"),
}
"""Heading and format of each figure of a `Score`."""

NAN = float("nan")

Scores = Mapping[str, Mapping[str, Score]]
"""By contestant, then by name of the clip."""


@dataclass(frozen=True)
class Target:
    """A target and what was reached.

    Attributes:
        text: what is asked for.
        reached: None: no clip shows it.
        good: whether the target is met.
    """

    text: str
    reached: float | None
    good: bool

    def __str__(self) -> str:
        if self.reached is None:
            return f"  not measured  {self.text}"
        return f"  {'met   ' if self.good else 'MISSED'} {self.reached:8.1f}  {self.text}"


def table(clips: Iterable[Clip], scores: Scores) -> list[str]:
    """Returns the lines of a table: each clip and contestant, means by split, and of test clips by kind."""
    clips = list(clips)
    width = max(len(name) for name in scores)
    lines = ["", f"{'':18}{'':8}{'':{width}} " + " ".join(f"{h:>13}" for h, _ in COLUMNS.values())]

    def add(label: str, kind: str, chosen: Iterable[str]) -> None:
        for contestant, by_clip in scores.items():
            here = [by_clip[name] for name in chosen if name in by_clip]
            if here:
                cells = (_cell(mean(here, key), how) for key, (_, how) in COLUMNS.items())
                lines.append(f"{label:18}{kind:8}{contestant:{width}} " + " ".join(cells))

    for split in SPLITS:
        inside = [clip for clip in clips if clip.split == split]
        for clip in inside:
            add(clip.name, clip.kind, [clip.name])
        if inside:
            lines.append("")
            add(f"mean of {split}", "", [clip.name for clip in inside])
            for kind in dict.fromkeys(clip.kind for clip in inside) if split == "test" else ():
                add("mean of test", kind, [clip.name for clip in inside if clip.kind == kind])
            lines.append("")
    return lines


def mean(scores: Iterable[Score], figure: str) -> float:
    """Mean of a figure where it is known; NaN if it never is."""
    known = [value for score in scores if not np.isnan(value := getattr(score, figure))]
    return float(np.mean(known)) if known else NAN


def targets(
    clips: Iterable[Clip], now: Mapping[str, Score], before: Mapping[str, Score], speed: float
) -> list[Target]:
    """Returns the targets of the pose stage for one contestant.

    Args:
        now: its scores by clip.
        before: those of the code that it is compared with; empty: it was not measured.
        speed: share of that code's speed that it has to reach.
    """
    clips = list(clips)
    test = [clip for clip in clips if clip.split == "test" and clip.name in now]
    result: list[Target] = []

    def known(name: str, figure: str) -> float:
        return float(getattr(now[name], figure)) if name in now else NAN

    def at_most(text: str, value: float, limit: float) -> None:
        unknown = np.isnan(value)
        result.append(Target(f"{text} (≤ {limit:g})", None if unknown else value, value <= limit))

    def compared(figure: str, names: Iterable[str]) -> float:
        both = [
            name
            for name in names
            if name in now
            and name in before
            and not np.isnan([getattr(now[name], figure), getattr(before[name], figure)]).any()
        ]
        there = mean((before[name] for name in both), figure)
        return 100 * mean((now[name] for name in both), figure) / there if there else NAN

    for name, limit in (("cam02", 62), ("cam04", 68), ("dance_a", 75), ("dance_b", 75)):
        at_most(f"{name}: PA-MPJPE, mm", known(name, "error"), limit)
    for name in ("cam02", "cam04"):
        at_most(f"{name}: frames with left and right exchanged, %", known(name, "exchanged"), 0)
    names = [clip.name for clip in test]
    at_most("test clips: mean PA-MPJPE, mm", mean((now[name] for name in names), "error"), 85)
    at_most("test clips: PA-MPJPE, % of the earlier code's", compared("error", names), 80)
    for kind in dict.fromkeys(clip.kind for clip in test):
        alike = [clip.name for clip in test if clip.kind == kind]
        at_most(f"test clips, {kind}: PA-MPJPE, % of the earlier code's", compared("error", alike), 100)
    at_most("test clips: acceleration error, % of the earlier code's", compared("acceleration", names), 70)

    def worst(figure: str, among: Iterable[str]) -> float:
        return max((value for name in among if not np.isnan(value := known(name, figure))), default=NAN)

    at_most("worst test clip: truly standing feet that slide, %", worst("sliding", names), 5)
    at_most("taiji: feet that skate, %", known("taiji", "skating"), 5)
    at_most(
        "worst of test clips and taiji: feet from the floor, mm", worst("deviation", [*names, "taiji"]), 15
    )
    fast = compared("speed", now)
    text = f"all clips: frames per second, % of the earlier code's (≥ {100 * speed:g})"
    result.append(Target(text, None if np.isnan(fast) else fast, fast >= 100 * speed))
    return result


def _cell(value: float, how: str) -> str:
    return f"{'–' if np.isnan(value) else format(value, how):>13}"


assert {f.name for f in fields(Score)} == COLUMNS.keys()

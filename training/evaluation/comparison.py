"""The rows and columns of a comparison, whatever format it is written in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from popdanceset.errors import InputError
from training.evaluation.published import PublishedNumber, differences, protocol_of_run
from training.metrics.catalogue import AGAINST_TRAINING, METRICS, Description
from training.metrics.diversity import NO_PAIR_OF_ONE_MUSIC, NO_PAIR_OF_TWO
from training.metrics.nearest import Neighbour, Threshold
from training.metrics.score import NO_MUSIC_NAMES, UNDEFINED, Interval
from training.motion.validity import Finding

LATENCY = "latency"

DESCRIPTIONS = METRICS | AGAINST_TRAINING | {LATENCY: Description("Latency", "s per second of dance", "less")}
"""Title, unit and direction of every column that a row may hold."""

GROUPS: dict[str, tuple[str, ...]] = {
    "Contact, variety and beats (the columns of POPDG's Table 2)": ("PFC", "PBC", "Div_k", "Div_g", "BAS"),
    "Distance to the real dances": ("FID_k", "FID_k_infinity", "FID_g", "FID_g_infinity"),
    "Body": (
        "foot_skate_ratio", "foot_skate_ratio_lodge", "foot_sliding", "penetration", "floating",
        "self_penetration", "self_penetration_ratio", "jitter", "jitter_wham", "PBC_unweighted",
    ),
    "Beats": (
        "BAS_clip_mean", "BAS_equal_length", "BAS_equal_length_clip_mean", "BAS_music", "beat_hit_rate",
        "beat_hit_rate_music", "beat_coverage",
    ),
    "Variety": ("multimodality_k", "multimodality_g", "music_diversity_k", "music_diversity_g"),
    "Copying": tuple(AGAINST_TRAINING),
    "Speed": (LATENCY,),
}  # fmt: skip
"""Title → columns, in the order in which they are shown."""

ARROWS = {"more": "↑", "less": "↓", "real": "→"}
LEGEND = "↑ more is better, ↓ less is better, → nearer to the ground truth is better"

_NOT_COUNTED = re.compile(rf"({'|'.join(sorted(UNDEFINED))}): (\d+) of \2 clips left out")


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table.

    Attributes:
        name: name of the model, or `ground truth`.
        kind: `real` for the ground truth, `model`, or `paper` for printed numbers.
        numbers: by key of `DESCRIPTIONS`; printed numbers have no interval, and their flags say how their
            protocol differs.
    """

    name: str
    kind: Literal["real", "model", "paper"]
    numbers: dict[str, Interval]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A motion that could not be scored."""

    row: str
    clip: str
    reason: str


@dataclass(frozen=True, slots=True)
class Copying:
    """What the dances resemble most among the training clips.

    Attributes:
        clips: number of training clips.
        threshold: distance below which a dance counts as a copy.
        nearest: by row, a neighbour for each dance; empty where no training clip is long enough.
    """

    clips: int
    threshold: Threshold
    nearest: dict[str, tuple[Neighbour, ...]]

    def copies(self, row: str) -> tuple[Neighbour, ...]:
        """Returns the dances of a row that count as copies, the nearest first."""
        limit = self.threshold.distance
        if limit is None:
            return ()
        return tuple(sorted((n for n in self.nearest[row] if n.distance < limit), key=lambda n: n.distance))


@dataclass(frozen=True, slots=True)
class Comparison:
    """A finished comparison.

    Attributes:
        rows: ground truth, models, printed rows.
        protocol: what the measured rows share, and under `rows` what they do not, by name.
        findings: what the validity checks found, by row.
        left_out: motions that could not be scored.
        published: printed numbers that were asked for.
        copying: what the dances resemble among the training clips; None if those were not given.
    """

    rows: tuple[Row, ...]
    protocol: dict[str, Any]
    findings: dict[str, list[Finding]] = field(default_factory=dict)
    left_out: tuple[LeftOut, ...] = ()
    published: tuple[PublishedNumber, ...] = ()
    copying: Copying | None = None

    @property
    def real(self) -> Row:
        """The ground truth."""
        return self.rows[0]

    @property
    def measured(self) -> tuple[Row, ...]:
        """Ground truth and models."""
        return tuple(row for row in self.rows if row.kind != "paper")

    @property
    def models(self) -> tuple[Row, ...]:
        """The rows of models."""
        return tuple(row for row in self.rows if row.kind == "model")


def published_rows(numbers: Iterable[PublishedNumber], protocol: Mapping[str, Any]) -> tuple[Row, ...]:
    """Returns printed numbers as rows; the flag of each says how its protocol differs from that of a run.

    Numbers that the suite does not compute are left out: the card itself lists them.

    Args:
        numbers: in the order of the rows.
        protocol: of the measured rows.
    """
    ours = protocol_of_run(protocol)
    rows: dict[str, dict[str, Interval]] = {}
    for number in numbers:
        if number.metric in DESCRIPTIONS:
            found = Interval(number.value, number.value, number.value, differences(number, ours))
            rows.setdefault(number.row, {})[number.metric] = found
    return tuple(Row(name, "paper", columns) for name, columns in rows.items())


def undefined(number: Interval) -> bool:
    """Returns whether nothing was measured and the value is a placeholder, as for beats without music."""
    return any(
        flag in (NO_MUSIC_NAMES, NO_PAIR_OF_ONE_MUSIC, NO_PAIR_OF_TWO) or _NOT_COUNTED.fullmatch(flag)
        for flag in number.flag.split("; ")
    )


def groups(comparison: Comparison, chosen: Sequence[str] = ()) -> dict[str, tuple[str, ...]]:
    """Returns the columns with measured values, by title of their group; or the chosen ones, in one group.

    Raises:
        InputError: a chosen column does not exist.
    """
    there = {key for row in comparison.measured for key in row.numbers}
    unknown = [key for key in chosen if key not in DESCRIPTIONS]
    if unknown:
        known = ", ".join(key for key in DESCRIPTIONS if key in there)
        raise InputError(f"no column is called {unknown[0]!r}", do=f"choose from {known}")
    if chosen:
        return {"": tuple(key for key in chosen if key in there)}
    shown = {
        title: tuple(
            key
            for key in keys
            if any(key in row.numbers and not undefined(row.numbers[key]) for row in comparison.measured)
        )
        for title, keys in GROUPS.items()
    }
    return {title: keys for title, keys in shown.items() if keys}


def best(comparison: Comparison, key: str) -> str | None:
    """Returns the name of the best model in a column; None if fewer than two have a value, or in a tie."""
    values = {
        row.name: row.numbers[key].value
        for row in comparison.models
        if key in row.numbers and not undefined(row.numbers[key])
    }
    goal = comparison.real.numbers.get(key)
    better = DESCRIPTIONS[key].better
    if len(values) < 2 or (better == "real" and (goal is None or undefined(goal))):
        return None
    if better == "real":
        assert goal is not None
        loss = {name: abs(value - goal.value) for name, value in values.items()}
    else:
        loss = {name: value if better == "less" else -value for name, value in values.items()}
    winners = [name for name, value in loss.items() if value == min(loss.values())]
    return winners[0] if len(winners) == 1 else None


def check_unique(names: Iterable[str]) -> None:
    """Checks that no two rows have the same name.

    Raises:
        InputError: two rows have the same name.
    """
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InputError("two rows would have this name", name, "give --motions NAME=FOLDER")
        seen.add(name)

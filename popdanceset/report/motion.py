"""How good the motion of a clip is beside the others, and where it is worst."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from popdanceset.errors import MediaError, StoreError
from popdanceset.motion.accuracy import accelerations
from popdanceset.motion.body.self_penetration import depths
from popdanceset.report.poses import ClipPoses, read_poses
from popdanceset.report.stills import Still, clip_stills
from popdanceset.report.tables import Row, has_poses
from popdanceset.schema import FPS
from popdanceset.store import Store

_log = logging.getLogger(__name__)

Floats = NDArray[np.float64]

SECONDS = 10
"""Worst seconds of a release that are shown."""
_CANDIDATES = 20
"""Clips with the lowest scores whose poses are searched for them: reading all would take long."""
_OF_A_CLIP = 2
"""Seconds of the same clip at most."""

_TOES = [10, 11]
_ON_FLOOR = 0.05  # metres


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure of a verdict that the report compares between clips.

    Attributes:
        title: what it is.
        column: of VERDICTS.
        factor: from the table's unit to the printed one.
        unit: as printed.
        digits: decimals.
        more: whether more is better.
    """

    title: str
    column: str
    factor: float = 1.0
    unit: str = ""
    digits: int = 2
    more: bool = False


MEASURES = (
    Measure("score", "score", more=True),
    Measure("joint confidence", "mean_score", more=True),
    Measure("acceleration", "jitter_after", 1, "m/s²", 1),
    Measure("skating feet", "skating_after", 100, "%", 1),
    Measure("feet from the floor", "deviation_after", 1000, "mm", 0),
    Measure("feet moved", "feet_moved", 1000, "mm", 0),
    Measure("limbs in the body", "self_penetrating", 100, "%", 1),
)


@dataclass(frozen=True, slots=True)
class Standing:
    """A clip's figure among those of all clips with accepted poses.

    Attributes:
        measure: which figure.
        value: in the printed unit.
        better_than: share of the other clips that are worse, 0..1; None if there are none.
        bar: the others' range from the 10th to the 90th percentile, their median, and the clip, as a drawing.
    """

    measure: Measure
    value: str
    better_than: float | None
    bar: Markup


def standings(clip: Row, clips: Sequence[Row]) -> list[Standing]:
    """Compares a clip with all clips of a report that have accepted poses; empty if it has no poses.

    Args:
        clip: a row of `popdanceset.report.tables.DatasetTables.clips`.
        clips: all of them.
    """
    if not clip["verdict"] or not clip["verdict"]["frames"]:
        return []
    found = []
    for measure in MEASURES:
        own = clip["verdict"][measure.column]
        if own is None or not np.isfinite(own):
            continue
        values = [row["verdict"][measure.column] for row in clips if has_poses(row) and row is not clip]
        others = measure.factor * np.array([v for v in values if v is not None and np.isfinite(v)], float)
        value = measure.factor * own
        worse = others < value if measure.more else others > value
        found.append(
            Standing(
                measure,
                f"{value:.{measure.digits}f}",
                float(worse.mean()) if len(others) else None,
                _bar(value, others),
            )
        )
    return found


@dataclass(frozen=True, slots=True)
class WorstSecond:
    """A second in which the motion is worst.

    Attributes:
        clip_id: of the clip.
        start: seconds from the clip's start.
        reason: the figure that stands out most.
        still: its middle, with the skeleton drawn over it.
    """

    clip_id: str
    start: float
    reason: str
    still: Still


def worst_seconds(store: Store, clips: Sequence[Row]) -> Iterator[WorstSecond]:
    """Finds the worst seconds of the clips with the lowest scores, worst first.

    Args:
        store: with pose tables and clips.
        clips: rows of `popdanceset.report.tables.DatasetTables.clips`.
    """
    scored = [row for row in clips if has_poses(row) and row["verdict"]["score"] is not None]
    lowest = sorted(scored, key=lambda row: (row["verdict"]["score"], row["clip_id"]))[:_CANDIDATES]
    found: list[tuple[float, Row, int, str]] = []
    for row in lowest:
        poses = read_poses(store, row["clip_id"])
        if poses is not None:
            own = [(badness, row, second, reason) for second, (badness, reason) in enumerate(faults(poses))]
            found += sorted(own, key=lambda each: -each[0])[:_OF_A_CLIP]
    for _, row, second, reason in sorted(found, key=lambda each: -each[0])[:SECONDS]:
        if (still := _still(store, row, second)) is not None:
            yield WorstSecond(row["clip_id"], float(second), reason, still)


def faults(poses: ClipPoses) -> list[tuple[float, str]]:
    """Judges each second of a clip.

    Returns:
        For each second, how bad it is, and the figure that stands out most in words. Badness is the largest
        of five figures, each divided by a value from which a reviewer should look at it.
    """
    count = len(poses.root)
    frame = np.arange(count)
    acceleration = np.zeros(count)
    if count > 2:
        joints = np.asarray(poses.joints, np.float64)
        acceleration[1:-1] = np.linalg.norm(accelerations(joints, frame / FPS), axis=2).mean(1)
    toes = np.asarray(poses.joints[:, _TOES] + poses.root[:, None], np.float64)
    speed = np.zeros(toes.shape[:2])
    if count > 1:
        speed = np.linalg.norm(np.gradient(toes[..., :2], 1 / FPS, axis=0), axis=2)
    slide = np.where(toes[..., 2] < _ON_FLOOR, speed, 0.0).max(1)
    depth = np.maximum(-toes[..., 2].min(1), 0.0)
    inside = depths(poses.joints).max(1)
    unsure = 1 - np.asarray(poses.scores, np.float64).mean(1)
    signs = (
        (acceleration, 30.0, lambda v: f"joints accelerate by {v:.0f} m/s²"),
        (slide, 1.0, lambda v: f"a foot on the floor moves by {v:.1f} m/s"),
        (depth, 0.05, lambda v: f"feet {1000 * v:.0f} mm below the floor"),
        (inside, 0.05, lambda v: f"limbs {1000 * v:.0f} mm inside the body"),
        (unsure, 0.5, lambda v: f"mean joint confidence {1 - v:.2f}"),
    )
    result = []
    for start in range(0, count, FPS):
        means = [float(values[start : start + FPS].mean()) for values, _, _ in signs]
        shares = [mean / limit for mean, (_, limit, _) in zip(means, signs, strict=True)]
        largest = int(np.argmax(shares))
        result.append((shares[largest], signs[largest][2](means[largest])))
    return result


def _still(store: Store, row: Row, second: int) -> Still | None:
    poses = read_poses(store, row["clip_id"])
    middle = min(second * FPS + FPS // 2, row["frames"] - 1)
    try:
        with store.local(row["path"]) as file:
            stills = clip_stills(file, poses.keypoints if poses else None, [middle])
    except (MediaError, StoreError) as error:
        _log.info("no still of a worst second: %s", error)
        return None
    return stills[0] if stills else None


def _bar(value: float, others: Floats) -> Markup:
    """A line from the least to the largest value, thick from the 10th to the 90th percentile, and a dot."""
    low, high = float(min([value, *others])), float(max([value, *others]))
    reach = (high - low) or 1.0

    def x(at: float) -> float:
        return 4 + 92 * (at - low) / reach

    parts = '<path d="M4 6H96" stroke="currentColor" stroke-opacity="0.25" stroke-width="1"/>'
    if len(others):
        tenth, median, ninetieth = (x(float(at)) for at in np.quantile(others, (0.1, 0.5, 0.9)))
        parts += (
            f'<path d="M{tenth:.1f} 6H{ninetieth:.1f}" stroke="currentColor" stroke-opacity="0.25" '
            f'stroke-width="5"/><path d="M{median:.1f} 2V10" stroke="currentColor" stroke-width="1"/>'
        )
    return Markup(  # nosec B704  # numbers only
        '<svg class="bar" role="img" aria-label="this clip among the others" viewBox="0 0 100 12">'
        f'{parts}<circle cx="{x(value):.1f}" cy="6" r="3.5" fill="var(--accent)"/></svg>'
    )

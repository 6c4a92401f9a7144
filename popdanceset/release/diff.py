"""What differs between two releases: clips with the reasons, splits, and statistics."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq

from popdanceset import layout
from popdanceset.release.content_hash import rows_hash
from popdanceset.release.info import ReleaseInfo, parse_info
from popdanceset.release.reviewed import REVIEWED
from popdanceset.release.shards import row_groups
from popdanceset.schema import LEFT_OUT, RELEASE_CLIPS, RELEASE_ROWS, Reason
from popdanceset.store import Store
from popdanceset.wording import counted

TRAIN = "train"
WITHDRAWN = "withdrawn"
UNRECORDED = "not recorded: the video was withdrawn, or the releases do not follow each other"

_POSITIONS = ("first_row", "file", "row_group", "split")
"""Columns of the clip table that say where a clip is, not what it is."""

_ROUNDING, _TINY = 1e-6, 1e-9
"""Standard deviations below these, relative to the mean and absolute, are those of rounded constants."""

Row = dict[str, Any]


class Level(IntEnum):
    """The part of the semantic version that a change raises."""

    PATCH = 0
    MINOR = 1
    MAJOR = 2


@dataclass(frozen=True, slots=True)
class Content:
    """What a release holds, without its frames.

    Attributes:
        info: its description.
        clips: clip id → row of the clip table, in order.
        rows: table (`frames`, or an extractor) → clip id → hash of the clip's rows.
        left_out: clip id → why the release does not have it; empty if it does not say so.
        statistics: of its features, as in `meta/stats.json`.
    """

    info: ReleaseInfo
    clips: Mapping[str, Row]
    rows: Mapping[str, Mapping[str, str]]
    left_out: Mapping[str, str] = field(default_factory=dict)
    statistics: Mapping[str, Any] = field(default_factory=dict)


def read_content(store: Store, folder: str = "") -> Content:
    """Reads what a release holds. Of a release that has no hashes, all rows are read.

    Args:
        store: the release itself, or the store that has it.
        folder: name of the release's folder in the store.

    Raises:
        InputError: it is damaged, or of a newer schema version.
        StoreError: it is not readable.
    """

    def inside(name: str) -> str:
        return f"{folder}/{name}" if folder else name

    where = inside_address(store, folder)
    info = parse_info(store.read_json(inside(layout.RELEASE_INFO)), where)
    clips = store.read_table(inside(layout.RELEASE_CLIPS), RELEASE_CLIPS).to_pylist()
    rows: dict[str, dict[str, str]] = {layout.FRAMES_STEM: {}, **{name: {} for name in info.music}}
    if store.exists(inside(layout.RELEASE_ROWS)):
        for row in store.read_table(inside(layout.RELEASE_ROWS), RELEASE_ROWS).to_pylist():
            rows.setdefault(row["table"], {})[row["clip_id"]] = row["content"]
    else:
        files = {layout.FRAMES_STEM: info.data, **{name: music.files for name, music in info.music.items()}}
        for table, names in files.items():
            for name in names:
                with store.open_read(inside(name)) as opened, pq.ParquetFile(opened) as file:
                    for number, clip_id in enumerate(row_groups(file)):
                        rows[table][clip_id] = rows_hash(file.read_row_group(number))
    left_out: list[Row] = []
    if store.exists(inside(layout.RELEASE_LEFT_OUT)):
        left_out = store.read_table(inside(layout.RELEASE_LEFT_OUT), LEFT_OUT).to_pylist()
    has_statistics = store.exists(inside(layout.RELEASE_STATS))
    return Content(
        info,
        {clip["clip_id"]: clip for clip in clips},
        rows,
        {row["clip_id"]: row["reason"] for row in left_out},
        store.read_json(inside(layout.RELEASE_STATS)) if has_statistics else {},
    )


def inside_address(store: Store, folder: str) -> str:
    """Returns what messages call a folder of a store."""
    return f"{store}/{folder}" if folder else str(store)


class ClipChange(NamedTuple):
    """A clip that was added, removed or changed.

    Attributes:
        clip_id: of the clip.
        split: that it is in, or was in.
        reason: why it was removed; what of it changed; empty for a new clip.
    """

    clip_id: str
    split: str
    reason: str = ""


class Move(NamedTuple):
    """A clip that is in another split than before."""

    clip_id: str
    before: str
    after: str


class Shift(NamedTuple):
    """How the distribution of a feature changed; root mean squares over its numbers.

    Attributes:
        mean: difference of the means, in standard deviations of the earlier release; numbers that are
            constant there count as 0.
        std_before: standard deviation in the earlier release.
        std_after: standard deviation in the later release.
    """

    mean: float
    std_before: float
    std_after: float


@dataclass(frozen=True, slots=True)
class ReleaseDifference:
    """The difference from release `a` to release `b`.

    Attributes:
        a, b: descriptions of the releases.
        added: new clips.
        removed: clips that are gone, with the reason.
        changed: clips whose rows changed, with the tables that did.
        described: clips of the same rows whose row in the clip table changed, with the columns that did.
        moved: clips that are in another split.
        unchanged: number of clips whose rows and split are the same.
        lost_features: extractors of whose features clips were lost → number of those clips.
        shifts: feature → change of its distribution, for features of both releases.
    """

    a: ReleaseInfo
    b: ReleaseInfo
    added: tuple[ClipChange, ...]
    removed: tuple[ClipChange, ...]
    changed: tuple[ClipChange, ...]
    described: tuple[ClipChange, ...]
    moved: tuple[Move, ...]
    unchanged: int
    lost_features: Mapping[str, int]
    shifts: Mapping[str, Shift]

    @property
    def level(self) -> Level:
        """Which part of the semantic version this difference raises.

        Major: clips or features were removed, or a split other than training changed (in its clips or their
        rows), so that results are not comparable. Minor: clips or features were added, or rows of training
        clips changed. Patch: the rows are the same.
        """
        touched = (*self.added, *self.changed)
        if self.removed or self.moved or self.lost_features or any(clip.split != TRAIN for clip in touched):
            return Level.MAJOR
        return Level.MINOR if touched else Level.PATCH

    def summary(self) -> str:
        """Says in one line, without ids, what changed."""
        parts = (
            (len(self.added), "added"),
            (len(self.removed), "removed"),
            (len(self.changed), "changed"),
            (len(self.moved), "moved to another split"),
        )
        words = [f"{counted(count, 'clip')} {what}" for count, what in parts if count]
        return ", ".join(words) or "the same rows, described anew"

    def as_document(self) -> dict[str, Any]:
        """Returns the difference as plain data."""
        return {
            "a": _head(self.a),
            "b": _head(self.b),
            "level": self.level.name.lower(),
            "added": [_without_reason(clip) for clip in self.added],
            "removed": [clip._asdict() for clip in self.removed],
            "changed": [clip._asdict() for clip in self.changed],
            "described": [clip._asdict() for clip in self.described],
            "moved": [move._asdict() for move in self.moved],
            "unchanged": self.unchanged,
            "lost_features": dict(self.lost_features),
            "counts": {
                name: {"a": before, "b": after} for name, (before, after) in counts_of(self.a, self.b).items()
            },
            "features": {name: shift._asdict() for name, shift in self.shifts.items()},
        }


def difference(a: Content, b: Content, withdrawn: Collection[str] = ()) -> ReleaseDifference:
    """Compares two releases.

    Args:
        a: the earlier release.
        b: the later release; what it says about clips that it left out are the reasons of removals.
        withdrawn: ids of videos that are known to be withdrawn.
    """
    both = [clip_id for clip_id in b.clips if clip_id in a.clips]
    moves = {
        clip_id: Move(clip_id, a.clips[clip_id]["split"], b.clips[clip_id]["split"])
        for clip_id in both
        if a.clips[clip_id]["split"] != b.clips[clip_id]["split"]
    }
    changed, described = [], []
    for clip_id in both:
        split = b.clips[clip_id]["split"]
        if tables := _changed_tables(a, b, clip_id):
            changed.append(ClipChange(clip_id, split, tables))
        elif columns := _changed_columns(a.clips[clip_id], b.clips[clip_id]):
            described.append(ClipChange(clip_id, split, columns))
    lost = {
        table: sum(clip_id not in b.rows.get(table, {}) for clip_id in both if clip_id in rows)
        for table, rows in a.rows.items()
    }
    rows_changed = {clip.clip_id for clip in changed}
    return ReleaseDifference(
        a.info,
        b.info,
        tuple(
            ClipChange(clip_id, row["split"]) for clip_id, row in b.clips.items() if clip_id not in a.clips
        ),
        tuple(
            ClipChange(clip_id, row["split"], _why_removed(row, b.left_out, withdrawn))
            for clip_id, row in a.clips.items()
            if clip_id not in b.clips
        ),
        tuple(changed),
        tuple(described),
        tuple(moves.values()),
        sum(clip_id not in moves and clip_id not in rows_changed for clip_id in both),
        {table: count for table, count in lost.items() if count},
        _shifts(a.statistics, b.statistics),
    )


def counts_of(a: ReleaseInfo, b: ReleaseInfo) -> dict[str, tuple[float | None, float | None]]:
    """Returns what is counted → its number in both releases; None where a release does not have it."""
    before, after = (_counts(info) for info in (a, b))
    return {name: (before.get(name), after.get(name)) for name in before | after}


def explained(reason: str) -> str:
    """Returns a reason with its meaning, if it is one of the stages' or reviewers' reasons."""
    value = reason.removeprefix(REVIEWED)
    known = value in Reason._value2member_map_
    return f"{reason}: {Reason(value).meaning}" if value and known else reason


def _counts(info: ReleaseInfo) -> dict[str, float]:
    counts = {
        name: value for name, value in info.counts.model_dump().items() if isinstance(value, int | float)
    }
    counts |= {f"clips, {name}": split.clips for name, split in info.splits.items()}
    counts |= {f"frames, {name}": split.frames for name, split in info.splits.items()}
    return counts | {f"clips with {name} features": music.clips for name, music in info.music.items()}


def _why_removed(row: Row, left_out: Mapping[str, str], withdrawn: Collection[str]) -> str:
    return WITHDRAWN if row["bvid"] in withdrawn else left_out.get(row["clip_id"], UNRECORDED)


def _changed_tables(a: Content, b: Content, clip_id: str) -> str:
    """Names the tables in which the clip's rows changed, were added or were lost."""
    before, after = (
        {table: rows[clip_id] for table, rows in each.rows.items() if clip_id in rows} for each in (a, b)
    )
    words = []
    for table in sorted(before.keys() | after.keys(), key=lambda name: (name != layout.FRAMES_STEM, name)):
        name = "poses" if table == layout.FRAMES_STEM else f"{table} features"
        if table not in before:
            words.append(f"{name} added")
        elif table not in after:
            words.append(f"{name} removed")
        elif before[table] != after[table]:
            old, new = (each.clips[clip_id]["estimator"] for each in (a, b))
            words.append(f"{name} by {new} instead of {old}" if name == "poses" and old != new else name)
    return ", ".join(words)


def _changed_columns(before: Row, after: Row) -> str:
    # A column that one of the two schemas does not have is no change of the clip.
    common = [name for name in before if name in after and name not in _POSITIONS]
    return ", ".join(name for name in common if before[name] != after[name])


def _shifts(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, Shift]:
    flat_a, flat_b = _flat(a), _flat(b)
    return {name: _shift(flat_a[name], flat_b[name]) for name in flat_a if name in flat_b}


def _flat(statistics: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Returns feature → its statistics; those of music are one level deeper."""
    found: dict[str, Mapping[str, Any]] = {}
    for name, value in statistics.items():
        if "mean" in value and "std" in value:
            found[name] = value
        else:
            found |= {f"{name}/{inner}": of_inner for inner, of_inner in value.items()}
    return found


def _shift(a: Mapping[str, Any], b: Mapping[str, Any]) -> Shift:
    mean_a, mean_b, std_a, std_b = (
        np.asarray(each[key], float).ravel() for key in ("mean", "std") for each in (a, b)
    )
    if mean_a.shape != mean_b.shape:
        return Shift(0.0, _rms(std_a), _rms(std_b))
    # A number that is constant, as the rotation of a hand, still deviates by the rounding of its mean.
    varies = std_a > _ROUNDING * np.maximum(np.abs(mean_a), np.abs(mean_b)) + _TINY
    moved = np.divide(mean_b - mean_a, std_a, out=np.zeros_like(mean_a), where=varies)
    return Shift(_rms(moved), _rms(std_a), _rms(std_b))


def _rms(values: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    return float(np.sqrt(np.mean(values**2))) if values.size else 0.0


def _head(info: ReleaseInfo) -> dict[str, Any]:
    return {
        "version": info.version,
        "semantic_version": info.semantic_version,
        "created": info.created,
        "content": info.content,
    }


def _without_reason(clip: ClipChange) -> dict[str, str]:
    return {"clip_id": clip.clip_id, "split": clip.split}

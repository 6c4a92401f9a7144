"""Divides the clips of a release as the settings say, and as earlier releases of the store require."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from popdanceset import layout
from popdanceset.music.merges import pairs
from popdanceset.release.groups import SplitClip, music_name, video_name
from popdanceset.release.info import SplitRule
from popdanceset.release.sizes import parse_size
from popdanceset.release.splits import NO_EARLIER, Earlier, Split, assign_splits
from popdanceset.release.versions import published
from popdanceset.schema import RELEASE_CLIPS
from popdanceset.settings import ReleaseSettings
from popdanceset.store import Store


def divide(store: Store, rule: ReleaseSettings, clips: Sequence[Mapping[str, Any]]) -> dict[str, Split]:
    """Assigns every clip of a release to a split.

    Args:
        store: with the pairs of music ids and the earlier releases.
        rule: how to divide.
        clips: rows of the release's clip table, as far as `popdanceset.release.members` knows them.

    Returns:
        clip id → `train` or `test`.

    Raises:
        InputError: the size of the test split leaves nothing for training, or an earlier release is damaged.
        StoreError: the clip table of an earlier release is not readable.
    """
    facts = [
        SplitClip(
            clip["clip_id"],
            clip["bvid"],
            clip["music_id"],
            clip["frames"],
            dancers_of(clip["dancer_id"], clip["bvid"]),
            clip["genre"],
        )
        for clip in clips
    ]
    return assign_splits(
        facts,
        rule.test_share,
        rule.seed,
        # Pairs count whatever was decided on them: so groups never fall apart, and clips that were used for
        # training are never used for testing.
        [(row["first"], row["second"]) for row in pairs(store)],
        size=parse_size(rule.test_size) if rule.test_size else None,
        by_dancer=rule.hold_out_dancers,
        stratify=rule.stratify,
        earlier=earlier_releases(store) if rule.keep_splits else NO_EARLIER,
    )


def dancers_of(dancer_id: str | None, bvid: str) -> tuple[str, ...]:
    """Returns the dancers of a clip; none if nobody knows them, and the video's own id stands for one."""
    return tuple(name for name in (dancer_id or "").split("+") if name and name != bvid)


def earlier_releases(store: Store) -> Earlier:
    """Returns the videos and pieces of music that any release of a store used for training, or for testing.

    Raises:
        InputError: a release is damaged.
        StoreError: the clip table of a release is not readable.
    """
    used: dict[str, set[str]] = {}
    for release in published(store):
        name = f"{layout.release(release.version)}/{layout.RELEASE_CLIPS}"
        table = store.read_table(name, RELEASE_CLIPS, ["bvid", "music_id", "split"])
        for split, names in _names(table).items():
            used.setdefault(split, set()).update(names)
    return Earlier(frozenset(used.get("train", ())), frozenset(used.get("test", ())))


def split_rule(rule: ReleaseSettings) -> SplitRule:
    """Describes how the settings divide clips."""
    by_size = rule.test_size or rule.hold_out_dancers or rule.stratify
    return SplitRule(
        size=rule.test_size or f"{rule.test_share:g}",
        by="size" if by_size else "piece",
        held_out=["video", "music", *(["dancer"] if rule.hold_out_dancers else [])],
        stratified=list(rule.stratify),
        seed=rule.seed,
    )


def _names(table: pa.Table) -> dict[str, set[str]]:
    names: dict[str, set[str]] = {}
    for row in table.to_pylist():
        own = names.setdefault(row["split"], set())
        own.add(video_name(row["bvid"]))
        if row["music_id"]:
            own.add(music_name(row["music_id"]))
    return names

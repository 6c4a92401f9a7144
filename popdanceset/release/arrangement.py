"""Arranges the clips of a release in shards: those that it keeps from the release before, and new ones."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from popdanceset import layout
from popdanceset.checksum import sha256_of
from popdanceset.release.shards import MAX_BYTES, Shard, kept_shards
from popdanceset.schema import RELEASE_ROWS, VERSION
from popdanceset.store import Store

_log = logging.getLogger(__name__)

Key = tuple[str, str]
"""Table (`frames`, or an extractor) and split."""


@dataclass(frozen=True, slots=True)
class Part:
    """The clips of one table and split.

    Attributes:
        kept: shards of the release before that stay as they are, in order.
        new: clips to be written, in order.
        first: number of the first new shard.
    """

    kept: Sequence[Shard]
    new: Sequence[str]
    first: int

    def clips(self) -> list[str]:
        """Returns all clips in the order of their rows."""
        return [clip_id for shard in self.kept for clip_id in shard.clips] + list(self.new)


def published_shards(store: Store, release: str, schema_version: int) -> dict[Key, list[Shard]]:
    """Returns the shards of a release whose files may be kept, in order.

    Args:
        store: has the release.
        release: name of its folder.
        schema_version: of the release. Files of another schema version than this program's are not kept.
    """
    name = f"{release}/{layout.RELEASE_ROWS}"
    if schema_version != VERSION or not store.exists(name):
        return {}
    sizes = store.sizes(release)
    clips: dict[tuple[str, str], dict[str, str]] = {}
    for row in store.read_table(name, RELEASE_ROWS).to_pylist():
        clips.setdefault((row["table"], row["file"]), {})[row["clip_id"]] = row["content"]
    found: dict[Key, list[Shard]] = {}
    for (table, file), contents in clips.items():
        split, size = layout.shard_split(table, file), sizes.get(f"{release}/{file}")
        if split and size is not None:
            found.setdefault((table, split), []).append(Shard(file, size, contents))
    return {key: sorted(shards, key=lambda shard: _number(shard.name)) for key, shards in found.items()}


def arrange(
    shards: Mapping[Key, Sequence[Shard]],
    contents: Mapping[str, Mapping[str, str]],
    splits: Mapping[str, str],
    unusable: Collection[str] = (),
    max_bytes: int = MAX_BYTES,
) -> dict[Key, Part]:
    """Arranges the clips of a release.

    Args:
        shards: of the release before.
        contents: table → clip id → hash of its rows; clips in the order in which new ones are written.
        splits: clip id → split.
        unusable: names of shards that must not be kept.
        max_bytes: size of a full shard.
    """
    wanted: dict[Key, dict[str, str]] = {}
    for table, rows in contents.items():
        for clip_id, content in rows.items():
            wanted.setdefault((table, splits[clip_id]), {})[clip_id] = content
    parts = {}
    for key in sorted(wanted):
        before = shards.get(key, ())
        usable = [shard for shard in before if shard.name not in unusable]
        kept = kept_shards(usable, wanted[key], max_bytes)
        old = {clip_id for shard in kept for clip_id in shard.clips}
        first = max((_number(shard.name) + 1 for shard in before), default=0)
        parts[key] = Part(kept, [clip_id for clip_id in wanted[key] if clip_id not in old], first)
    return parts


def share(
    store: Store, release: str, parts: Mapping[Key, Part], schemas: Mapping[str, pa.Schema], folder: Path
) -> set[str]:
    """Puts the kept shards into the folder of an unfinished release.

    Args:
        store: has the release before.
        release: name of its folder.
        parts: as arranged.
        schemas: table → schema that its files must have.
        folder: of the unfinished release, in which nothing is yet but shards of an earlier call.

    Returns:
        Names of shards that are damaged, or have other columns, and must not be kept; they are not put there.
    """
    kept = {folder / shard.name for part in parts.values() for shard in part.kept}
    for file in folder.rglob(f"*{layout.PARQUET}"):
        if file not in kept:  # another shard was unusable, and then this one was to be written with others
            file.unlink()
    unusable = set()
    for (table, _), part in parts.items():
        for shard in part.kept:
            local = folder / shard.name
            if local.exists():  # from the call before, which found another shard unusable
                continue
            store.share(f"{release}/{shard.name}", local)
            if not sha256_of(local).startswith(layout.shard_digest(shard.name)):
                _log.warning("%s/%s/%s is damaged: its rows are written again", store, release, shard.name)
            elif pq.read_schema(local).equals(schemas[table], check_metadata=True):
                continue
            local.unlink()
            unusable.add(shard.name)
    return unusable


def _number(name: str) -> int:
    return layout.shard_number(name) or 0

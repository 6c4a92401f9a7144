"""Checks the rows of every clip: its row group, order, numbers and hash; one clip is in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from popdanceset import layout
from popdanceset.errors import SchemaError
from popdanceset.progress import Advance
from popdanceset.release.content_hash import rows_hash
from popdanceset.release.limits import DOCUMENT_BYTES
from popdanceset.release.reader import Release
from popdanceset.release.shard_reader import ShardReader
from popdanceset.release.validation.faults import Faults
from popdanceset.release.validation.statistics import StatedStatistics
from popdanceset.schema import FRAMES, VERSION, music_schema, shape_of
from popdanceset.store import Store
from popdanceset.tables import fold


class _Table(NamedTuple):
    """A table of the release: its files, the clips in their order, and their rows' hashes where stated."""

    name: str
    schema: pa.Schema
    files: list[str]
    clips: list[str]
    hashes: Mapping[str, str]


def check_rows(store: Store, release: Release, faults: Faults, advance: Advance) -> None:
    """Checks the frame and music rows of every clip, and the statistics that the release states of them."""
    stats = store.read_json(layout.RELEASE_STATS, DOCUMENT_BYTES)
    stats = stats if isinstance(stats, dict) else {}
    for table in _tables(release):
        frames = table.name == layout.FRAMES_STEM
        stated = stats if frames else stats.get(f"{layout.RELEASE_MUSIC}/{table.name}")
        where = layout.RELEASE_STATS if frames else f"{layout.RELEASE_STATS}, {table.name}"
        statistics = StatedStatistics(table.schema, stated, where, faults)
        with faults.collecting():
            if _check_table(store, release, table, statistics, faults, advance):
                statistics.compare()


def _tables(release: Release) -> Iterator[_Table]:
    hashes: dict[str, dict[str, str]] = {}
    if release.rows is not None:
        columns = release.rows.select(["table", "clip_id", "content"]).to_pydict()
        for table, clip_id, content in zip(*columns.values(), strict=True):
            hashes.setdefault(table, {})[clip_id] = content
    name = layout.FRAMES_STEM
    yield _Table(name, FRAMES, release.info.data, release.clip_ids(), hashes.get(name, {}))
    for name, music in release.info.music.items():
        schema = music_schema(name, music.width)
        clips = release.clips_with_music(name)
        yield _Table(name, schema, music.files, clips, hashes.get(name, {}))


def _check_table(
    store: Store,
    release: Release,
    table: _Table,
    statistics: StatedStatistics,
    faults: Faults,
    advance: Advance,
) -> bool:
    """Walks the row groups of a table's files, which hold its clips once each; whether all were found."""
    lengths = dict(
        zip(release.clips["clip_id"].to_pylist(), release.clips["frames"].to_pylist(), strict=True)
    )
    splits = dict(zip(release.clips["clip_id"].to_pylist(), release.clips["split"].to_pylist(), strict=True))
    known, seen = set(table.clips), set()
    for file in table.files:
        with faults.collecting():
            shard = ShardReader(store, file)
            columns = _check_schema(shard, table.schema, file, release.info.schema_version, faults)
            own_splits = set()
            for number in range(len(shard)):
                where = f"{file}, row group {number}"
                with faults.collecting():
                    rows = shard.read(number, columns)
                    clip_id = _clip_of(rows, where)
                    if clip_id not in known or clip_id in seen:
                        faults.add(where, f"contains clip {clip_id[:200]!r}, which does not belong there")
                        continue
                    seen.add(clip_id)
                    own_splits.add(splits[clip_id])
                    _check_group(rows, table, lengths[clip_id], f"{where}, {clip_id}", faults, statistics)
                    if table.hashes and rows_hash(rows) != table.hashes.get(clip_id):
                        faults.add(where, f"the rows of {clip_id} have another hash than their table states")
                advance(1, f"{table.name} {number}")
            shard.close()
            if len(own_splits) > 1:
                faults.add(file, f"contains clips of several splits: {', '.join(sorted(own_splits))}")
    for clip_id in table.clips:
        if clip_id not in seen:
            faults.add(table.name, f"has no usable rows of clip {clip_id}")
    return seen == known


def _check_schema(
    shard: ShardReader, schema: pa.Schema, file: str, version: int, faults: Faults
) -> list[str]:
    """Returns the columns that can be read."""
    usable = []
    for field in schema:
        if field.name not in shard.schema.names:
            if version == VERSION or not field.nullable:
                faults.add(file, f"has no column {field.name!r}")
        elif not shard.schema.field(field.name).type.equals(field.type):
            found = shard.schema.field(field.name).type
            faults.add(file, f"column {field.name!r} is {found} instead of {field.type}")
        else:
            usable.append(field.name)
    for name in shard.schema.names:
        if name not in schema.names:
            faults.add(file, f"has an unknown column {name[:200]!r}")
    if "clip_id" not in usable:
        raise SchemaError("has no usable column 'clip_id'", file)
    return usable


def _clip_of(rows: pa.Table, where: str) -> str:
    clips = pc.unique(rows["clip_id"]).to_pylist()
    if len(clips) != 1 or clips[0] is None:
        raise SchemaError(f"contains rows of {len(clips)} clips instead of one", where)
    return str(clips[0])


def _check_group(
    rows: pa.Table, table: _Table, frames: int, where: str, faults: Faults, statistics: StatedStatistics
) -> None:
    if len(rows) != frames:
        faults.add(where, f"has {len(rows)} rows instead of {frames}")
    for field in table.schema:
        if field.name not in rows.column_names:
            continue
        column = rows[field.name]
        if column.null_count and not field.nullable:
            faults.add(where, f"column {field.name!r} contains nulls")
            continue
        leaf = field.type.value_type if pa.types.is_fixed_size_list(field.type) else field.type
        if pa.types.is_floating(leaf):
            values = fold(column.drop_null(), shape_of(field))
            if not np.isfinite(values).all():
                faults.add(where, f"column {field.name!r} contains NaN or infinity")
            else:
                statistics.update(field.name, values)
    index = rows["frame_index"].to_numpy() if "frame_index" in rows.column_names else np.arange(len(rows))
    if not np.array_equal(index, np.arange(len(rows))):
        faults.add(where, "frame_index does not count from 0 without gaps")
    if "timestamp" in rows.column_names and table.schema is FRAMES:
        late = np.abs(rows["timestamp"].to_numpy() - np.arange(len(rows)) / 30)
        if not (late < 1e-3).all():
            faults.add(where, "timestamp is not that of 30 frames per second")

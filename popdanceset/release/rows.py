"""Reads the frame and music rows of a clip from the store and checks them before they are published."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from popdanceset import layout
from popdanceset.errors import SchemaError
from popdanceset.schema import FRAMES, VERDICTS, music_schema
from popdanceset.store import Store


def checked_frame_rows(store: Store, clip_id: str) -> pa.Table:
    """Reads and checks the frame rows of a clip, schema FRAMES.

    Raises:
        StoreError: they are missing.
        SchemaError: they belong to another clip, have gaps, or hold NaN or infinity.
    """
    name = layout.poses(clip_id)
    return _checked(store.read_table(name, FRAMES), clip_id, f"{store}/{name}", "extract")


def checked_music_rows(store: Store, clip_id: str, extractor: str, frames: int) -> pa.Table:
    """Reads and checks the music rows of a clip by an extractor.

    There must be as many rows as frames, unless the clip's verdict says that a long gap ended its poses
    early; then the rows after that are cut off.

    Args:
        store: with the rows.
        clip_id: of the clip.
        extractor: name of the feature extractor.
        frames: number of frame rows of the clip.

    Raises:
        StoreError: the rows are missing.
        SchemaError: as `checked_frame_rows`; also if the number of rows does not match.
    """
    name = layout.music_features(clip_id, extractor)
    with store.open_read(name) as file:
        stored = pq.read_schema(file)
    if (
        (stored.metadata or {}).get(b"extractor", b"").decode() != extractor
        or "features" not in stored.names
        or not pa.types.is_fixed_size_list(stored.field("features").type)
    ):
        raise SchemaError(
            f"is not a table of {extractor} music features",
            f"{store}/{name}",
            "delete it and run `popdanceset features`",
        )
    table = store.read_table(name, music_schema(extractor, stored.field("features").type.list_size))
    if len(table) != frames and not _cut_short(store, clip_id, frames, len(table)):
        raise SchemaError(
            f"has {len(table)} rows, but the poses of the clip have {frames}",
            f"{store}/{name}",
            "the clip was cut again: extract it again, then run `popdanceset features`",
        )
    return _checked(table, clip_id, f"{store}/{name}", "features").slice(0, frames)


def _cut_short(store: Store, clip_id: str, frames: int, clip_frames: int) -> bool:
    """Returns whether the clip's verdict says that `frames` of its `clip_frames` frames were kept."""
    verdicts = store.read_table(layout.verdict(clip_id), VERDICTS, ["frames", "clip_frames"]).to_pylist()
    return verdicts == [{"frames": frames, "clip_frames": clip_frames}] and frames < clip_frames


def _checked(table: pa.Table, clip_id: str, where: str, stage: str) -> pa.Table:
    do = f"delete it and run `popdanceset {stage}` again"
    if not len(table):
        raise SchemaError("holds no rows", where, do)
    if table["clip_id"].unique().to_pylist() != [clip_id]:
        raise SchemaError(f"holds rows of another clip than {clip_id}", where, do)
    if not np.array_equal(table["frame_index"].to_numpy(), np.arange(len(table))):
        raise SchemaError("frame_index does not count from 0 without gaps", where, do)
    for field in table.schema:
        leaf = field.type.value_type if pa.types.is_fixed_size_list(field.type) else field.type
        if pa.types.is_floating(leaf):
            values = table[field.name].combine_chunks()
            values = values.flatten() if pa.types.is_fixed_size_list(field.type) else values
            if not np.isfinite(values.to_numpy(zero_copy_only=False)).all():
                raise SchemaError(f"column {field.name!r} holds NaN or infinity", where, do)
    return table

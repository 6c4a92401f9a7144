"""Which clips a release is made of, and their checked rows."""

from __future__ import annotations

import logging
import re
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from popdanceset import layout
from popdanceset.errors import InputError, SchemaError
from popdanceset.manifest import read_manifest
from popdanceset.schema import CLIPS, FRAMES, SELECTION, VERDICTS, music_schema
from popdanceset.store import Store

_log = logging.getLogger(__name__)

_CLIP_ID = re.compile(r"(?P<bvid>.+?)(?:_p(?P<page>\d+))?_Clip_(?P<number>\d+)")


class Source(NamedTuple):
    """The videos a release is made of.

    Attributes:
        manifest: name of the manifest.
        pops: video → its Pop, if known.
        provenance: what the manifest says of itself.
    """

    manifest: str
    pops: dict[str, float | None]
    provenance: dict[str, Any]


def source(store: Store, manifests: Path, name: str) -> Source:
    """The videos of a manifest: as its folder lists them, which people may have edited.

    Without the folder, on a machine that only has the store, the selection it was written from counts; a
    warning says so.

    Raises:
        ManifestError: the folder is no manifest.
        StoreError: there is neither folder nor selection.
    """
    folder = manifests / name
    if folder.is_dir():
        manifest = read_manifest(folder)
        return Source(name, {video.bvid: video.pop for video in manifest.videos}, manifest.provenance)
    selected = store.read_table(
        f"selection/{name}.parquet", SELECTION, ["bvid", "pop"], pc.field("accepted")
    ).to_pylist()
    _log.warning("%s: no such manifest here, so every video of the selection is taken", folder)
    return Source(name, {row["bvid"]: row["pop"] for row in selected}, {})


def members(store: Store, videos: Source) -> list[dict[str, Any]]:
    """One mapping a clip to be published, in order of `clip_order`.

    A clip is published if its video is in the manifest, and the clip was accepted by screening and its poses
    by the extractor. Clips that still wait for their poses are left out; a warning says so.

    Args:
        store: with the tables of all stages.
        videos: of the release.

    Returns:
        The columns of `popdanceset.schema.RELEASE_CLIPS` that are known before anything is written.

    Raises:
        InputError: no clip is accepted, or one is listed twice.
    """
    pops = videos.pops
    screened = store.read_table("clips", CLIPS, filter=pc.field("accepted")).to_pylist()
    clips = [clip for clip in screened if clip["bvid"] in pops]
    verdicts = {v["clip_id"]: v for v in store.read_table("verdicts", VERDICTS).to_pylist()}
    twice = [clip_id for clip_id, n in Counter(clip["clip_id"] for clip in clips).items() if n > 1]
    if twice:
        raise InputError(
            f"clips {twice[:3]} are listed twice", f"{store}/clips", "remove one of the two files"
        )
    waiting = [clip["clip_id"] for clip in clips if clip["clip_id"] not in verdicts]
    if waiting:
        _log.warning(
            "%d clips wait for their poses and are left out (run `popdanceset extract`): %s",
            len(waiting),
            " ".join(waiting),
        )
    chosen = [clip for clip in clips if clip["clip_id"] in verdicts and verdicts[clip["clip_id"]]["accepted"]]
    if not chosen:
        raise InputError(
            f"nothing to publish: {len(pops)} videos selected, {len(clips)} clips cut, no poses accepted",
            f"{store}, manifest {videos.manifest}",
            "see the reasons in the tables, or run the stages before",
        )
    with_music = music_features(store)
    kept = ("clip_id", "bvid", "page", "start", "end", "music_id", "genre", "dancer_id", "frames")
    return [
        {
            **{key: clip[key] for key in kept},
            "pop": pops[clip["bvid"]],
            "mean_score": verdicts[clip["clip_id"]]["mean_score"],
            "jitter": verdicts[clip["clip_id"]]["jitter_after"],
            "estimator": verdicts[clip["clip_id"]]["estimator"],
            "has_music": clip["clip_id"] in with_music,
        }
        for clip in sorted(chosen, key=lambda clip: clip_order(clip["clip_id"]))
    ]


def music_features(store: Store) -> dict[str, list[str]]:
    """Clip id → names of the extractors whose music features of it are in the store, sorted."""
    found: dict[str, list[str]] = {}
    for name in store.list(layout.MUSIC, ".parquet"):
        path = PurePosixPath(name)
        if name == layout.music_features(path.stem, path.parent.name):
            found.setdefault(path.stem, []).append(path.parent.name)
    return found


def clip_order(clip_id: str) -> tuple[str, int, int]:
    """Sorts clips by video, then part, then number: `…_Clip_2` before `…_Clip_10`."""
    match = _CLIP_ID.fullmatch(clip_id)
    return (match["bvid"], int(match["page"] or 1), int(match["number"])) if match else (clip_id, 0, 0)


def read_frames(store: Store, clip_id: str) -> pa.Table:
    """Frame rows of a clip, checked.

    Raises:
        StoreError: they are missing.
        SchemaError: they belong to another clip, have gaps, or hold values that are no finite numbers.
    """
    name = f"poses/{clip_id}.parquet"
    return _checked(store.read_table(name, FRAMES), clip_id, f"{store}/{name}", "extract")


def read_music(store: Store, clip_id: str, extractor: str, frames: int) -> pa.Table:
    """Music rows of a clip by an extractor, checked; as many as it has poses, where its verdict says that a
    long gap ended them.

    Raises:
        StoreError: they are missing.
        SchemaError: as `read_frames`; also if there are more or fewer rows than frames.
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
            f"is no table of {extractor} music features",
            f"{store}/{name}",
            "delete it and run `popdanceset features`",
        )
    table = store.read_table(name, music_schema(extractor, stored.field("features").type.list_size))
    if len(table) != frames and not _cut_short(store, clip_id, frames, len(table)):
        raise SchemaError(
            f"has {len(table)} rows, the poses of the clip have {frames}",
            f"{store}/{name}",
            "the clip was cut anew: extract it again, then run `popdanceset features`",
        )
    return _checked(table, clip_id, f"{store}/{name}", "features").slice(0, frames)


def _cut_short(store: Store, clip_id: str, frames: int, clip_frames: int) -> bool:
    """Whether the verdict on a clip says that so many of its frames were kept."""
    verdicts = store.read_table(
        f"verdicts/{clip_id}.parquet", VERDICTS, ["frames", "clip_frames"]
    ).to_pylist()
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
                raise SchemaError(f"column {field.name!r} holds values that are no finite numbers", where, do)
    return table

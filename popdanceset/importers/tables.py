"""The rows of an imported clip: its pose table, its verdict and its line in the clip table."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa

from popdanceset.importers.items import SOURCE, Item, Take
from popdanceset.importers.placing import Placed
from popdanceset.motion.accuracy import jitter
from popdanceset.motion.body.self_penetration import self_penetration
from popdanceset.motion.floor import footing
from popdanceset.motion.forward_kinematics import forward_kinematics
from popdanceset.rotations.arrays import axis_angle_to_matrix
from popdanceset.schema import FPS, FRAMES, Reason
from popdanceset.store import Store
from popdanceset.tables import nulls

Row = dict[str, Any]

_METADATA = b"extraction"
"""Key under which pose tables say how they were made, as those of our own extractor do."""


def pose_table(item: Item, take: Take, placed: Placed, how: dict[str, Any]) -> pa.Table:
    """Returns the pose table (schema FRAMES) of a clip; columns that the set does not have are null.

    Args:
        item: the clip.
        take: its motion as read.
        placed: the same in the axes of a release.
        how: how the table was made, for its metadata.
    """
    count = len(placed.root)
    columns: dict[str, Any] = {
        "frame_index": np.arange(count),
        "timestamp": np.arange(count) / FPS,
        "smpl_poses": placed.poses,
        "smpl_trans": placed.root,
        "smpl_scaling": np.full(count, placed.scaling),
        "joints3d": placed.joints,
        **placed.columns,
    }
    names = {"clip_id": str(item.clip), "estimator": take.estimator}
    arrays = {}
    for field in FRAMES:
        if field.name in names:
            arrays[field.name] = pa.array([names[field.name]] * count).cast(field.type)
        elif field.name in columns:
            arrays[field.name] = _array(np.asarray(columns[field.name]), field.type)
        else:
            arrays[field.name] = nulls(count, field.type)
    metadata = {**FRAMES.metadata, _METADATA: json.dumps(how, sort_keys=True).encode()}
    return pa.table(arrays, schema=FRAMES.with_metadata(metadata))


def how_made(clip_id: str, store: Store) -> dict[str, Any]:
    """Returns how the pose table of a clip was made; empty if there is none, or it does not say."""
    import pyarrow.parquet as pq

    from popdanceset import layout

    name = layout.poses(clip_id)
    if not store.exists(name):
        return {}
    with store.open_read(name) as file:
        metadata = pq.read_schema(file).metadata or {}
    how: dict[str, Any] = json.loads(metadata.get(_METADATA, b"{}"))
    return how


def verdict_row(item: Item, take: Take, placed: Placed) -> Row:
    """Returns the row of VERDICTS: what the pose stage measures, measured on an imported motion.

    Nobody judged it, so it has neither score nor verdict, and nothing is rejected: a set is imported as its
    authors published it. Quality tiers follow from the numbers.
    """
    count = len(placed.root)
    feet = footing(placed.root, placed.joints, placed.scaling, FPS)
    in_itself = self_penetration(placed.joints)
    source_joints = forward_kinematics(axis_angle_to_matrix(take.poses), placed.scaling)
    scores = placed.columns.get("pred_scores")
    return {
        "clip_id": str(item.clip),
        "bvid": item.clip.bvid,
        "frames": count,
        "detected": count,
        "mean_score": None if scores is None else float(scores[:, :24].mean()),
        "jitter_before": jitter(source_joints, np.arange(len(source_joints)) / take.fps),
        "jitter_after": jitter(placed.joints, np.arange(count) / FPS),
        "estimator": take.estimator,
        "accepted": True,
        "reason": Reason.NONE.value,
        "note": "",
        "score": None,
        "verdict": None,
        "reasons": [],
        "clip_frames": count,
        "longest_gap": None,
        "tilt": 0.0,
        "floor_frames": placed.contacts,
        "contact": feet.contact,
        # Nothing was filtered in time.
        "skate_before": feet.skate,
        "skate_after": feet.skate,
        "skating_before": feet.skating,
        "skating_after": feet.skating,
        "turn": None,
        "penetration": feet.penetration,
        "floating": feet.floating,
        "self_penetration": in_itself.depth,
        "self_penetrating": in_itself.share,
    }


def clip_row(item: Item, kind: str, frames: int, music_path: str) -> Row:
    """Returns the row of CLIPS of an imported clip.

    Where it lies in its video is unknown: times count from its own start.
    """
    return {
        **_labels(item, kind),
        "clip_id": str(item.clip),
        "start": 0.0,
        "end": frames / FPS,
        "frames": frames,
        "music_path": music_path,
        "music_id": item.music_id,
        "accepted": True,
        "reason": Reason.NONE.value,
        "note": None,
    }


def left_out_row(item: Item, kind: str, reason: Reason, note: str) -> Row:
    """Returns the row of CLIPS of a sequence that is left out."""
    return {
        **_labels(item, kind),
        "clip_id": None,
        "start": 0.0,
        "end": 0.0,
        "frames": 0,
        "music_path": "",
        "music_id": "",
        "accepted": False,
        "reason": reason.value,
        "note": note,
    }


def _labels(item: Item, kind: str) -> Row:
    return {
        "bvid": item.clip.bvid,
        "page": item.clip.page,
        "path": "",
        "genre": item.genre,
        "dancer_id": item.dancer_id,
        "source": f"{SOURCE}{kind}",
        "source_name": item.name,
        "published_split": item.published_split,
        "high_quality": item.high_quality,
    }


def _array(values: np.ndarray[Any, Any], dtype: pa.DataType) -> pa.Array:
    """An array (n, …) as a column of numbers or of fixed-size lists; rows with NaN become null."""
    if not pa.types.is_fixed_size_list(dtype):
        return pa.array(values).cast(dtype)
    rows = np.ascontiguousarray(values, np.float32).reshape(len(values), -1)
    missing = np.asarray(~np.isfinite(rows).all(axis=1))
    flat = pa.array(np.where(missing[:, None], 0, rows).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, type=dtype, mask=pa.array(missing))

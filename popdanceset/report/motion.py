"""A clip's poses as motion: arrays folded out of the tables, and the speeds plotted from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from popdanceset.schema import FPS, FRAMES, shape_of
from popdanceset.skeleton import FOOT_JOINTS, SMPL_JOINTS
from popdanceset.store import Store

Floats = NDArray[np.floating[Any]]

COLUMNS = ("coco_keypoints2d", "joints3d", "smpl_trans", "pred_scores")
BEAT_EXTRACTORS, BEAT_COLUMN = ("baseline", "baseline-corrected"), -1
"""What the features that know of beats are called, and their column of beats."""


@dataclass(frozen=True, slots=True)
class Motion:
    """Poses of a clip of T frames at 30 fps, and the beats of its music.

    Attributes:
        keypoints: (T, 17, 2) COCO joints, pixels of the clip.
        joints: (T, 24, 3) SMPL joints relative to the root, metres, z up.
        root: (T, 3) metres, z up.
        scores: (T, 24) confidence of the SMPL joints.
        beats: numbers of the frames with a beat; None if no music features tell of them.
    """

    keypoints: Floats
    joints: Floats
    root: Floats
    scores: Floats
    beats: NDArray[np.intp] | None

    @property
    def times(self) -> Floats:
        """(T,) seconds."""
        return np.arange(len(self.root)) / FPS

    @property
    def joint_scores(self) -> Floats:
        """(24,) mean confidence of each joint."""
        return np.asarray(self.scores.mean(axis=0))

    @property
    def weakest_joint(self) -> tuple[str, float]:
        """The SMPL joint with the smallest mean confidence."""
        joint = int(self.joint_scores.argmin())
        return SMPL_JOINTS[joint], float(self.joint_scores[joint])

    def speeds(self) -> tuple[Floats, Floats]:
        """Mean speed of the feet and of all joints in the world, (T,) each, m/s; central differences."""
        world = self.joints + self.root[:, None]
        if len(world) < 2:
            return np.zeros(len(world)), np.zeros(len(world))
        speed = np.linalg.norm(np.gradient(world, 1 / FPS, axis=0), axis=-1)
        return speed[:, list(FOOT_JOINTS)].mean(axis=1), speed.mean(axis=1)


def read_motion(store: Store, clip_id: str) -> Motion | None:
    """The poses of a clip with its beats; None if there are no poses yet, or no row of them.

    Raises:
        SchemaError: the table is damaged.
    """
    name = f"poses/{clip_id}.parquet"
    if not store.exists(name):
        return None
    table = store.read_table(name, FRAMES, [*COLUMNS, "frame_index"]).sort_by("frame_index")
    if not len(table):
        return None
    arrays = {column: fold(table, column) for column in COLUMNS}
    return Motion(
        keypoints=arrays["coco_keypoints2d"],
        joints=arrays["joints3d"],
        root=arrays["smpl_trans"],
        scores=arrays["pred_scores"][:, :24],
        beats=_beats(store, clip_id),
    )


def fold(table: pa.Table, column: str) -> Floats:
    """A column of arrays as (rows, *shape)."""
    shape = shape_of(FRAMES.field(column))
    return np.asarray(table[column].combine_chunks().flatten().to_numpy()).reshape(-1, *shape)


def _beats(store: Store, clip_id: str) -> NDArray[np.intp] | None:
    names = (f"music/{extractor}/{clip_id}.parquet" for extractor in BEAT_EXTRACTORS)
    name = next((name for name in names if store.exists(name)), None)
    if name is None:
        return None
    with store.open_read(name) as file:
        table = pq.read_table(file, columns=["features"])
    features = table["features"].combine_chunks()
    width = features.type.list_size
    return np.flatnonzero(features.flatten().to_numpy().reshape(-1, width)[:, BEAT_COLUMN] > 0.5)

"""Poses of one clip as arrays, and the speeds that are plotted from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from popdanceset import layout
from popdanceset.schema import FPS, FRAMES, shape_of
from popdanceset.skeleton import FOOT_JOINTS, SMPL_JOINTS
from popdanceset.store import Store
from popdanceset.tables import fold

Floats = NDArray[np.floating[Any]]

COLUMNS = ("coco_keypoints2d", "joints3d", "smpl_trans", "pred_scores")
BEAT_EXTRACTORS, BEAT_COLUMN = ("baseline", "baseline-corrected"), -1
"""The feature extractors that mark beats, and the column in which they do."""


@dataclass(frozen=True, slots=True)
class ClipPoses:
    """Poses of a clip of T frames at 30 fps, and the beats of its music.

    Attributes:
        keypoints: (T, 17, 2) COCO joints, pixels of the clip.
        joints: (T, 24, 3) SMPL joints relative to the root, metres, z up.
        root: (T, 3) metres, z up.
        scores: (T, 24) confidence of the SMPL joints.
        beats: indices of the frames with a beat; None if the store has no music features that mark beats.
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
        """The SMPL joint with the smallest mean confidence, and that confidence."""
        joint = int(self.joint_scores.argmin())
        return SMPL_JOINTS[joint], float(self.joint_scores[joint])

    def speeds(self) -> tuple[Floats, Floats]:
        """Returns the mean speeds of the feet and of all joints in the world, (T,) each, m/s.

        The speeds are central differences.
        """
        world = self.joints + self.root[:, None]
        if len(world) < 2:
            return np.zeros(len(world)), np.zeros(len(world))
        speed = np.linalg.norm(np.gradient(world, 1 / FPS, axis=0), axis=-1)
        return speed[:, list(FOOT_JOINTS)].mean(axis=1), speed.mean(axis=1)


def read_poses(store: Store, clip_id: str) -> ClipPoses | None:
    """Reads the poses of a clip with its beats; None if it has no pose table yet, or an empty one.

    Raises:
        SchemaError: the table is damaged.
    """
    name = layout.poses(clip_id)
    if not store.exists(name):
        return None
    table = store.read_table(name, FRAMES, [*COLUMNS, "frame_index"]).sort_by("frame_index")
    if not len(table):
        return None
    arrays = {column: fold(table[column], shape_of(FRAMES.field(column))) for column in COLUMNS}
    return ClipPoses(
        keypoints=arrays["coco_keypoints2d"],
        joints=arrays["joints3d"],
        root=arrays["smpl_trans"],
        scores=arrays["pred_scores"][:, :24],
        beats=read_beats(store, clip_id),
    )


def read_beats(store: Store, clip_id: str) -> NDArray[np.intp] | None:
    """Returns the frames with a beat; None if the store has no music features of the clip that mark beats.

    Raises:
        StoreError: the features are not readable.
    """
    names = (layout.music_features(clip_id, extractor) for extractor in BEAT_EXTRACTORS)
    name = next((name for name in names if store.exists(name)), None)
    if name is None:
        return None
    with store.open_read(name) as file:
        features = pq.read_table(file, columns=["features"])["features"]
    return np.flatnonzero(fold(features, (features.type.list_size,))[:, BEAT_COLUMN] > 0.5)

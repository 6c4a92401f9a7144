"""The accuracy of the demo's poses, whose truth is known because the dances were rendered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from popdanceset import layout
from popdanceset.motion.accuracy import pa_mpjpe
from popdanceset.schema import CLIPS, FPS, FRAMES
from popdanceset.simulator.casting import MEDIA_FOLDER
from popdanceset.skeleton import LIMB_JOINTS
from popdanceset.tables import fold_column

if TYPE_CHECKING:
    from popdanceset.simulator.records import SimulatedVideo
    from popdanceset.store import Store


def measure_accuracy(store: Store, section: list[SimulatedVideo]) -> list[dict[str, Any]]:
    """Compares the extracted joints with the truth, for clips of the dances whose truth is known.

    Returns:
        One row a clip, ordered by id: `clip_id`, `frames`, and `pa_mpjpe_mm` over the 12 limb joints.
    """
    truths = {video.bvid: MEDIA_FOLDER / f"{video.media}_truth.npz" for video in section}
    rows = []
    for clip in store.read_table(layout.CLIPS, CLIPS).to_pylist():
        truth_file, name = truths[clip["bvid"]], layout.poses(clip["clip_id"] or "-")
        if not clip["accepted"] or not truth_file.is_file() or not store.exists(name):
            continue
        joints = fold_column(store.read_table(name, FRAMES, columns=["joints3d"]), "joints3d")[:, LIMB_JOINTS]
        with np.load(truth_file) as archive:
            truth = archive["J"][round(clip["start"] * FPS) :][: len(joints)].astype(float)
        error = 1000 * pa_mpjpe(joints[: len(truth)].astype(float), truth)
        rows.append({"clip_id": clip["clip_id"], "frames": len(truth), "pa_mpjpe_mm": error})
    return sorted(rows, key=lambda row: str(row["clip_id"]))

"""From what an estimator saw to the rows of a pose table: smoothed, at 30 frames a second, on the floor."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hybrik_runner.accuracy import jitter
from hybrik_runner.camera import to_world
from hybrik_runner.kinematics import forward
from hybrik_runner.resample import Grid, grid
from hybrik_runner.smoothing import smooth, smooth_rotations
from popdanceset.schema import FPS, FRAMES, conform
from popdanceset.skeleton import FOOT_JOINTS

if TYPE_CHECKING:
    from hybrik_runner.estimator import Poses

Floats = NDArray[np.float64]

_DEPTH_SIGMA = 0.2
"""Seconds. The distance from the camera is what a single view tells least surely, and changes slowest."""

_FLOOR_SHARE = 0.02
"""Share of the frames whose lowest foot may lie below the floor, so that one bad frame cannot move it."""


@dataclass(frozen=True, slots=True)
class Quality:
    """What is known of a pose table beside its rows.

    Attributes:
        pictures, found: of the source, and in how many of them the dancer was found.
        frames, detected: rows at 30 fps, and how many of them were not filled in.
        longest_gap: seconds that had to be filled in at a stretch.
        mean_score: of the 24 joints over the detected rows, 0..1.
        jitter_before, jitter_after: mean joint acceleration about the root without and with every filter in
            time, both at the source's own pictures, m/s².
    """

    pictures: int = 0
    found: int = 0
    frames: int = 0
    detected: int = 0
    longest_gap: float = 0.0
    mean_score: float = 0.0
    jitter_before: float = 0.0
    jitter_after: float = 0.0
    table: pa.Table | None = field(default=None, repr=False, compare=False)


def build(clip_id: str, poses: Poses, estimator: str, smoothing: float) -> Quality:
    """The pose table of a clip (schema FRAMES) and its quality; no table if the dancer was never found.

    Rotations are averaged in SO(3) over a Gaussian window, then everything is brought to 30 fps: rotations
    along great arcs, the rest in straight lines. Pictures without the dancer are filled in the same way;
    those rows have scores of 0 and nothing observed. `joints3d` is the forward kinematics of the rows' own
    `smpl_poses`. The world's origin lies on the floor below the root of the first row.

    Args:
        clip_id: for every row.
        poses: what the estimator saw.
        estimator: its name, for every row.
        smoothing: the window's standard deviation, seconds; 0 for none.
    """
    poses = poses.finite()
    times = poses.times
    if not len(times):
        return Quality()
    if not poses.found.any():
        count = int(np.floor((times[-1] + 5e-4) * FPS)) + 1
        return Quality(pictures=len(times), frames=count, longest_gap=count / FPS)

    own = times[poses.found]
    smoothed = replace(
        poses,
        rotations=smooth_rotations(poses.rotations, own, smoothing),
        coco3d=smooth(poses.coco3d, own, smoothing),
        cam_root=_smooth_root(poses.cam_root, own, smoothing),
    )
    even = grid(times, poses.found, FPS)
    table = _rows(clip_id, smoothed, estimator, even)
    scores = smoothed.scores[:, :24].mean(1)
    return Quality(
        pictures=len(times),
        found=int(poses.found.sum()),
        frames=len(even.times),
        detected=int(even.seen.sum()),
        longest_gap=even.longest_gap(),
        mean_score=float(scores.mean()),
        jitter_before=jitter(poses.unfiltered, own),
        jitter_after=jitter(forward(smoothed.rotations, poses.scaling), own),
        table=table,
    )


def _smooth_root(root: Floats, times: Floats, sigma: float) -> Floats:
    """(n, 3) camera axes: the direction smoothed as the pose is, the distance along the axis over longer."""
    if sigma <= 0:
        return root
    across = smooth(root[:, :2] / root[:, 2:], times, sigma)
    depth = smooth(root[:, 2:], times, max(_DEPTH_SIGMA, sigma))
    return np.concatenate([across * depth, depth], axis=1)


def _rows(clip_id: str, poses: Poses, estimator: str, even: Grid) -> pa.Table:
    count = len(even.times)
    matrices = even.slerp(poses.rotations)
    vectors = Rotation.from_matrix(matrices.reshape(-1, 3, 3)).as_rotvec().astype(np.float32)
    rotations = Rotation.from_rotvec(vectors.astype(np.float64)).as_matrix().reshape(count, 24, 3, 3)
    scaling = float(np.float32(poses.scaling))
    joints = forward(rotations, scaling)
    cam_root = even.linear(poses.cam_root)
    columns = {
        "smpl_poses": vectors,
        "smpl_trans": on_floor(to_world(cam_root), joints),
        "smpl_scaling": np.full(count, scaling),
        "joints3d": joints,
        "coco_keypoints3d": even.linear(poses.coco3d),
        "coco_keypoints2d": even.linear(poses.coco2d),
        "pred_scores": np.clip(even.linear(poses.scores) * even.seen[:, None], 0, 1),
        "pred_camera": even.linear(poses.camera),
        "cam_root": cam_root,
        "bbox": even.linear(poses.bbox),
        "observed": even.both(poses.observed),
    }
    arrays = {name: _folded(name, values) for name, values in columns.items()}
    return conform(
        pa.table(
            {
                "clip_id": pa.array([clip_id] * count),
                "frame_index": pa.array(np.arange(count, dtype=np.int32)),
                "timestamp": pa.array(even.times),
                **arrays,
                "estimator": pa.array([estimator] * count).dictionary_encode(),
            }
        ),
        FRAMES,
        clip_id,
    )


def on_floor(root: Floats, joints: Floats) -> Floats:
    """Root positions (n, 3) moved so that the floor is at z = 0 and the first one lies above the origin.

    Args:
        root: (n, 3) world axes.
        joints: (n, 24, 3) relative to the root.
    """
    lowest = (root[:, None] + joints[:, FOOT_JOINTS])[..., 2].min(1)
    floor = np.quantile(lowest, _FLOOR_SHARE, method="lower")
    moved: Floats = root - np.array([root[0, 0], root[0, 1], floor])
    return moved


def _folded(name: str, values: NDArray[np.generic]) -> pa.Array:
    """An array (n, …) as a column of fixed-size lists."""
    dtype = FRAMES.field(name).type
    flat = np.ascontiguousarray(values).reshape(-1)
    if dtype.value_type == pa.float32():
        flat = flat.astype(np.float32)
    return pa.FixedSizeListArray.from_arrays(pa.array(flat), type=dtype)

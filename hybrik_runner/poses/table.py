"""From what an estimator saw to the rows of a pose table: smoothed, at 30 frames a second, on the floor."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from hybrik_runner.poses import floor
from hybrik_runner.poses.accuracy import jitter
from hybrik_runner.poses.camera import to_world
from hybrik_runner.poses.forward_kinematics import forward_kinematics
from hybrik_runner.poses.resample import Grid, grid
from hybrik_runner.poses.smoothing import smooth, smooth_rotations
from hybrik_runner.rotations.arrays import axis_angle_to_matrix, matrix_to_axis_angle
from popdanceset.schema import FPS, FRAMES
from popdanceset.tables import conform

if TYPE_CHECKING:
    from hybrik_runner.estimator import Poses
    from popdanceset.settings import Settings

Floats = NDArray[np.float64]

_DEPTH_SIGMA = 0.2
"""Seconds. The distance from the camera is what a single view tells least surely, and changes slowest."""

_METADATA = b"extraction"
"""Key of the table's metadata that holds how it was made, as JSON."""


@dataclass(frozen=True, slots=True)
class Quality:
    """What is known of a pose table beside its rows.

    Attributes:
        pictures, found: of the source, and in how many of them the dancer was found.
        people: how many dancers were seen at once, median over the looks round; 1 where nobody counted.
        clip_frames: of the whole clip at 30 fps.
        frames, detected: rows at 30 fps, and how many of them were not filled in. Fewer than the clip has if
            a long gap ended it.
        longest_gap: seconds that had to be filled in at a stretch.
        mean_score: of the 24 joints over the detected rows, 0..1.
        jitter_before, jitter_after: mean joint acceleration about the root without and with every filter in
            time, both at the source's own pictures, m/s².
        before, after: how the feet stand on the floor, without and with every filter.
        tilt: by which the camera's view was turned to make the floor level, degrees.
        contacts: rows that showed the floor.
    """

    pictures: int = 0
    found: int = 0
    people: float = 1.0
    clip_frames: int = 0
    frames: int = 0
    detected: int = 0
    longest_gap: float = 0.0
    mean_score: float = 0.0
    jitter_before: float = 0.0
    jitter_after: float = 0.0
    before: floor.Footing = field(default_factory=floor.Footing)
    after: floor.Footing = field(default_factory=floor.Footing)
    tilt: float = 0.0
    contacts: int = 0
    table: pa.Table | None = field(default=None, repr=False, compare=False)


def build(clip_id: str, poses: Poses, estimator: str, settings: Settings) -> Quality:
    """The pose table of a clip (schema FRAMES) and its quality; no table if the dancer was never found.

    A gap longer than `pose.longest_gap` ends the clip: the table then holds what lies before, if that is at
    least `clips.min_seconds` long. Nothing that comes after is kept, however long, for frames count from the
    clip's start and its music with them. If too little lies before, all rows are kept for whoever looks into
    it, and the gap with them.

    Rotations are averaged in SO(3) over a Gaussian window, then everything is brought to 30 fps: rotations
    along great arcs, the rest in straight lines. Pictures without the dancer are filled in the same way;
    those rows have scores of 0 and nothing observed. `joints3d` is the forward kinematics of the rows' own
    `smpl_poses`. The world's origin lies on the floor (`hybrik_runner.poses.floor`) below the root of the
    first row. How all this was done stands in the table's metadata as JSON, under `extraction`.

    Args:
        clip_id: for every row.
        poses: what the estimator saw.
        estimator: its name, for every row.
        settings: those of `pose` count, and `clips.min_seconds`.
    """
    poses = poses.finite()
    times = poses.times
    if not len(times):
        return Quality()
    whole = Quality(pictures=len(times), found=int(poses.found.sum()), people=poses.people)
    if not poses.found.any():
        count = int(np.floor((times[-1] + 5e-4) * FPS)) + 1
        return replace(whole, clip_frames=count, frames=count, longest_gap=count / FPS)

    even = grid(times, poses.found, FPS)
    clip_frames = len(even.times)
    stretch = even.until_gap(settings.pose.longest_gap)
    if stretch < clip_frames and stretch / FPS >= settings.clips.min_seconds:
        poses = _first(poses, int(even.high[stretch - 1]) + 1)
        times, even = poses.times, grid(poses.times, poses.found, FPS)

    sigma = settings.pose.smoothing
    own = times[poses.found]
    smoothed = replace(
        poses,
        rotations=smooth_rotations(poses.rotations, own, sigma),
        coco3d=smooth(poses.coco3d, own, sigma),
        cam_root=_smooth_root(poses.cam_root, own, sigma),
    )
    joints = forward_kinematics(smoothed.rotations, poses.scaling)
    rough = floor.ground(
        even.linear(to_world(poses.cam_root)), even.linear(poses.unfiltered), poses.scaling, FPS, even.seen
    )
    unfiltered = even.linear(poses.unfiltered) @ rough.turn.T
    ground = floor.ground(
        to_world(even.linear(smoothed.cam_root)), even.linear(joints), poses.scaling, FPS, even.seen
    )
    level = replace(
        smoothed,
        rotations=np.concatenate(
            [ground.turn @ smoothed.rotations[:, :1], smoothed.rotations[:, 1:]], axis=1
        ),
        coco3d=smoothed.coco3d @ ground.turn.T,
    )
    table, rows = _rows(clip_id, level, ground.root, estimator, even)
    made = {
        "estimator": estimator,
        "smoothing": {"method": "gaussian window, chordal mean in SO(3)", "sigma_s": sigma},
        "smoothing_depth_sigma_s": max(_DEPTH_SIGMA, sigma) if sigma > 0 else 0.0,
        "floor": {
            "method": floor.METHOD,
            "contacts": ground.contacts,
            "tilt_deg": round(ground.tilt, 3),
            "camera_to_world": np.round(ground.turn, 9).tolist(),
        },
        "frames": {"clip": clip_frames, "kept": len(even.times)},
    }
    metadata = {**FRAMES.metadata, _METADATA: json.dumps(made, sort_keys=True).encode()}
    return replace(
        whole,
        clip_frames=clip_frames,
        frames=len(even.times),
        detected=int(even.seen.sum()),
        longest_gap=even.longest_gap(),
        mean_score=float(smoothed.scores[:, :24].mean()),
        jitter_before=jitter(poses.unfiltered, own),
        jitter_after=jitter(joints, own),
        before=floor.footing(rough.root, unfiltered, poses.scaling, FPS, even.seen),
        after=floor.footing(ground.root, rows, poses.scaling, FPS, even.seen),
        tilt=ground.tilt,
        contacts=ground.contacts,
        table=table.replace_schema_metadata(metadata),
    )


def extraction(table: pa.Table) -> dict[str, Any]:
    """How a pose table was made; empty if it does not say."""
    made: dict[str, Any] = json.loads((table.schema.metadata or {}).get(_METADATA, b"{}"))
    return made


def _first(poses: Poses, kept: int) -> Poses:
    """The same up to the picture in which the dancer was found for the so-and-so-many-th time."""
    last = int(np.flatnonzero(poses.found)[kept - 1]) + 1
    whole = {"times", "found", "size", "scaling", "people"}
    names = [f.name for f in fields(poses) if f.name not in whole]
    parts = {name: getattr(poses, name)[:kept] for name in names}
    return replace(poses, times=poses.times[:last], found=poses.found[:last], **parts)


def _smooth_root(root: Floats, times: Floats, sigma: float) -> Floats:
    """(n, 3) camera axes: the direction smoothed as the pose is, the distance along the axis over longer."""
    if sigma <= 0:
        return root
    across = smooth(root[:, :2] / root[:, 2:], times, sigma)
    depth = smooth(root[:, 2:], times, max(_DEPTH_SIGMA, sigma))
    return np.concatenate([across * depth, depth], axis=1)


def _rows(clip_id: str, poses: Poses, root: Floats, estimator: str, even: Grid) -> tuple[pa.Table, Floats]:
    """The table, and its `joints3d` in double precision."""
    count = len(even.times)
    vectors = matrix_to_axis_angle(even.slerp(poses.rotations)).astype(np.float32)
    rotations = axis_angle_to_matrix(vectors.astype(np.float64))
    scaling = float(np.float32(poses.scaling))
    joints = forward_kinematics(rotations, scaling)
    columns: dict[str, NDArray[Any]] = {
        "smpl_poses": vectors,
        "smpl_trans": root,
        "smpl_scaling": np.full(count, scaling),
        "joints3d": joints,
        "coco_keypoints3d": even.linear(poses.coco3d),
        "coco_keypoints2d": even.linear(poses.coco2d),
        "pred_scores": np.clip(even.linear(poses.scores) * even.seen[:, None], 0, 1),
        "pred_camera": even.linear(poses.camera),
        "cam_root": even.linear(poses.cam_root),
        "bbox": even.linear(poses.bbox),
        "observed": even.both(poses.observed),
    }
    arrays = {name: _folded(name, values) for name, values in columns.items()}
    table = conform(
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
    return table, joints


def _folded(name: str, values: NDArray[np.generic]) -> pa.Array:
    """An array (n, …) as a column of fixed-size lists."""
    dtype = FRAMES.field(name).type
    flat = np.ascontiguousarray(values).reshape(-1)
    if dtype.value_type == pa.float32():
        flat = flat.astype(np.float32)
    return pa.FixedSizeListArray.from_arrays(pa.array(flat), type=dtype)

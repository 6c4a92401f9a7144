"""From what an estimator saw to the rows of a pose table: smoothed, at 30 frames a second, on the floor."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from hybrik_runner.poses.camera import Calibration, to_world
from hybrik_runner.poses.fitting.clip import METHOD as FITTING
from hybrik_runner.poses.fitting.clip import fitted
from hybrik_runner.poses.framing import LEGS, Orientation, body_axes, orientation, seen_limbs, unseen
from hybrik_runner.poses.sides import restored
from hybrik_runner.poses.smoothing import smooth, smooth_rotations
from popdanceset.motion import floor
from popdanceset.motion.accuracy import jitter
from popdanceset.motion.body.self_penetration import SelfPenetration, self_penetration
from popdanceset.motion.camera import ASSUMED, LINES, Camera
from popdanceset.motion.foot_locking import METHOD as LOCKING
from popdanceset.motion.foot_locking import lock
from popdanceset.motion.forward_kinematics import forward_kinematics
from popdanceset.motion.resample import Grid, grid
from popdanceset.rotations.arrays import axis_angle_to_matrix, matrix_to_axis_angle
from popdanceset.schema import FPS, FRAMES
from popdanceset.skeleton import FOOT_JOINTS

if TYPE_CHECKING:
    from hybrik_runner.estimator import Poses
    from popdanceset.settings import Settings

Floats = NDArray[np.float64]

_DEPTH_SIGMA = 0.2
"""Seconds. A single view determines the distance from the camera least well, and it changes slowest."""

_METADATA = b"extraction"
"""Key of the table's metadata that holds how it was made, as JSON."""
_PUT_BACK = "left_and_right_put_back"
"""Its entry with the rows whose left and right were exchanged and put back."""
_CAMERA = "camera"
"""Its entry with what is known of the camera."""


@dataclass(frozen=True, slots=True)
class Quality:
    """A pose table, and what is known of it in addition to its rows.

    Attributes:
        source_frames, found: frames of the source, and in how many of them the dancer was found.
        people: how many dancers were seen at once, median over the counts; 1 if nobody counted.
        clip_frames: rows that the whole clip has at 30 fps.
        frames, detected: rows at 30 fps, and how many of them were not filled in. Fewer than the clip has if
            a long gap ended it.
        longest_gap: seconds of the longest run of rows that had to be filled in.
        mean_score: mean confidence of the 24 joints over the detected rows, 0..1.
        jitter_before, jitter_after: mean joint acceleration about the root without and with every filter in
            time, both at the source's own frames, m/s².
        before, after: how the feet stand on the floor, without and with every filter.
        tilt: angle by which the camera's view was turned to make the floor level, degrees.
        camera: that took the clip; None if the dancer was never found.
        contacts: rows that showed the floor.
        root_moved: mean distance by which the root was moved so that feet stand, metres.
        feet_moved: mean distance by which the legs moved feet in contact, metres.
        feet_left: mean distance of feet in contact from where they stand, beyond the legs' reach, metres.
        in_itself: how deep limbs are in the body or in each other, in the rows.
        orientation: which way up the dancer is in the frames.
        unseen: limbs that are unseen in most frames.
        exchanged: times of frames in which left and right were exchanged and put back, seconds.
        depth_reversed: those of them in which depths were reversed too.
        meetings: times from which on the poses may be somebody else's, seconds.
        second_looks: frames of the source in which a second, heavier network looked.
        table: the pose table; None if the dancer was never found.
    """

    source_frames: int = 0
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
    camera: Camera | None = field(default=None, compare=False)
    contacts: int = 0
    root_moved: float = 0.0
    feet_moved: float = 0.0
    feet_left: float = 0.0
    in_itself: SelfPenetration = field(default_factory=SelfPenetration)
    orientation: Orientation = field(default_factory=Orientation)
    unseen: tuple[str, ...] = ()
    exchanged: tuple[float, ...] = ()
    depth_reversed: tuple[float, ...] = ()
    meetings: tuple[float, ...] = ()
    second_looks: int = 0
    table: pa.Table | None = field(default=None, repr=False, compare=False)


def build(clip_id: str, poses: Poses, estimator: str, settings: Settings) -> Quality:
    """Builds the pose table of a clip (schema FRAMES) and measures its quality.

    A gap longer than `pose.longest_gap` ends the clip: the table then holds what comes before, if that is at
    least `clips.min_seconds` long. Nothing that comes after is kept, however long, because frames count from
    the clip's start and so does its music. If too little comes before, all rows are kept for a reviewer, and
    the gap with them.

    Rotations are averaged in SO(3) over a Gaussian window and, unless `pose.fitting` is off, fitted to the
    keypoints of all frames (`hybrik_runner.poses.fitting`); then everything is resampled to 30 fps: rotations
    along great arcs, the rest linearly. Frames without the dancer are filled in the same way; those rows have
    scores of 0 and nothing observed. `joints3d` is the forward kinematics of the rows' own `smpl_poses`. The
    world's origin lies on the floor (`popdanceset.motion.floor`) below the root of the first row, and feet on
    it stand (`popdanceset.motion.foot_locking`) unless `pose.feet` is off. How all this was done is recorded
    in the table's metadata as JSON, under `extraction`.

    Args:
        clip_id: for every row.
        poses: what the estimator saw.
        estimator: its name, for every row.
        settings: those of `pose` count, and `clips.min_seconds`.
    """
    poses = restored(poses.finite())
    times = poses.times
    if not len(times):
        return Quality()
    whole = Quality(
        source_frames=len(times),
        found=int(poses.found.sum()),
        people=poses.people,
        meetings=poses.meetings,
        second_looks=poses.second_looks,
    )
    if not poses.found.any():
        count = int(np.floor((times[-1] + 5e-4) * FPS)) + 1
        return replace(whole, clip_frames=count, frames=count, longest_gap=count / FPS)

    even = grid(times, poses.found, FPS)
    clip_frames = len(even.times)
    before_gap = even.until_gap(settings.pose.longest_gap)
    if before_gap < clip_frames and before_gap / FPS >= settings.clips.min_seconds:
        poses = poses.first(int(even.high[before_gap - 1]) + 1)
        times, even = poses.times, grid(poses.times, poses.found, FPS)

    seen = seen_limbs(poses.scores, poses.keypoints2d, poses.calibration.size)
    sigma = settings.pose.smoothing
    source_times = times[poses.found]
    smoothed = replace(
        poses,
        rotations=smooth_rotations(poses.rotations, source_times, sigma),
        keypoints3d=smooth(poses.keypoints3d, source_times, sigma),
        cam_root=_smooth_root(poses.cam_root, source_times, sigma),
    )
    fitting = "off"
    if settings.pose.fitting == "clip":
        fit = fitted(poses, smoothed)
        fitting = "off" if fit is smoothed else FITTING
        smoothed = fit
    calibration = poses.calibration
    up = None if calibration.up is None else to_world(np.array(calibration.up))
    joints = forward_kinematics(smoothed.rotations, smoothed.scaling)
    unfiltered = even.linear(poses.unfiltered_joints3d)
    rough = floor.ground(even.linear(to_world(poses.cam_root)), unfiltered, poses.scaling, FPS, even.seen, up)
    ground = floor.ground(
        to_world(even.linear(smoothed.cam_root)), even.linear(joints), smoothed.scaling, FPS, even.seen, up
    )
    level = replace(
        smoothed,
        rotations=np.concatenate(
            [ground.turn @ smoothed.rotations[:, :1], smoothed.rotations[:, 1:]], axis=1
        ),
        keypoints3d=smoothed.keypoints3d @ ground.turn.T,
    )
    rotations, root = even.slerp(level.rotations), ground.root
    root_moved = feet_moved = feet_left = 0.0
    if settings.pose.feet == "lock":
        confidence = even.linear(poses.scores)[:, FOOT_JOINTS] * even.seen[:, None]
        locked = lock(rotations, root, smoothed.scaling, FPS, confidence)
        rotations, root = locked.rotations, locked.root - locked.root[0] * [1.0, 1.0, 0.0]
        root_moved = float(locked.root_moved.mean())
        if locked.contacts.any():
            feet_moved = float(locked.feet_moved[locked.contacts].mean())
            feet_left = float(locked.left[locked.contacts].mean())
    table, row_joints = _rows(clip_id, level, rotations, root, estimator, even)
    exchanged = until(poses.exchanged, times[-1])
    camera = _camera(calibration, ground.turn)
    extraction = {
        "estimator": estimator,
        "smoothing": {"method": "gaussian window, chordal mean in SO(3)", "sigma_s": sigma},
        "fitting": fitting,
        _CAMERA: {
            "size": list(calibration.size),
            "focal_length": camera.focal_length,
            "focal_length_from": camera.focal_length_from,
            "up": None if calibration.up is None else np.round(calibration.up, 6).tolist(),
        },
        "smoothing_depth_sigma_s": max(_DEPTH_SIGMA, sigma) if sigma > 0 else 0.0,
        "floor": {
            "method": floor.METHOD,
            "contacts": ground.contacts,
            "tilt_deg": round(ground.tilt, 3),
            "camera_to_world": np.round(ground.turn, 9).tolist(),
        },
        "feet": {"method": LOCKING if settings.pose.feet == "lock" else "off"},
        "frames": {"clip": clip_frames, "kept": len(even.times)},
        "second_looks": poses.second_looks,
        _PUT_BACK: sorted({int(np.abs(even.times - time).argmin()) for time in exchanged}),
    }
    metadata = {**FRAMES.metadata, _METADATA: json.dumps(extraction, sort_keys=True).encode()}
    return replace(
        whole,
        clip_frames=clip_frames,
        frames=len(even.times),
        detected=int(even.seen.sum()),
        longest_gap=even.longest_gap(),
        mean_score=float(smoothed.scores[:, :24].mean()),
        jitter_before=jitter(poses.unfiltered_joints3d, source_times),
        jitter_after=jitter(joints, source_times),
        before=floor.footing(rough.root, unfiltered @ rough.turn.T, poses.scaling, FPS, even.seen),
        after=floor.footing(root, row_joints, smoothed.scaling, FPS, even.seen),
        tilt=ground.tilt,
        camera=camera,
        contacts=ground.contacts,
        root_moved=root_moved,
        feet_moved=feet_moved,
        feet_left=feet_left,
        in_itself=self_penetration(row_joints),
        orientation=poses.orientation
        or orientation(body_axes(poses.keypoints2d, np.asarray(seen[:, LEGS].any(1)))),
        unseen=unseen(seen),
        exchanged=exchanged,
        depth_reversed=until(poses.depth_reversed, times[-1]),
        meetings=until(poses.meetings, times[-1]),
        table=table.replace_schema_metadata(metadata),
    )


def until(moments: tuple[float, ...], end: float) -> tuple[float, ...]:
    """Returns those moments that are not after the end."""
    return tuple(time for time in moments if time <= end)


def put_back(table: pa.Table) -> list[int]:
    """Returns the rows of a pose table in which left and right were exchanged and put back, ascending."""
    return list(extraction(table).get(_PUT_BACK, []))


def extraction(table: pa.Table) -> dict[str, Any]:
    """Returns how a pose table was made, from its metadata; empty if it has none."""
    extraction: dict[str, Any] = json.loads((table.schema.metadata or {}).get(_METADATA, b"{}"))
    return extraction


def with_turn(table: pa.Table, degrees: int) -> pa.Table:
    """Returns a pose table that states by how many degrees clockwise the frames were turned before anything
    was looked for in them."""
    known = json.dumps({**extraction(table), "turn": degrees}, sort_keys=True).encode()
    return table.replace_schema_metadata({**table.schema.metadata, _METADATA: known})


def turn_of(table: pa.Table) -> int:
    """Returns what `with_turn` stated; 0 if nothing did."""
    return int(extraction(table).get("turn", 0))


def camera_of(table: pa.Table, size: tuple[int, int]) -> Camera:
    """Returns the camera that took the clip of a pose table, for frames of a size (width, height)."""
    turn = extraction(table).get("floor", {}).get("camera_to_world", np.eye(3))
    return _camera(calibration_of(table, size), np.array(turn, np.float64))


def _camera(calibration: Calibration, turn: Floats) -> Camera:
    """The camera after the floor was made level by a rotation (3, 3) of world axes."""
    return Camera(
        calibration.size,
        round(calibration.focal_length, 2),
        LINES if calibration.focal_length_seen else ASSUMED,
        np.round(turn @ to_world(np.eye(3)).T, 9),
    )


def calibration_of(table: pa.Table, size: tuple[int, int]) -> Calibration:
    """Returns the camera with which the poses of a table were found, for frames of a size (width, height). A
    table that does not state it was made with the assumed one."""
    assumed, known = Calibration.assumed(size), extraction(table).get(_CAMERA)
    if known is None:
        return assumed
    enlarged = assumed.focal_length / float(np.hypot(*known["size"]))
    up = None if known["up"] is None else tuple(known["up"])
    return Calibration(size, enlarged * known["focal_length"], up, known["focal_length_from"] == LINES)


def _smooth_root(root: Floats, times: Floats, sigma: float) -> Floats:
    """(n, 3) camera axes: the direction smoothed as the pose is, the distance along the axis over longer."""
    if sigma <= 0:
        return root
    across = smooth(root[:, :2] / root[:, 2:], times, sigma)
    depth = smooth(root[:, 2:], times, max(_DEPTH_SIGMA, sigma))
    return np.concatenate([across * depth, depth], axis=1)


def _rows(
    clip_id: str, poses: Poses, rotations: Floats, root: Floats, estimator: str, even: Grid
) -> tuple[pa.Table, Floats]:
    """The table, which conforms to FRAMES by construction (`Store.write_table` checks it), and its `joints3d`
    in double precision. Rotations and root are those of the rows, everything else that of the poses."""
    count = len(even.times)
    smpl_poses = matrix_to_axis_angle(rotations).astype(np.float32)
    scaling = float(np.float32(poses.scaling))
    joints = forward_kinematics(axis_angle_to_matrix(smpl_poses.astype(np.float64)), scaling)
    columns: dict[str, NDArray[Any]] = {
        "frame_index": np.arange(count),
        "timestamp": even.times,
        "smpl_poses": smpl_poses,
        "smpl_trans": root,
        "smpl_scaling": np.full(count, scaling),
        "joints3d": joints,
        "coco_keypoints3d": even.linear(poses.keypoints3d),
        "coco_keypoints2d": even.linear(poses.keypoints2d),
        "pred_scores": np.clip(even.linear(poses.scores) * even.seen[:, None], 0, 1),
        "pred_camera": even.linear(poses.camera),
        "cam_root": even.linear(poses.cam_root),
        "bbox": even.linear(poses.bbox),
        "observed": even.both(poses.observed),
    }
    names = {"clip_id": clip_id, "estimator": estimator}
    arrays = {
        column.name: pa.array([names[column.name]] * count).cast(column.type)
        if column.name in names
        else _array(columns[column.name], column.type)
        for column in FRAMES
    }
    return pa.table(arrays, schema=FRAMES), joints


def _array(values: NDArray[Any], dtype: pa.DataType) -> pa.Array:
    """An array (n, …) as a column of numbers or of fixed-size lists."""
    if not pa.types.is_fixed_size_list(dtype):
        return pa.array(values).cast(dtype)
    flat = np.ascontiguousarray(values).reshape(-1)
    if dtype.value_type == pa.float32():
        flat = flat.astype(np.float32)
    return pa.FixedSizeListArray.from_arrays(pa.array(flat), type=dtype)

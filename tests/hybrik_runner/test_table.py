"""The pose table: consistent with itself, whatever was seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from scipy.spatial.transform import Rotation

from hybrik_runner.estimator import Poses
from hybrik_runner.table import build, on_floor
from popdanceset.schema import FRAMES, shape_of
from popdanceset.skeleton import SMPL_OFFSETS, SMPL_PARENTS

Sway = Callable[[np.ndarray, np.ndarray], Poses]


def column(table: pa.Table, name: str) -> np.ndarray:
    values = np.asarray(table[name].combine_chunks().values)
    return values.reshape(len(table), *shape_of(FRAMES.field(name)))


def seen(count: int, fps: float = 30.0) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(count) / fps, np.ones(count, bool)


def test_written_joints_are_the_kinematics_of_the_written_rotations(sway: Sway) -> None:
    """Recomputed joint by joint with scipy from nothing but the table."""
    table = build("clip", sway(*seen(40, 23.976)), "fake-1", 0.04).table
    assert table.schema.equals(FRAMES, check_metadata=True)
    poses, joints = column(table, "smpl_poses"), column(table, "joints3d")
    scale = column(table, "smpl_scaling")[:, 0]
    place = {0: np.zeros((len(table), 3))}
    turned = {0: Rotation.from_rotvec(poses[:, 0])}
    for joint in range(1, 24):
        parent = SMPL_PARENTS[joint]
        turned[joint] = turned[parent] * Rotation.from_rotvec(poses[:, joint])
        place[joint] = place[parent] + turned[parent].apply(SMPL_OFFSETS[joint]) * scale[:, None]
        np.testing.assert_allclose(joints[:, joint], place[joint], atol=2e-6)


def test_bones_keep_their_length(sway: Sway) -> None:
    joints = column(build("clip", sway(*seen(60)), "fake-1", 0.04).table, "joints3d")
    lengths = np.linalg.norm(joints[:, 1:] - joints[:, list(SMPL_PARENTS[1:])], axis=2)
    assert np.ptp(lengths, axis=0).max() < 1e-6
    np.testing.assert_allclose(lengths[0], 1.05 * np.linalg.norm(SMPL_OFFSETS[1:], axis=1), atol=1e-6)


def test_film_rate_becomes_thirty(sway: Sway) -> None:
    quality = build("clip", sway(*seen(412, 24000 / 1001)), "fake-1", 0.035)
    assert (quality.pictures, quality.found, quality.frames, quality.detected) == (412, 412, 515, 515)
    timestamps = quality.table["timestamp"].to_numpy()
    np.testing.assert_allclose(timestamps, np.arange(515) / 30)
    assert quality.table["frame_index"].to_pylist() == list(range(515))


def test_the_dancer_stands_on_the_floor_above_the_origin(sway: Sway) -> None:
    table = build("clip", sway(*seen(60)), "fake-1", 0.0).table
    root, joints = column(table, "smpl_trans"), column(table, "joints3d")
    lowest = (root[:, None] + joints[:, [7, 8, 10, 11]])[..., 2].min(1)
    assert lowest.min() == pytest.approx(0, abs=0.01)
    np.testing.assert_allclose(root[0, :2], 0, atol=1e-6)
    cam_root = column(table, "cam_root")
    moved = root - np.column_stack([cam_root[:, 0], cam_root[:, 2], -cam_root[:, 1]])
    np.testing.assert_allclose(moved, np.broadcast_to(moved[0], moved.shape), atol=1e-5)


def test_one_bad_frame_does_not_move_the_floor() -> None:
    root, joints = np.zeros((200, 3)), np.zeros((200, 24, 3))
    root[:, 2], joints[:, [7, 8, 10, 11], 2] = 1.0, -0.9
    root[50, 2] = -3.0
    assert on_floor(root, joints)[0, 2] == pytest.approx(0.9)


def test_a_gap_is_filled_in_and_marked(sway: Sway) -> None:
    times, found = seen(60)
    found[20:26] = False
    whole, gappy = (build("clip", sway(times, f), "fake-1", 0.0) for f in (np.ones(60, bool), found))
    assert gappy.detected == 54
    assert gappy.longest_gap == pytest.approx(0.2)
    scores, observed = column(gappy.table, "pred_scores"), column(gappy.table, "observed")
    assert not scores[20:26].any()
    assert not observed[20:26].any()
    assert scores[:20].min() > 0.8
    assert observed[26:].all()
    difference = np.abs(column(gappy.table, "joints3d") - column(whole.table, "joints3d"))
    assert difference.max() < 0.05


def test_smoothing_calms_and_is_measured(sway: Sway) -> None:
    times, found = seen(90)
    poses = sway(times, found)
    noise = Rotation.from_rotvec(0.03 * np.random.default_rng(0).normal(size=(90 * 24, 3))).as_matrix()
    noisy = replace(poses, rotations=poses.rotations @ noise.reshape(90, 24, 3, 3))
    rough, calm = build("clip", noisy, "fake-1", 0.0), build("clip", noisy, "fake-1", 0.04)
    assert calm.jitter_after < 0.5 * rough.jitter_after


def test_numbers_that_are_none_never_reach_the_table(sway: Sway) -> None:
    poses = sway(*seen(30))
    rotations, camera = poses.rotations.copy(), poses.camera.copy()
    rotations[4, 3, 1, 1], camera[9, 0] = np.nan, np.inf
    quality = build("clip", replace(poses, rotations=rotations, camera=camera), "fake-1", 0.04)
    assert quality.detected == 28
    for field in FRAMES:
        if shape_of(field):
            assert np.isfinite(column(quality.table, field.name).astype(float)).all(), field.name


def test_one_picture(sway: Sway) -> None:
    quality = build("clip", sway(*seen(1)), "fake-1", 0.04)
    assert (quality.frames, quality.jitter_after) == (1, 0)
    assert np.isfinite(column(quality.table, "joints3d")).all()


def test_nobody() -> None:
    quality = build("clip", Poses.none(np.arange(10) / 10, (64, 48)), "fake-1", 0.04)
    assert quality.table is None
    assert (quality.pictures, quality.found, quality.frames) == (10, 0, 28)


def test_no_pictures() -> None:
    assert build("clip", Poses.none(np.empty(0), (0, 0)), "fake-1", 0.04).table is None

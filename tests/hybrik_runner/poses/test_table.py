"""The pose table: consistent with itself, whatever was seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.spatial.transform import Rotation

from hybrik_runner.estimator import Poses
from hybrik_runner.poses.camera import Calibration
from hybrik_runner.poses.table import Quality, build, calibration_of, camera_of, extraction
from popdanceset.motion import floor
from popdanceset.motion.floor import Ground
from popdanceset.schema import FRAMES, shape_of
from popdanceset.settings import Settings
from popdanceset.skeleton import SMPL_OFFSETS, SMPL_PARENTS
from popdanceset.store import Store

Sway = Callable[[np.ndarray, np.ndarray], Poses]


def column(table: pa.Table, name: str) -> np.ndarray:
    values = np.asarray(table[name].combine_chunks().values)
    return values.reshape(len(table), *shape_of(FRAMES.field(name)))


def seen(count: int, fps: float = 30.0) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(count) / fps, np.ones(count, bool)


def smoothed(sigma: float, feet: str = "lock") -> Settings:
    return Settings.load(overrides={"pose": {"smoothing": sigma, "feet": feet}})


def test_written_joints_are_the_kinematics_of_the_written_rotations(sway: Sway) -> None:
    """Recomputed joint by joint with scipy from nothing but the table."""
    table = build("clip", sway(*seen(40, 23.976)), "fake-1", smoothed(0.04)).table
    assert table.schema.equals(FRAMES)
    assert FRAMES.metadata.items() <= table.schema.metadata.items()
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
    table = build("clip", sway(*seen(60)), "fake-1", smoothed(0.04)).table
    joints, scale = column(table, "joints3d"), table["smpl_scaling"][0].as_py()[0]
    lengths = np.linalg.norm(joints[:, 1:] - joints[:, list(SMPL_PARENTS[1:])], axis=2)
    assert np.ptp(lengths, axis=0).max() < 1e-6
    np.testing.assert_allclose(lengths[0], scale * np.linalg.norm(SMPL_OFFSETS[1:], axis=1), atol=1e-6)
    assert scale == pytest.approx(1.05, abs=0.03)


def test_a_camera_whose_tilt_was_seen_is_levelled_and_stated(sway: Sway) -> None:
    """Poses and roots are turned alike: what the camera saw is found again."""
    poses = sway(*seen(60))
    tilt = Rotation.from_euler("x", 12, degrees=True)  # the camera looks down
    x, y, z = tilt.apply([0.0, -1.0, 0.0]).tolist()
    known = Calibration((640, 480), 700.0, (x, y, z), True)
    quality = build("clip", replace(poses, calibration=known), "fake-1", smoothed(0.0, feet="off"))
    stated = quality.camera
    assert stated is not None
    assert (quality.tilt, stated.focal_length, stated.focal_length_from) == (
        pytest.approx(12),
        700.0,
        "lines",
    )
    np.testing.assert_allclose(stated.to_world @ [x, y, z], [0, 0, 1], atol=1e-6)
    np.testing.assert_array_equal(camera_of(quality.table, (640, 480)).to_world, stated.to_world)
    plain = build("clip", poses, "fake-1", smoothed(0.0, feet="off")).table
    # Of a level camera, x is right, y is down and z is forward.
    joints = column(plain, "joints3d")[..., [0, 2, 1]] * [1, -1, 1] @ stated.to_world.T
    np.testing.assert_allclose(column(quality.table, "joints3d"), joints, atol=0.02)
    assert calibration_of(quality.table, (640, 480)).up == pytest.approx((x, y, z), abs=1e-6)
    shown = stated.project(column(quality.table, "joints3d"), column(quality.table, "cam_root"))
    wrists = column(quality.table, "coco_keypoints2d")[:, 9:11]
    assert np.abs(shown[:, 20:22] - wrists).max() < 2  # pixels
    halved = calibration_of(quality.table, (320, 240))
    assert (halved.focal_length, halved.focal_length_seen) == (pytest.approx(350.0), True)


def test_an_older_table_was_made_with_the_assumed_camera(sway: Sway) -> None:
    table = build("clip", sway(*seen(30)), "fake-1", smoothed(0.0)).table
    assert calibration_of(table, (640, 480)) == Calibration.assumed((640, 480))
    assert calibration_of(table.replace_schema_metadata({}), (64, 48)) == Calibration.assumed((64, 48))


def test_film_rate_becomes_thirty(sway: Sway) -> None:
    quality = build("clip", sway(*seen(412, 24000 / 1001)), "fake-1", smoothed(0.035))
    assert (quality.source_frames, quality.found, quality.frames, quality.detected) == (412, 412, 515, 515)
    timestamps = quality.table["timestamp"].to_numpy()
    np.testing.assert_allclose(timestamps, np.arange(515) / 30)
    assert quality.table["frame_index"].to_pylist() == list(range(515))


def test_the_dancer_stands_on_the_floor_above_the_origin(sway: Sway) -> None:
    table = build("clip", sway(*seen(60)), "fake-1", smoothed(0.0, feet="off")).table
    root, joints = column(table, "smpl_trans"), column(table, "joints3d")
    lowest = (root[:, None] + joints[:, [7, 8, 10, 11]])[..., 2].min(1)
    assert lowest.min() == pytest.approx(0, abs=0.01)
    np.testing.assert_allclose(root[0, :2], 0, atol=1e-6)
    cam_root = column(table, "cam_root")
    moved = root - np.column_stack([cam_root[:, 0], cam_root[:, 2], -cam_root[:, 1]])
    np.testing.assert_allclose(moved[:, :2], np.broadcast_to(moved[0, :2], (60, 2)), atol=1e-5)
    np.testing.assert_allclose(moved[:, 2], moved[0, 2], atol=0.01)  # the floor is followed


def test_a_gap_is_filled_in_and_marked(sway: Sway) -> None:
    times, found = seen(60)
    found[20:26] = False
    whole, gappy = (
        build("clip", sway(times, f), "fake-1", smoothed(0.0, feet="off")) for f in (np.ones(60, bool), found)
    )
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
    rough, calm = (
        build("clip", noisy, "fake-1", smoothed(0.0)),
        build("clip", noisy, "fake-1", smoothed(0.04)),
    )
    assert calm.jitter_after < 0.5 * rough.jitter_after


def test_numbers_that_are_none_never_reach_the_table(sway: Sway) -> None:
    poses = sway(*seen(30))
    rotations, camera = poses.rotations.copy(), poses.camera.copy()
    rotations[4, 3, 1, 1], camera[9, 0] = np.nan, np.inf
    quality = build("clip", replace(poses, rotations=rotations, camera=camera), "fake-1", smoothed(0.04))
    assert quality.detected == 28
    for field in FRAMES:
        if shape_of(field):
            assert np.isfinite(column(quality.table, field.name).astype(float)).all(), field.name


def test_one_frame(sway: Sway) -> None:
    quality = build("clip", sway(*seen(1)), "fake-1", smoothed(0.04))
    assert (quality.frames, quality.jitter_after) == (1, 0)
    assert np.isfinite(column(quality.table, "joints3d")).all()


def test_nobody() -> None:
    quality = build("clip", Poses.none(np.arange(10) / 10, (64, 48)), "fake-1", smoothed(0.04))
    assert quality.table is None
    assert (quality.source_frames, quality.found, quality.frames) == (10, 0, 28)


def test_no_frames() -> None:
    assert build("clip", Poses.none(np.empty(0), (0, 0)), "fake-1", smoothed(0.04)).table is None


def test_two_frames(sway: Sway) -> None:
    quality = build("clip", sway(*seen(2)), "fake-1", smoothed(0.04))
    assert (quality.frames, quality.jitter_before, quality.jitter_after) == (2, 0, 0)
    assert np.isfinite(column(quality.table, "smpl_trans")).all()


def lost(count: int, *gaps: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    times, found = seen(count)
    for start, end in gaps:
        found[start:end] = False
    return times, found


def test_a_long_gap_ends_the_clip(sway: Sway) -> None:
    """The dancer leaves after 5 s and comes back; what came before is as though the clip had ended there."""
    quality = build("clip", sway(*lost(300, (40, 46), (150, 200))), "fake-1", smoothed(0.04))
    alone = build("clip", sway(*lost(150, (40, 46))), "fake-1", smoothed(0.04))
    assert (quality.source_frames, quality.found, quality.clip_frames) == (300, 244, 300)
    assert (quality.frames, quality.detected, quality.longest_gap) == (150, 144, pytest.approx(0.2))
    assert quality.table["frame_index"].to_pylist() == list(range(150))
    for name in ("smpl_poses", "smpl_trans", "coco_keypoints2d", "observed", "timestamp"):
        assert quality.table[name].equals(alone.table[name]), name
    assert quality.jitter_after == alone.jitter_after
    assert extraction(quality.table)["frames"] == {"clip": 300, "kept": 150}


def test_other_rates_end_at_the_last_picture_with_the_dancer(sway: Sway) -> None:
    times = np.arange(240) * 1001 / 24000
    quality = build("clip", sway(times, np.arange(240) < 150), "fake-1", smoothed(0.04))
    assert quality.frames == int(times[149] * 30) + 1
    assert quality.detected == quality.frames


@pytest.mark.parametrize("gap", [(0, 30), (60, 120)])
def test_too_short_a_stretch_before_the_gap_keeps_everything(sway: Sway, gap: tuple[int, int]) -> None:
    """Later frames cannot replace them: they would have other indices than their music."""
    quality = build("clip", sway(*lost(400, gap)), "fake-1", smoothed(0.04))
    assert quality.frames == quality.clip_frames == 400
    assert quality.longest_gap == pytest.approx((gap[1] - gap[0]) / 30)


def test_the_table_records_how_it_was_made(sway: Sway, tmp_path: Path) -> None:
    """Also after a way through a file."""
    store = Store(tmp_path)
    table = build("clip", sway(*seen(60)), "fake-1", smoothed(0.04)).table
    store.write_table("poses/clip.parquet", table, table.schema)
    made = extraction(pq.read_table(tmp_path / "poses/clip.parquet"))
    assert made == extraction(table)
    assert made["estimator"] == "fake-1"
    assert made["smoothing"]["sigma_s"] == 0.04
    assert made["floor"]["method"] == "contacts-2"
    assert len(store.read_table("poses", FRAMES)) == 60
    assert extraction(FRAMES.empty_table()) == {}


def test_a_tilted_camera_turns_everything_alike(sway: Sway, monkeypatch: pytest.MonkeyPatch) -> None:
    turn = Rotation.from_euler("x", 8, degrees=True).as_matrix()

    def tilted(root: np.ndarray, *_: object) -> Ground:
        return Ground(root @ turn.T, turn, 8.0, 50)

    level = build("clip", sway(*seen(40)), "fake-1", smoothed(0.0, feet="off"))
    monkeypatch.setattr(floor, "ground", tilted)
    turned = build("clip", sway(*seen(40)), "fake-1", smoothed(0.0, feet="off"))
    for name in ("joints3d", "coco_keypoints3d"):
        np.testing.assert_allclose(
            column(turned.table, name), column(level.table, name) @ turn.T, atol=1e-5, err_msg=name
        )
    np.testing.assert_array_equal(column(turned.table, "cam_root"), column(level.table, "cam_root"))
    assert turned.tilt == 8
    np.testing.assert_allclose(extraction(turned.table)["floor"]["camera_to_world"], turn, atol=1e-8)


def test_numbers_that_are_none_everywhere_are_nobody(sway: Sway) -> None:
    poses = sway(*seen(30))
    quality = build("clip", replace(poses, cam_root=np.full((30, 3), np.nan)), "fake-1", smoothed(0.04))
    assert quality == Quality(source_frames=30, clip_frames=30, frames=30, longest_gap=1.0)


def test_feet_stand_unless_they_are_left_as_seen(sway: Sway) -> None:
    """The swaying dancer's feet slide, since the whole body is carried sideways."""
    seen_feet, standing = (
        build("clip", sway(*seen(90)), "fake-1", smoothed(0.035, feet)) for feet in ("off", "lock")
    )
    assert standing.after.skate < 0.5 * seen_feet.after.skate
    assert (seen_feet.root_moved, seen_feet.feet_moved) == (0, 0)
    assert standing.root_moved > 0
    assert extraction(seen_feet.table)["feet"]["method"] == "off"
    assert extraction(standing.table)["feet"]["method"].startswith("lock")
    np.testing.assert_allclose(column(standing.table, "smpl_trans")[0, :2], 0, atol=1e-6)
    arms = [3, 6, 9, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23]
    np.testing.assert_allclose(
        column(standing.table, "joints3d")[:, arms], column(seen_feet.table, "joints3d")[:, arms], atol=1e-6
    )

"""A known walk comes back from noisy points better than by smoothing; bad input stays finite."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hybrik_runner.blazepose.inverse_kinematics import inverse_kinematics
from hybrik_runner.estimator import Poses
from hybrik_runner.poses import camera
from hybrik_runner.poses.fitting.clip import fitted
from hybrik_runner.poses.smoothing import smooth, smooth_rotations
from hybrik_runner.poses.table import build
from popdanceset.motion.accuracy import acceleration_error, pa_mpjpe
from popdanceset.motion.forward_kinematics import forward_kinematics
from popdanceset.settings import Settings
from popdanceset.skeleton import LIMB_JOINTS, SMPL_PARENTS
from tests.hybrik_runner.poses.walking import walk

CAMERA, LIMBS = camera.Calibration.assumed((720, 1280)), list(LIMB_JOINTS)
COCO = [15, 15, 15, 15, 15, *LIMBS]
FREE = [4, 5, 7, 8, 18, 19, 20, 21]


def filmed(count: int = 60, noise: float = 1.0, yaw: float = 40.0) -> tuple[Poses, np.ndarray]:
    """A walk, four metres away, as a network sees it: noise of 5 mm in the picture, of 10 and 40 mm in
    the depths of trunk and limbs, and now and
    then a wrist somewhere else. Also the true joints (n, 24, 3) about the root, world axes."""
    random = np.random.default_rng(0)
    turns = walk(count, 30, yaw)
    turns[:, 0] = camera.to_world(np.eye(3)).T @ turns[:, 0]
    joints = forward_kinematics(turns)
    root = np.array([[0, 0.1, 4.0]]) + np.arange(count)[:, None] * [0.005, 0, 0]
    in_camera = camera.to_camera(joints)
    seen = in_camera + noise * random.normal(0, [0.005, 0.005, 0.01], joints.shape)
    seen[:, FREE, 2] += noise * random.normal(0, 0.04, (count, len(FREE)))
    pixels = camera.project(seen[:, COCO] + root[:, None], CAMERA)
    if noise:
        pixels[::11, 9] += 150
    times = np.arange(count) / 30
    wrong = inverse_kinematics(
        _lengths_kept(camera.to_world(seen), joints), twist_filter=lambda twist: smooth(twist, times, 0.12)
    )
    found = camera.locate(in_camera[:, LIMBS], pixels[:, 5:], np.ones((count, 12)), CAMERA)
    bbox = np.concatenate([pixels.min(1), pixels.max(1)], axis=1)
    points = camera.to_world(seen[:, COCO])
    return Poses(
        times=times,
        found=np.ones(count, bool),
        calibration=CAMERA,
        scaling=1.0,
        rotations=wrong,
        cam_root=found,
        keypoints3d=points,
        keypoints2d=pixels,
        scores=np.full((count, 29), 0.9),
        camera=camera.weak_perspective(camera.to_camera(points), pixels, bbox),
        bbox=bbox,
        observed=np.ones((count, 24), bool),
        unfiltered_joints3d=forward_kinematics(wrong),
    ), joints


def _lengths_kept(seen: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """Joints along the bones that were seen, as long as they are."""
    result = np.zeros_like(joints)
    for joint in range(1, 24):
        parent = SMPL_PARENTS[joint]
        bone = seen[:, joint] - seen[:, parent]
        length = np.linalg.norm(joints[:, joint] - joints[:, parent], axis=1, keepdims=True)
        result[:, joint] = result[:, parent] + bone / np.linalg.norm(bone, axis=1, keepdims=True) * length
    return result


def smoothed(poses: Poses, sigma: float = 0.035) -> Poses:
    times = poses.times[poses.found]
    return replace(
        poses,
        rotations=smooth_rotations(poses.rotations, times, sigma),
        cam_root=smooth(poses.cam_root, times, sigma),
    )


def errors(poses: Poses, truth: np.ndarray) -> tuple[float, float]:
    """Metres, and m/s²."""
    joints = forward_kinematics(poses.rotations, poses.scaling)[:, LIMBS]
    known = truth[:, LIMBS]
    hips = [points - points[:, 6:8].mean(1, keepdims=True) for points in (joints, known)]
    return pa_mpjpe(joints, known), acceleration_error(*hips, 30)


@pytest.mark.parametrize("yaw", [0, 40, 90])
def test_better_than_smoothing(yaw: float) -> None:
    poses, truth = filmed(yaw=yaw)
    plain = smoothed(poses)
    before, after = errors(plain, truth), errors(fitted(poses, plain), truth)
    assert after[0] < 0.95 * before[0]
    assert after[1] < 0.9 * before[1]


def test_exact_points_of_exact_poses_stay() -> None:
    poses, truth = filmed(noise=0)
    again = fitted(poses, poses)
    assert errors(again, truth)[0] < 0.006
    assert again.scaling == pytest.approx(1, abs=0.03)
    assert np.abs(again.cam_root - poses.cam_root)[:, :2].max() < 0.03
    # A body that seems 2 % smaller is that much nearer.
    assert np.abs(again.cam_root - poses.cam_root)[:, 2].max() < 0.1


def test_rotations_are_rotations() -> None:
    poses, _ = filmed(20)
    turns = fitted(poses, smoothed(poses)).rotations
    assert turns @ np.swapaxes(turns, -1, -2) == pytest.approx(
        np.broadcast_to(np.eye(3), turns.shape), abs=1e-9
    )
    assert np.linalg.det(turns) == pytest.approx(1)


def test_knees_do_not_bend_backwards() -> None:
    poses, _ = filmed(noise=0)
    rotations = np.array(poses.rotations)
    rotations[:, 4] = np.eye(3)
    points = np.array(poses.keypoints3d)
    thigh = points[:, 13] - points[:, 11]
    points[:, 15] = points[:, 13] + thigh  # straight, then bent the wrong way
    points[:, 15] += 0.15 * np.array([0, 1.0, 0])
    bent = replace(poses, rotations=rotations, keypoints3d=points)
    vectors = fitted(bent, bent).rotations[:, 4]
    assert ((vectors[:, 2, 1] - vectors[:, 1, 2]) / 2).min() > -0.15


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_frames(count: int) -> None:
    poses, _ = filmed(count)
    again = fitted(poses, poses)
    assert np.isfinite(again.rotations).all()
    assert np.isfinite(again.cam_root).all()


def test_points_that_say_nothing_change_little() -> None:
    poses, _ = filmed(20)
    unsure = replace(poses, scores=np.zeros_like(poses.scores))
    start = smoothed(unsure)
    again = fitted(unsure, start)
    assert errors(again, forward_kinematics(start.rotations))[0] < 0.03


def test_hostile_points_stay_finite(settings: Settings) -> None:
    poses, _ = filmed(30)
    found = np.zeros(30, bool)
    found[7] = True
    names = ("rotations", "cam_root", "keypoints3d", "keypoints2d", "scores", "camera", "bbox", "observed")
    one = {name: getattr(poses, name)[:1] for name in (*names, "unfiltered_joints3d")}
    alone = replace(poses, found=found, **one)
    behind = replace(poses, cam_root=-poses.cam_root)
    one_spot = replace(poses, keypoints2d=np.zeros_like(poses.keypoints2d))
    far_off = replace(poses, keypoints2d=poses.keypoints2d + 1e7, keypoints3d=poses.keypoints3d * 1e4)
    for strange in (alone, behind, one_spot, far_off):
        again = fitted(strange, strange)
        assert np.isfinite(again.rotations).all()
        assert np.isfinite(again.cam_root).all()


def test_numbers_without_measure_stay_as_they_are(caplog: pytest.LogCaptureFixture) -> None:
    poses, _ = filmed(30)
    random = np.random.default_rng(0)
    astray = replace(
        poses,
        keypoints3d=1e9 * random.normal(size=poses.keypoints3d.shape),
        cam_root=1e9 * random.normal(size=poses.cam_root.shape),
    )
    assert fitted(astray, astray) is astray
    assert "cannot be fitted" in caplog.text


def test_the_setting(settings: Settings) -> None:
    poses, _ = filmed(30)
    assert settings.pose.fitting == "clip"
    table = build("c", poses, "fake", settings).table
    pose = settings.pose.model_copy(update={"fitting": "off"})
    plain = build("c", poses, "fake", settings.model_copy(update={"pose": pose}))
    assert table is not None
    assert plain.table is not None
    rows = [np.asarray(t["smpl_poses"].combine_chunks().values) for t in (plain.table, table)]
    assert 0.01 < np.abs(rows[0] - rows[1]).max() < 2
    assert b"banded gauss-newton" in table.schema.metadata[b"extraction"]

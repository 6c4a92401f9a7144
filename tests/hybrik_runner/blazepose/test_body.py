"""The skeleton laid along landmarks made from a known skeleton."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hybrik_runner.blazepose import body
from hybrik_runner.blazepose.coco import LANDMARKS
from hybrik_runner.blazepose.inverse_kinematics import inverse_kinematics
from hybrik_runner.poses import camera
from popdanceset.motion.forward_kinematics import forward_kinematics, global_rotations
from popdanceset.rotations.arrays import normalise, twist_angle
from popdanceset.skeleton import COCO_JOINTS, LIMB_JOINTS, SMPL_OFFSETS

PLACES = {
    11: 16, 12: 17, 13: 18, 14: 19, 15: 20, 16: 21, 17: 22, 18: 23, 19: 22, 20: 23, 23: 1, 24: 2, 25: 4, 26:
    5, 27: 7, 28: 8, 31: 10, 32: 11,
}  # fmt: skip


def landmarks_of(vectors: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Landmarks (n, 33, 3) exactly at SMPL's joints, and those joints (n, 24, 3); the face looks ahead."""
    count = len(vectors)
    rotations = Rotation.from_rotvec(vectors.reshape(-1, 3)).as_matrix().reshape(count, 24, 3, 3)
    joints = forward_kinematics(rotations, scale)
    points = np.zeros((count, 33, 3))
    for landmark, joint in PLACES.items():
        points[:, landmark] = joints[:, joint]
    head = global_rotations(rotations)[:, 15]
    for landmark, offset in ((0, [0, 0, 0.1]), (7, [0.07, 0, 0]), (8, [-0.07, 0, 0])):
        points[:, landmark] = joints[:, 15] + head @ np.array(offset)
    return points, joints


def dancing(count: int = 40) -> np.ndarray:
    rng = np.random.default_rng(0)
    vectors = np.zeros((count, 24, 3))
    vectors[:, 0] = Rotation.from_rotvec([np.pi / 2, 0, 0]).as_rotvec() + rng.normal(0, 0.1, (count, 3))
    vectors[:, [1, 2, 16, 17]] = rng.normal(0, 0.5, (count, 4, 3))
    vectors[:, [4, 5], 0] = rng.uniform(0, 1.5, (count, 2))
    vectors[:, 18, 1], vectors[:, 19, 1] = -rng.uniform(0, 1.5, count), rng.uniform(0, 1.5, count)
    return vectors


def test_scale_is_read_off_the_limbs() -> None:
    points, _ = landmarks_of(dancing(), 0.93)
    assert body.skeleton_scale(points) == pytest.approx(0.93)


def test_scale_of_nonsense_stays_a_scale() -> None:
    assert body.skeleton_scale(np.zeros((3, 33, 3))) == pytest.approx(0.3)


def test_landmarks_at_the_joints_give_the_joints_back() -> None:
    points, joints = landmarks_of(dancing(), 0.93)
    skeleton = body.fit_skeleton(points, 0.93)
    centred = joints - joints[:, [1, 2]].mean(1, keepdims=True)
    found = skeleton.joints - skeleton.joints[:, [1, 2]].mean(1, keepdims=True)
    np.testing.assert_allclose(found[:, list(LIMB_JOINTS)], centred[:, list(LIMB_JOINTS)], atol=0.01)


def test_bones_are_constant_whatever_the_landmarks() -> None:
    points, _ = landmarks_of(dancing(), 1.0)
    points += np.random.default_rng(1).normal(0, 0.05, points.shape)
    skeleton = body.fit_skeleton(points, 0.93)
    joints = forward_kinematics(inverse_kinematics(skeleton.joints, skeleton.head), 0.93)
    np.testing.assert_allclose(joints, skeleton.joints, atol=1e-6)
    np.testing.assert_allclose(
        np.linalg.norm(joints[:, 18] - joints[:, 16], axis=1), 0.93 * np.linalg.norm(SMPL_OFFSETS[18])
    )


def test_the_head_follows_the_face() -> None:
    points, _ = landmarks_of(dancing(2), 1.0)
    turn = Rotation.from_rotvec([0, 0, 0.7]).as_matrix()
    points[:, [0, 7, 8]] = (points[:, [0, 7, 8]] - points[:, 7:9].mean(1, keepdims=True)) @ turn.T
    face = points[:, 0] - points[:, 7:9].mean(1)
    np.testing.assert_allclose(body.fit_skeleton(points, 1.0).head @ [0, 0, 1], normalise(face), atol=0.02)


CAMERA = camera.Calibration.assumed((640, 480))


def projected(count: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Metric landmarks (n, 33, 3) from the hips and where a camera 3 m away sees them (n, 33, 2)."""
    points, _ = landmarks_of(dancing(count), 1.0)
    metric = camera.to_camera(points - points[:, [23, 24]].mean(1, keepdims=True))
    return metric, camera.project(metric + np.array([0.4, 0.2, 3.0]), CAMERA)


def test_sharpening_keeps_agreeing_landmarks() -> None:
    metric, image = projected()
    np.testing.assert_allclose(body.sharpen(metric, image, CAMERA), metric, atol=1e-9)


def test_sharpening_finds_landmarks_that_are_off_sideways() -> None:
    """Errors across the line of sight vanish, except for their effect on the body's place."""
    metric, image = projected()
    off = np.random.default_rng(2).normal(0, 0.03, metric.shape) * [1, 1, 0]
    found = body.sharpen(metric + off, image, CAMERA)
    np.testing.assert_allclose(found[..., 2], metric[..., 2], atol=1e-9)
    assert np.linalg.norm(found - metric, axis=2).mean() < 0.4 * np.linalg.norm(off, axis=2).mean()
    np.testing.assert_allclose(found[:, [23, 24]].mean(1), 0, atol=1e-9)


def test_landmarks_in_one_spot_are_left_alone() -> None:
    metric, image = projected(3)
    np.testing.assert_allclose(body.sharpen(metric, np.full_like(image, 100.0), CAMERA), metric, atol=1e-9)


def test_hands_follow_the_fingers() -> None:
    """Forefinger and little finger determine where the thumb points: forwards at rest."""
    points, _ = landmarks_of(np.zeros((1, 24, 3)), 1.0)
    for side in (0, 1):
        points[:, 19 + side] += [0, 0, 0.03]
        points[:, 17 + side] -= [0, 0, 0.03]
    np.testing.assert_allclose(
        body.fit_skeleton(points, 1.0).hands[0], np.eye(3)[None].repeat(2, 0), atol=0.05
    )
    points[:, 19] += [0, 0.06, -0.03]
    points[:, 17] -= [0, 0.06, -0.03]
    turn = twist_angle(body.fit_skeleton(points, 1.0).hands[:, 0], SMPL_OFFSETS[22])
    assert turn[0] == pytest.approx(-np.pi / 2, abs=0.1), "thumb up is supination"


def test_coco_joints_by_name() -> None:
    assert len(LANDMARKS) == len(COCO_JOINTS)
    sides = dict(zip(COCO_JOINTS, LANDMARKS, strict=True))
    assert sides["left_shoulder"] == body.SHOULDERS[0]
    assert sides["right_ankle"] == body.ANKLES[1]
    assert sides["left_ear"] == body.EARS[0]

"""Forward kinematics against a plain loop."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from popdanceset.motion.forward_kinematics import forward_kinematics, global_rotations, local_rotations
from popdanceset.skeleton import SMPL_OFFSETS, SMPL_PARENTS


def matrices(vectors: np.ndarray) -> np.ndarray:
    return Rotation.from_rotvec(vectors.reshape(-1, 3)).as_matrix().reshape(*vectors.shape[:-1], 3, 3)


def random_poses(seed: int, count: int = 50) -> np.ndarray:
    """Axis-angle poses: any root, other joints up to about 75° from rest."""
    rng = np.random.default_rng(seed)
    axes = rng.normal(size=(count, 24, 3))
    axes /= np.linalg.norm(axes, axis=-1, keepdims=True)
    poses = axes * rng.uniform(0, 1.3, (count, 24, 1))
    poses[:, 0] *= np.pi / 1.3
    return poses


def test_forward_kinematics_of_a_plain_loop_with_scipy() -> None:
    vectors, scale = random_poses(1, 5), 1.2
    for pose, joints in zip(vectors, forward_kinematics(matrices(vectors), scale), strict=True):
        turned, place = [Rotation.from_rotvec(pose[0])], [np.zeros(3)]
        for joint in range(1, 24):
            parent = SMPL_PARENTS[joint]
            turned.append(turned[parent] * Rotation.from_rotvec(pose[joint]))
            place.append(place[parent] + turned[parent].apply(scale * SMPL_OFFSETS[joint]))
        np.testing.assert_allclose(joints, place, atol=1e-12)


def test_a_standing_dancer_faces_minus_y_with_the_head_up() -> None:
    standing = np.zeros((1, 24, 3))
    standing[0, 0, 0] = np.pi / 2
    joints = forward_kinematics(matrices(standing))[0]
    assert joints[15, 2] > 0.4
    assert joints[7, 2] < -0.8
    assert joints[10, 1] < joints[7, 1], "toes point to the camera"
    assert joints[16, 0] > 0, "facing -y, the left shoulder is at +x"


def test_local_and_global_are_inverse() -> None:
    local = matrices(random_poses(3))
    np.testing.assert_allclose(local_rotations(global_rotations(local)), local, atol=1e-12)

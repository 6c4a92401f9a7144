"""Forward kinematics against a joint-by-joint version."""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from popdanceset.skeleton import SMPL_OFFSETS, SMPL_PARENTS
from training.motion.forward_kinematics import forward_kinematics


def joint_by_joint(rotations: np.ndarray, translation: np.ndarray) -> np.ndarray:
    world: list[np.ndarray] = []
    place: list[np.ndarray] = []
    for joint, parent in enumerate(SMPL_PARENTS):
        if parent < 0:
            world.append(rotations[joint])
            place.append(translation)
        else:
            place.append(place[parent] + world[parent] @ SMPL_OFFSETS[joint])
            world.append(world[parent] @ rotations[joint])
    return np.array(place)


def test_joints_are_where_the_plain_version_puts_them() -> None:
    rotations = Rotation.random(5 * 24, random_state=0).as_matrix().reshape(5, 24, 3, 3)
    translation = np.random.default_rng(0).normal(size=(5, 3))
    expected = [joint_by_joint(r, t) for r, t in zip(rotations, translation, strict=True)]
    joints = forward_kinematics(torch.tensor(rotations), torch.tensor(translation))
    np.testing.assert_allclose(joints, expected, atol=1e-12)


def test_gradients_flow() -> None:
    rotations = torch.eye(3).repeat(2, 24, 1, 1).requires_grad_()
    forward_kinematics(rotations, torch.zeros(2, 3)).sum().backward()
    assert rotations.grad is not None
    assert rotations.grad[:, 0].abs().sum() > 0
    assert not rotations.grad[:, 23].any()  # a hand moves no other joint

"""The body of capsules in torch beside that in NumPy, and its gradients beside differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from popdanceset.motion.body import segments
from popdanceset.motion.body.self_penetration import depths
from popdanceset.skeleton import SMPL_OFFSETS, SMPL_PARENTS
from training.motion.capsules import overlaps, segment_distances
from training.motion.forward_kinematics import forward_kinematics


def random_poses(frames: int, seed: int = 0) -> torch.Tensor:
    """(frames, 24, 3) joints of the mean body, folded at random."""
    import roma

    turns = torch.randn(frames, 24, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return forward_kinematics(roma.rotvec_to_rotmat(0.7 * turns), torch.zeros(frames, 3, dtype=torch.float64))


@pytest.mark.parametrize("case", ["any", "parallel", "short", "points", "crossing"])
def test_distances(case: str) -> None:
    draw = torch.Generator().manual_seed(1)
    first, second = torch.randn(2, 300, 2, 3, dtype=torch.float64, generator=draw)
    if case == "parallel":
        second = first + second[:, :1]
    elif case == "short":
        second = second[:, :1] + 0.01 * second
    elif case == "points":
        second = second[:, :1].expand(300, 2, 3)
    elif case == "crossing":
        middle = first.mean(1, keepdim=True)
        second = middle + (second - second.mean(1, keepdim=True))
    expected = segments.segment_distances(first.numpy(), second.numpy())
    np.testing.assert_allclose(segment_distances(first, second).numpy(), expected, atol=2e-6)


def test_overlaps_are_the_depths_that_numpy_measures() -> None:
    joints = random_poses(40)
    frame, overlap = overlaps(joints)
    deepest = np.zeros(40)
    np.maximum.at(deepest, frame.numpy(), overlap.numpy())
    expected = depths(joints.numpy()).max(1)
    assert (expected > 0.02).sum() > 10
    np.testing.assert_allclose(deepest, expected, atol=1e-5)
    total = np.bincount(frame.numpy(), overlap.clamp(min=0).numpy(), 40)
    np.testing.assert_allclose(total, depths(joints.numpy()).sum(1), atol=1e-4)


def test_gradients() -> None:
    joints = random_poses(6, seed=3).requires_grad_()

    def deep(joints: torch.Tensor) -> torch.Tensor:
        return overlaps(joints)[1].clamp(min=0.01).square().sum()

    assert torch.autograd.gradcheck(deep, joints, eps=1e-7, atol=1e-5)


def test_a_body_at_rest_is_not_in_itself() -> None:
    rest = torch.tensor(SMPL_OFFSETS)
    for joint, parent in enumerate(SMPL_PARENTS):
        if parent >= 0:
            rest[joint] = rest[joint] + rest[parent]
    frame, overlap = overlaps(rest[None].float())
    assert overlap.max() < 1e-5
    assert (frame == 0).all()
    assert overlaps(rest[None][:0])[1].shape == (0,)

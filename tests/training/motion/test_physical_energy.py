"""Energies of dances that are impossible in a known way."""

from __future__ import annotations

import math

import pytest
import torch

from popdanceset.skeleton import FOOT_JOINTS, SMPL_OFFSETS, SMPL_PARENTS
from training.motion.physical_energy import body, contact, feet, floor

FRAMES = 60


def standing(frames: int = FRAMES, height: float = 0.0) -> torch.Tensor:
    """(1, frames, 24, 3) the mean body at rest, the balls of its feet at a height."""
    rest = torch.tensor(SMPL_OFFSETS)
    for joint, parent in enumerate(SMPL_PARENTS):
        if parent >= 0:
            rest[joint] = rest[joint] + rest[parent]
    world = torch.stack([rest[:, 0], -rest[:, 2], rest[:, 1]], 1)  # y up, facing z → z up, facing -y
    world[:, 2] += height - world[[10, 11], 2].mean()
    return world.expand(1, frames, 24, 3).clone()


@pytest.mark.parametrize("height", [0.0, 0.7])
def test_a_standing_body_is_possible(height: float) -> None:
    joints = standing(height=height)
    found = contact(joints)
    assert found.floor.item() == pytest.approx(height, abs=0.005)
    assert found.weight[:, 5:-5].min() == 1
    assert feet(joints, found).max() < 1e-12
    assert floor(joints, found).max() < 1e-5
    assert body(joints).max() == 0


def test_sliding_feet() -> None:
    joints = standing()
    slide = 0.3 * torch.arange(FRAMES) / 30  # m/s
    joints[..., 0] += slide[:, None]
    found = contact(joints)
    # In the middle of an even slide, the mean place is where the foot is; at its ends it is not.
    energy = feet(joints, found)[0]
    assert energy[FRAMES // 2] < 1e-12
    behind = (slide[:21].mean() - slide[0]).item()
    assert energy[0].item() == pytest.approx(0.5 * 4 * found.weight[0, 0, 0].item() * behind**2)
    jumping = standing()
    jumping[..., 0] += 0.02 * (torch.arange(FRAMES)[:, None] % 2)  # to and fro by 2 cm
    assert feet(jumping, contact(jumping))[0, 10:-10].min() > 0.5 * 4 * 0.009**2


def test_fast_feet_are_not_held_unless_the_network_says_so() -> None:
    joints = standing()
    joints[..., 0] += 0.8 * torch.arange(FRAMES)[:, None] / 30
    assert contact(joints).weight.max() == 0
    predicted = torch.zeros(1, FRAMES, 4)
    predicted[:, 20:40, 2] = 1
    found = contact(joints, predicted)
    assert found.weight[0, 23:37, 2].min() == 1
    assert found.weight[..., [0, 1, 3]].max() == 0
    assert found.weight[0, [19, 40], 2].max() == 0


def test_lifted_feet_are_free() -> None:
    joints = standing()
    joints[:, 20:40, [8, 11], 2] += 0.2
    weight = contact(joints).weight[0]
    assert weight[20:40, [1, 3]].max() == 0
    assert weight[10:50, [0, 2]].min() == 1
    # A contact sets in and ends within frames, not at once.
    assert weight[17:20, 1].diff().max() < 0
    assert weight[40:43, 1].diff().min() > 0


def test_the_floor() -> None:
    joints = standing()
    joints[:, 30:35, FOOT_JOINTS, 2] -= 0.04
    joints[:, 40:45, FOOT_JOINTS, 2] += 0.03
    found = contact(joints)
    energy = floor(joints, found)[0]
    assert energy[32].item() == pytest.approx(0.5 * 4 * 0.04**2, rel=0.1)
    assert energy[42].item() == pytest.approx(0.5 * 0.03**2, rel=0.2)
    assert energy[:25].max() < 1e-5
    flying = standing()
    flying[:, 20:30, :, 2] += 0.3
    assert floor(flying, contact(flying))[0, 20:30].max() == 0  # a jump


def test_a_hand_in_the_chest() -> None:
    joints = standing()
    chest = joints[:, 30:, 9].clone()
    for joint, forward in ((18, -0.25), (20, 0.0), (22, 0.09)):
        joints[:, 30:, joint] = chest + torch.tensor([0, forward, 0])
    energy = body(joints)[0]
    assert energy[:30].max() == 0
    assert energy[30:].min() > 0.5 * 0.08**2
    assert math.isfinite(energy.max())


def test_energies_of_a_frame_do_not_depend_on_others() -> None:
    joints = standing() + 0.02 * torch.randn(1, FRAMES, 24, 3, generator=torch.Generator().manual_seed(0))
    joints.requires_grad_()
    found = contact(joints)
    for energy in (feet(joints, found), floor(joints, found), body(joints)):
        (gradient,) = torch.autograd.grad(energy[0, 7], joints, allow_unused=True)
        assert gradient[0, :7].abs().max() == 0
        assert gradient[0, 8:].abs().max() == 0


def test_one_frame() -> None:
    joints = standing(1)
    assert feet(joints, contact(joints)).shape == (1, 1)

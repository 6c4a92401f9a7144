"""Mirrored and rotated dances, compared with mirrored and rotated joints."""

import math

import numpy as np
import pytest
import roma
import torch
from hypothesis import given
from hypothesis import strategies as st

from popdanceset.skeleton import SMPL_JOINTS
from training.data.augmentation import augment, mirror, widen, yaw
from training.data.representation import CONTACT, MinMaxScaler, decode, encode
from training.motion.forward_kinematics import forward_kinematics
from training.motion.sides import OTHER_SIDE


def dance(seed=0, frames=12):
    draw = torch.Generator().manual_seed(seed)
    poses = torch.randn(2, frames, 24, 3, generator=draw, dtype=torch.double) * 0.5
    return poses, torch.randn(2, frames, 3, generator=draw, dtype=torch.double)


def joints(vectors):
    motion = decode(vectors)
    return forward_kinematics(roma.rotvec_to_rotmat(motion.poses), motion.translation)


def test_left_becomes_right():
    pairs = {SMPL_JOINTS[a]: SMPL_JOINTS[b] for a, b in enumerate(OTHER_SIDE)}
    assert pairs["lhip"] == "rhip"
    assert pairs["rinshoulder"] == "linshoulder"
    assert pairs["root"] == "root"
    assert pairs["neck"] == "neck"
    assert [OTHER_SIDE[b] for b in OTHER_SIDE] == list(range(24))


def test_a_mirrored_dance_is_the_dance_in_a_mirror():
    vectors = encode(*dance())
    seen = joints(vectors)[..., OTHER_SIDE, :] * torch.tensor([-1.0, 1, 1])
    # Bones of the two sides differ by up to 2 cm, and there are up to eight in a chain.
    distance = (joints(mirror(vectors)) - seen).norm(dim=-1)
    assert distance.mean() < 0.02
    assert distance.max() < 0.08


def test_mirrored_twice_is_the_dance_itself():
    vectors = encode(*dance())
    assert torch.equal(mirror(mirror(vectors)), vectors)


@given(st.floats(-7, 7))
def test_a_rotated_dance(angle):
    vectors = encode(*dance(1))
    rotated = joints(yaw(vectors, torch.full((2,), angle, dtype=torch.double)))
    matrix = torch.tensor(
        [[math.cos(angle), -math.sin(angle), 0], [math.sin(angle), math.cos(angle), 0], [0, 0, 1]],
        dtype=torch.double,
    )
    torch.testing.assert_close(rotated, joints(vectors) @ matrix.T, atol=1e-9, rtol=0)


def test_contacts_change_sides_but_do_not_rotate():
    vectors = encode(*dance())
    vectors[..., CONTACT] = 0
    vectors[..., 147] = 1  # left ankle
    assert mirror(vectors)[..., CONTACT][0, 0].tolist() == [0, 1, 0, 0, 0, 0, 0, 0, 0]
    assert torch.equal(yaw(vectors, torch.ones(2))[..., CONTACT], vectors[..., CONTACT])


def test_only_what_was_chosen_is_mirrored():
    vectors = encode(*dance())
    made = augment(vectors, torch.tensor([True, False]))
    assert torch.equal(made[0], mirror(vectors)[0])
    assert torch.equal(made[1], vectors[1])
    assert torch.equal(augment(vectors), vectors)


@pytest.mark.parametrize(("mirrored", "rotated"), [(True, False), (False, True), (True, True)])
def test_a_widened_scaler_clips_nothing(mirrored, rotated):
    vectors = encode(*dance(2)).repeat(40, 1, 1)
    scaler = widen(MinMaxScaler.fit([vectors]), mirrored=mirrored, rotated=rotated)
    draw = torch.Generator().manual_seed(1)
    made = augment(
        vectors,
        torch.rand(80, generator=draw) < 0.5 if mirrored else None,
        torch.rand(80, generator=draw) * 7 if rotated else None,
    )
    np.testing.assert_allclose(scaler.unscale(scaler.scale(made)).numpy(), made.numpy(), atol=1e-9)

"""Inverse kinematics against poses that are known, and against SciPy joint by joint."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from hybrik_runner.hybrik import twist_swing
from hybrik_runner.hybrik.twist_swing import CHILDREN, PARENTS


def poses(count, seed=0):
    """(count, 24, 3, 3) rotations: the root by any, joints by up to some 80°."""
    random = np.random.default_rng(seed)
    turns = random.uniform(-0.8, 0.8, (count, 24, 3))
    matrices = Rotation.from_rotvec(turns.reshape(-1, 3)).as_matrix().reshape(count, 24, 3, 3)
    matrices[:, 0] = Rotation.random(count, random_state=seed).as_matrix()
    return torch.from_numpy(matrices)


def slowly_forward(rotations, rest):
    """Joint by joint, frame by frame."""
    out = np.zeros((len(rotations), 29, 3))
    for frame, turns in enumerate(rotations):
        chain = [Rotation.from_matrix(turns[0])]
        out[frame, 0] = rest[0]
        for joint in range(1, 29):
            parent = PARENTS[joint]
            out[frame, joint] = out[frame, parent] + chain[parent].apply(rest[joint] - rest[parent])
            if joint < 24:
                chain.append(chain[parent] * Rotation.from_matrix(turns[joint]))
    return out


def twists_of(rotations, rest):
    """(n, 23, 2) by SciPy: the part of each rotation's quaternion along its bone."""
    out = np.zeros((len(rotations), 23, 2))
    for joint in range(1, 24):
        axis = rest[CHILDREN[joint]] - rest[joint]
        axis = axis / np.linalg.norm(axis)
        quaternions = Rotation.from_matrix(rotations[:, joint]).as_quat()
        angles = 2 * np.arctan2(quaternions[:, :3] @ axis, quaternions[:, 3])
        out[:, joint - 1] = np.stack([np.cos(angles), np.sin(angles)], 1)
    return torch.from_numpy(out)


def slowly_inverse(joints, rest, twists):
    """The paper's adaptive solution for exact bones, joint by joint with SciPy."""
    out = np.zeros((len(joints), 24, 3, 3))
    for frame, seen in enumerate(joints):
        root = Rotation.align_vectors(seen[1:4] - seen[0], rest[1:4] - rest[0])[0]
        chain = [root]
        out[frame, 0] = root.as_matrix()
        for joint in range(1, 24):
            child, parent = CHILDREN[joint], PARENTS[joint]
            bone = rest[child] - rest[joint]
            target = chain[parent].inv().apply(seen[child] - seen[joint])
            normal = np.cross(bone, target)
            angle = np.arctan2(np.linalg.norm(normal), bone @ target)
            swing = Rotation.from_rotvec(angle * normal / np.linalg.norm(normal))
            cosine, sine = twists[frame, joint - 1]
            twist = Rotation.from_rotvec(np.arctan2(sine, cosine) * bone / np.linalg.norm(bone))
            turn = swing * twist
            out[frame, joint] = turn.as_matrix()
            chain.append(chain[parent] * turn)
    return out


def test_forward_agrees_with_scipy(rest):
    rotations = poses(4)
    joints, chain = twist_swing.forward_kinematics(rotations, rest.expand(4, 29, 3))

    np.testing.assert_allclose(joints, slowly_forward(rotations.numpy(), rest.numpy()), atol=1e-12)
    np.testing.assert_allclose(
        chain[:, 7], rotations[:, 0] @ rotations[:, 1] @ rotations[:, 4] @ rotations[:, 7]
    )


def test_inverse_agrees_with_scipy_joint_by_joint(rest):
    rotations, many = poses(20, seed=1), rest.expand(20, 29, 3)
    joints, twists = (
        twist_swing.forward_kinematics(rotations, many)[0],
        twists_of(rotations.numpy(), rest.numpy()),
    )

    found = twist_swing.inverse_kinematics(joints, many, 3 * twists)

    np.testing.assert_allclose(found, slowly_inverse(joints.numpy(), rest.numpy(), twists.numpy()), atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_joints_to_rotations_to_joints(rest, dtype):
    rotations, many = poses(500, seed=2).to(dtype), rest.to(dtype).expand(500, 29, 3)
    joints = twist_swing.forward_kinematics(rotations, many)[0]
    twists = twists_of(rotations.double().numpy(), rest.numpy()).to(dtype)

    found = twist_swing.inverse_kinematics(joints + 2.0, many, twists)

    # Nothing aims at the collars: the neck's bone and the chest's twist place them, both exact here.
    assert (twist_swing.forward_kinematics(found, many)[0] - joints).norm(dim=-1).max() < 1e-3
    assert (found.mT @ found - torch.eye(3, dtype=dtype)).abs().max() < 1e-5
    assert (torch.linalg.det(found) > 0).all()


def test_naive_solution_aims_every_bone(rest):
    rotations, many = poses(50, seed=3), rest.expand(50, 29, 3)
    joints = twist_swing.forward_kinematics(rotations, many)[0]
    found = twist_swing.inverse_kinematics(
        joints, many, twists_of(rotations.numpy(), rest.numpy()), naive=True
    )

    reached = twist_swing.offsets(twist_swing.forward_kinematics(found, many)[0])
    seen = twist_swing.offsets(joints)
    np.testing.assert_allclose(reached[:, 3], seen[:, 3], atol=1e-9)


@pytest.mark.parametrize("about", range(3))
@pytest.mark.parametrize(("spine", "across"), [(0, 1), (1, 2), (2, 0)])
def test_the_naive_root_of_a_body_turned_by_exactly_half_a_turn(rest, spine, across, about):
    """Of a body upright before a camera whose y points down, spine and hips may be opposite to the rest's to
    the last bit, which leaves the axes of the shortest turns open."""
    body = rest.clone()
    body[:4] = 0
    body[1:4, spine] = torch.tensor([-0.09, -0.09, 0.11], dtype=rest.dtype)
    body[1:3, across] = torch.tensor([0.06, -0.06], dtype=rest.dtype)
    body[1:3, 3 - spine - across] = -0.02
    half = torch.full((3,), -1.0, dtype=rest.dtype)
    half[about] = 1
    twists = torch.tensor([1.0, 0.0], dtype=rest.dtype).expand(1, 23, 2)

    root = twist_swing.inverse_kinematics((body * half)[None], body[None], twists, naive=True)[0, 0]

    torch.testing.assert_close(root @ body[3], half * body[3], atol=1e-6, rtol=0)
    hips = body[1:3].mean(0)
    torch.testing.assert_close(root @ hips, half * hips, atol=1e-6, rtol=0)


def test_a_long_bone_does_not_turn_what_follows(rest):
    """A wrist seen 10 cm off, with its hand: forearm and hand then point as they were seen to."""
    joints = rest.clone()[None]
    hand = [22, 25]
    joints[:, hand] += torch.tensor([0.0, 0.1, 0.0])
    joints[:, 20] += torch.tensor([0.0, 0.1, 0.0])
    found = twist_swing.inverse_kinematics(
        joints, rest[None], torch.tensor([1.0, 0]).expand(1, 23, 2).double()
    )

    placed = twist_swing.offsets(twist_swing.forward_kinematics(found, rest[None])[0])[0]
    seen = twist_swing.offsets(joints)[0]
    for child in (20, 22):
        assert torch.cosine_similarity(placed[child], seen[child], dim=0) > 1 - 1e-9


def test_a_batch_is_its_frames(rest):
    joints = twist_swing.forward_kinematics(poses(6), rest.expand(6, 29, 3))[0]
    twists = torch.from_numpy(np.random.default_rng(0).normal(size=(6, 23, 2)))
    together = twist_swing.inverse_kinematics(joints, rest.expand(6, 29, 3), twists)
    single = [
        twist_swing.inverse_kinematics(joints[i : i + 1], rest[None], twists[i : i + 1]) for i in range(6)
    ]

    np.testing.assert_allclose(together, torch.cat(single), atol=1e-12)


def test_more_frames_than_are_taken_at_a_time(rest):
    rotations, many = poses(2500, seed=5), rest.expand(2500, 29, 3)
    joints, chain = twist_swing.forward_kinematics(rotations, many)
    twists = torch.from_numpy(np.random.default_rng(1).normal(size=(2500, 23, 2)))
    part = slice(2040, 2060)

    np.testing.assert_allclose(
        twist_swing.forward_kinematics(rotations[part], many[part])[1], chain[part], atol=1e-12
    )
    np.testing.assert_allclose(
        twist_swing.inverse_kinematics(joints, many, twists)[part],
        twist_swing.inverse_kinematics(joints[part], many[part], twists[part]),
        atol=1e-12,
    )


def test_bones_without_length_give_rotations_and_no_nan(rest):
    found = twist_swing.inverse_kinematics(
        torch.zeros(3, 29, 3), rest.expand(3, 29, 3).float(), torch.zeros(3, 23, 2)
    )

    assert torch.isfinite(found).all()


def test_gradients_reach_the_joints(rest):
    joints = twist_swing.forward_kinematics(poses(4, seed=6), rest.expand(4, 29, 3))[0].requires_grad_()
    found = twist_swing.inverse_kinematics(joints, rest.expand(4, 29, 3), torch.ones(4, 23, 2).double())
    found.square().sum().backward()
    twist_swing.forward_kinematics(found.detach(), rest.expand(4, 29, 3))

    assert torch.isfinite(joints.grad).all()

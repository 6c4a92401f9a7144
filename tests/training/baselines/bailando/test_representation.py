"""The 72 channels of Bailando's motion."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")

from training.baselines.bailando.representation import (  # noqa: E402
    WIDTH,
    decode,
    encode,
    join,
    split,
    without_velocity,
)


def test_positions_survive_but_for_the_start() -> None:
    joints = torch.randn(2, 6, 24, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    motion = encode(joints)
    assert motion.shape == (2, 6, WIDTH)
    start = joints[:, :1, :1]
    assert torch.allclose(decode(motion), joints - start)
    assert torch.equal(motion[:, -1, :3], motion[:, -2, :3])  # the last velocity is repeated
    assert torch.allclose(motion[:, 2, :3], joints[:, 3, 0] - joints[:, 2, 0])
    assert torch.allclose(motion[:, 2, 3:6], joints[:, 2, 1] - joints[:, 2, 0])


def test_halves_have_the_joints_of_legs_and_of_the_rest() -> None:
    joint_of = torch.arange(24).repeat_interleave(3).expand(2, WIDTH).float()
    halves = split(joint_of)
    assert halves.down[0, ::3].tolist() == [0, 1, 2, 4, 5, 7, 8, 10, 11]
    assert halves.up[0, ::3].tolist() == [3, 6, 9, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23]
    motion = torch.randn(2, 5, WIDTH)
    assert torch.equal(join(split(motion)), motion)
    assert without_velocity(motion)[..., :3].abs().max() == 0
    assert torch.equal(without_velocity(motion)[..., 3:], motion[..., 3:])

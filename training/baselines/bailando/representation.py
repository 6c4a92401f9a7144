"""Motion of Bailando: 72 channels, the 24 SMPL joints × x, y, z in metres, without rotations and unscaled.

Joints 1..23 are relative to joint 0. Channels 0..2 hold the velocity of joint 0, in metres a frame. The codes
describe the motion without it: the encoders see zeros there, and a decoder of its own restores it.
"""

from __future__ import annotations

from typing import NamedTuple

import torch

JOINTS = 24
WIDTH = 3 * JOINTS
LOWER_JOINTS = (0, 1, 2, 4, 5, 7, 8, 10, 11)
UPPER_JOINTS = tuple(joint for joint in range(JOINTS) if joint not in LOWER_JOINTS)


class Halves(NamedTuple):
    """The same thing for the upper and for the lower half of the body."""

    up: torch.Tensor
    down: torch.Tensor


def encode(joints: torch.Tensor) -> torch.Tensor:
    """Encodes positions.

    Args:
        joints: (…, frames, 24, 3) metres; at least 2 frames.

    Returns:
        (…, frames, 72). The last velocity is that of the frame before it.
    """
    root = joints[..., 0, :]
    velocity = root.diff(dim=-2)
    velocity = torch.cat([velocity, velocity[..., -1:, :]], dim=-2)
    relative = joints[..., 1:, :] - joints[..., :1, :]
    return torch.cat([velocity, relative.flatten(-2)], dim=-1)


def decode(motion: torch.Tensor) -> torch.Tensor:
    """Decodes (…, frames, 72) to positions (…, frames, 24, 3); joint 0 starts at the origin."""
    joints = motion.reshape(*motion.shape[:-1], JOINTS, 3)
    moved = joints[..., :-1, :1, :].cumsum(dim=-3)
    root = torch.cat([torch.zeros_like(joints[..., :1, :1, :]), moved], dim=-3)
    return torch.cat([root, joints[..., 1:, :] + root], dim=-2)


def without_velocity(motion: torch.Tensor) -> torch.Tensor:
    """(…, 72) with zeros in place of the velocity of joint 0."""
    return torch.cat([torch.zeros_like(motion[..., :3]), motion[..., 3:]], dim=-1)


def split(motion: torch.Tensor) -> Halves:
    """(…, 72) → upper (…, 45) and lower (…, 27) channels."""
    return Halves(*(motion[..., _channels(joints)] for joints in (UPPER_JOINTS, LOWER_JOINTS)))


def join(halves: Halves) -> torch.Tensor:
    """Upper (…, 45) and lower (…, 27) channels → (…, 72)."""
    motion = halves.up.new_empty(*halves.up.shape[:-1], WIDTH)
    motion[..., _channels(UPPER_JOINTS)] = halves.up
    motion[..., _channels(LOWER_JOINTS)] = halves.down
    return motion


def _channels(joints: tuple[int, ...]) -> list[int]:
    return [3 * joint + axis for joint in joints for axis in range(3)]

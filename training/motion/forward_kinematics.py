"""Differentiable forward kinematics of the SMPL skeleton in torch, one step for each level of the tree."""

from __future__ import annotations

import torch

from popdanceset.skeleton import SMPL_OFFSETS, SMPL_PARENTS, levels

JOINTS = len(SMPL_PARENTS)


def forward_kinematics(rotations: torch.Tensor, translation: torch.Tensor) -> torch.Tensor:
    """Joint positions of the mean SMPL skeleton.

    Args:
        rotations: (…, 24, 3, 3) matrices, relative to the parent joint.
        translation: (…, 3) position of the root, metres.

    Returns:
        (…, 24, 3) positions, metres, in the axes of the translation.
    """
    offsets = torch.as_tensor(SMPL_OFFSETS, dtype=rotations.dtype, device=rotations.device)
    global_rotations: list[torch.Tensor] = [rotations[..., :1, :, :]]
    positions: list[torch.Tensor] = [translation[..., None, :]]
    order: list[int] = [0]
    above = {0: 0}
    for level in levels()[1:]:
        parents = [above[SMPL_PARENTS[joint]] for joint in level]
        frames = global_rotations[-1][..., parents, :, :]
        positions.append(positions[-1][..., parents, :] + (frames @ offsets[level][..., None])[..., 0])
        global_rotations.append(frames @ rotations[..., level, :, :])
        order += level
        above = {joint: place for place, joint in enumerate(level)}
    restore = sorted(range(JOINTS), key=order.__getitem__)
    return torch.cat(positions, dim=-2)[..., restore, :]

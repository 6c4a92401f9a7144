"""DS-attention: in each frame, joints attend to joints; and the Space Augmentation of their weights."""

from __future__ import annotations

import torch
from torch import nn

from training.data.representation import ROTATION, WIDTH
from training.motion.forward_kinematics import JOINTS

HEADS = 4

CHAIN = ((3, 6), (6, 9), (9, 12), (9, 13), (9, 14), (13, 16), (14, 17), (12, 15))
"""Parents and children that Space Augmentation connects to the root, in this order (Algorithm 1)."""

_SIX = 6
_ROTATION_WIDTH = JOINTS * _SIX


class JointAttention(nn.Module):
    """DS-attention.

    The features of a frame are projected to four heads of 156 channels, laid out like a motion vector. The
    144 channels of rotations, six for each of the 24 joints, attend to each other; the other 12 pass
    unchanged.

    Args:
        width: features of a frame.
        halving: as in `mixing_matrix`.
    """

    mixing: torch.Tensor

    def __init__(self, width: int, halving: bool = True) -> None:
        super().__init__()
        self.query = nn.Linear(width, HEADS * _ROTATION_WIDTH, bias=False)
        self.key = nn.Linear(width, HEADS * _ROTATION_WIDTH, bias=False)
        self.value = nn.Linear(width, HEADS * WIDTH, bias=False)
        self.output = nn.Linear(HEADS * WIDTH, width)
        for layer in (self.query, self.key, self.value):
            nn.init.xavier_uniform_(layer.weight)
        self.register_buffer("mixing", mixing_matrix(halving), persistent=False)

    def forward(self, rotated: torch.Tensor, plain: torch.Tensor) -> torch.Tensor:
        """Both (batch, frames, width), with and without rotary positions → the same shape."""
        shape = (-1, HEADS, JOINTS, _SIX)
        query = (self.query(rotated) * _SIX**-0.5).view(shape)
        weights = (query @ self.key(rotated).view(shape).mT).softmax(dim=-1)
        values = self.value(plain).view(-1, HEADS, WIDTH)
        before, rotations, after = values.split(
            [ROTATION.start, _ROTATION_WIDTH, WIDTH - ROTATION.stop], dim=-1
        )
        attended = augmented_attention(weights, rotations.reshape(shape), self.mixing.to(weights))
        joined = torch.cat([before, attended.flatten(-2), after], dim=-1)
        x: torch.Tensor = self.output(joined.view(*plain.shape[:-1], HEADS * WIDTH))
        return x


def augmented_attention(weights: torch.Tensor, values: torch.Tensor, mixing: torch.Tensor) -> torch.Tensor:
    """Attention to values after the Space Augmentation of its weights, which ties trunk and head to the root.

    Only the row and the column of the root change, so their changes are added to the result of plain
    attention, which saves a second matrix of weights. Rows are not normalised again.

    Args:
        weights: (…, 24, 24) attention of joints (rows) to joints (columns).
        values: (…, 24, features).
        mixing: (24, 24), from `mixing_matrix`.

    Returns:
        (…, 24, features).
    """
    change = mixing - torch.eye(JOINTS, dtype=mixing.dtype, device=mixing.device)
    attended = weights @ values
    from_root = (weights[..., :1, :] @ change) @ values
    to_root = (weights[..., 0] @ change)[..., 1:, None]
    attended[..., :1, :] += from_root
    attended[..., 1:, :] += to_root * values[..., :1, :]
    return attended


def mixing_matrix(halving: bool = True) -> torch.Tensor:
    """(24, 24) matrix M such that row @ M performs the steps of Algorithm 1 in order.

    Args:
        halving: the new weight of a child is the mean of its own and its parent's weight, not their sum.
    """
    mixing = torch.eye(JOINTS, dtype=torch.float64)
    for parent, child in CHAIN:
        mixing[:, child] += mixing[:, parent]
        if halving:
            mixing[:, child] /= 2
    return mixing.float()

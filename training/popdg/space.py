"""DS-attention: in each frame, joints attend to joints; and the Space Augmentation of their weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.autograd.function import FunctionCtx, once_differentiable

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
        attended = augmented_attention(weights, rotations.reshape(shape), self.mixing)
        joined = torch.cat([before, attended.flatten(-2), after], dim=-1)
        x: torch.Tensor = self.output(joined.view(*plain.shape[:-1], HEADS * WIDTH))
        return x


def augmented_attention(weights: torch.Tensor, values: torch.Tensor, mixing: torch.Tensor) -> torch.Tensor:
    """Attention to values after the Space Augmentation of its weights, which ties trunk and head to the root.

    Rows are not normalised again.

    Args:
        weights: (…, 24, 24) attention of joints (rows) to joints (columns).
        values: (…, 24, features).
        mixing: (24, 24), from `mixing_matrix`.

    Returns:
        (…, 24, features).
    """
    apply: Callable[..., torch.Tensor] = _AugmentedAttention.apply
    return apply(weights.to(values), values, mixing.to(values))


class _AugmentedAttention(torch.autograd.Function):
    """The augmentation changes only the row and the column of the root.

    So the changes are added to the result of plain attention, and to its gradients in place: no second matrix
    of weights is made, and none of the gradients of slices, as large as the matrix, that autograd would add.
    """

    @staticmethod
    def forward(
        ctx: FunctionCtx, weights: torch.Tensor, values: torch.Tensor, mixing: torch.Tensor
    ) -> torch.Tensor:
        change = mixing - torch.eye(JOINTS, dtype=mixing.dtype, device=mixing.device)
        row, column = weights[..., 0, :] @ change, _without_root(weights[..., 0] @ change)
        ctx.save_for_backward(weights, values, change, row, column)
        attended = weights @ values
        attended[..., 0, :] += (row[..., None] * values).sum(dim=-2)
        return attended.addcmul_(column[..., None], values[..., :1, :])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, None]:
        (gradient,) = gradients
        weights, values, change, row, column = ctx.saved_tensors
        of_values = weights.mT @ gradient
        of_values.addcmul_(row[..., None], gradient[..., :1, :])
        of_values[..., 0, :] += (column[..., None] * gradient).sum(dim=-2)
        of_weights = gradient @ values.mT
        of_row, of_column = of_weights[..., 0, :], _without_root(of_weights[..., 0].clone())
        of_weights[..., 0, :] += of_row @ change.mT
        of_weights[..., 0] += of_column @ change.mT
        return of_weights, of_values, None


def _without_root(column: torch.Tensor) -> torch.Tensor:
    # The element of the root itself belongs to its row, which must not count twice.
    column[..., 0] = 0
    return column


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

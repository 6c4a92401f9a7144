"""Rotary positions: pairs of features rotated by an angle that grows with the frame (Su et al., 2021).

The network rotates all features of a frame before the projection to queries and keys, not each head after it.
"""

from __future__ import annotations

import torch
from torch import nn

BASE = 10_000.0


class Rotary(nn.Module):
    """Rotates features 2i and 2i+1 of frame p, as a complex number, by the angle p · 10000^(−2i/width).

    Args:
        width: features; even.
        length: number of positions.
    """

    rotations: torch.Tensor

    def __init__(self, width: int, length: int) -> None:
        super().__init__()
        frequencies = BASE ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
        angles = torch.arange(length, dtype=torch.float64)[:, None] * frequencies
        # Real numbers: conversions of a module's buffers to another dtype would break complex ones.
        rotations = torch.stack([angles.cos(), angles.sin()], dim=-1).float()
        self.register_buffer("rotations", rotations, persistent=False)

    def forward(self, x: torch.Tensor, first: int = 0) -> torch.Tensor:
        """(…, frames, width) → the same shape, rotated; `first` is the position of the first frame."""
        rotations = torch.view_as_complex(self.rotations[first : first + x.shape[-2]].to(x))
        pairs = torch.view_as_complex(x.view(*x.shape[:-1], -1, 2))
        return torch.view_as_real(pairs * rotations).flatten(-2)

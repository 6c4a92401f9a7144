"""Embedding of the timestep: one vector for the alignment modules and two tokens for cross-attention."""

from __future__ import annotations

import math

import torch
from torch import nn

TOKENS = 2


class TimeEmbedding(nn.Module):
    """Sinusoids of the timestep, through a linear layer and Mish.

    Args:
        width: features; even.
        vector: whether to compute the vector for the alignment modules.
    """

    frequencies: torch.Tensor

    def __init__(self, width: int, vector: bool) -> None:
        super().__init__()
        half = width // 2
        frequencies = torch.exp(torch.arange(half) * -(math.log(10_000) / (half - 1)))
        self.register_buffer("frequencies", frequencies, persistent=False)
        self.hidden = nn.Sequential(nn.Linear(width, 4 * width), nn.Mish())
        self.tokens = nn.Linear(4 * width, TOKENS * width)
        self.vector = nn.Linear(4 * width, width) if vector else None

    def forward(self, timesteps: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor]:
        """(batch,) timesteps, from 0 → (batch, width), or None, and (batch, 2, width)."""
        angles = timesteps[:, None] * self.frequencies
        hidden = self.hidden(torch.cat([angles.sin(), angles.cos()], dim=-1))
        tokens = self.tokens(hidden).unflatten(-1, (TOKENS, -1))
        return None if self.vector is None else self.vector(hidden), tokens

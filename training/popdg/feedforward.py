"""The feed-forward layer of decoder and encoder blocks."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from training.popdg.dropout import Dropout


class FeedForward(nn.Module):
    """Linear, GELU, linear, on each frame.

    Args:
        width: features of a frame.
        hidden: features between the two linear layers.
        dropout: share of these that is dropped in training.
    """

    def __init__(self, width: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.inner = nn.Linear(width, hidden)
        self.outer = nn.Linear(hidden, width)
        self.dropout = Dropout(dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(…, width) → (…, width)."""
        y: torch.Tensor = self.outer(self.dropout(functional.gelu(self.inner(x))))
        return y

"""Attention along time (DT, MT), along features (MF), and from dance to music (cross).

Queries and keys are computed from sequences with rotary positions, values from the same sequences without.
Keys have no bias: it would shift all scores of a query equally, which the softmax cancels.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional


class Memory(NamedTuple):
    """Keys and values of a sequence, split in heads: each (batch, heads, frames, width / heads)."""

    keys: torch.Tensor
    values: torch.Tensor

    def extended(self, other: Memory) -> Memory:
        """These keys and values followed by those of `other`, which may be one sample for the whole batch."""
        batch = (len(self.keys), -1, -1, -1)
        return Memory(
            torch.cat([self.keys, other.keys.expand(batch)], dim=2),
            torch.cat([self.values, other.values.expand(batch)], dim=2),
        )


class MultiHeadAttention(nn.Module):
    """Scaled dot-product attention with an output projection; subclasses make queries, keys and values.

    Args:
        heads: divides the width.
        dropout: share of the attention weights that is dropped in training.
    """

    output: nn.Module

    def __init__(self, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout

    def attend(self, query: torch.Tensor, memory: Memory, mask: torch.Tensor | None = None) -> torch.Tensor:
        """(batch, frames, width) queries to keys and values → (batch, frames, width)."""
        x = functional.scaled_dot_product_attention(
            split_heads(query, self.heads),
            memory.keys,
            memory.values,
            mask,
            self.dropout if self.training else 0.0,
        )
        attended: torch.Tensor = self.output(join_heads(x))
        return attended


class SelfAttention(MultiHeadAttention):
    """Attention of a sequence of `width` features a frame to itself."""

    def __init__(self, width: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__(heads, dropout)
        self.query_key = nn.Parameter(torch.empty(2 * width, width))
        self.query_bias = nn.Parameter(torch.zeros(width))
        self.value = nn.Linear(width, width)
        self.output = nn.Linear(width, width)
        for weight in (self.query_key, self.value.weight):
            _like_one_projection(weight)
        nn.init.zeros_(self.value.bias)
        nn.init.zeros_(self.output.bias)

    def forward(
        self, rotated: torch.Tensor, plain: torch.Tensor, mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Attention of (batch, frames, width) to itself.

        Args:
            rotated: with rotary positions; gives queries and keys.
            plain: without; gives values.
            mask: (batch, 1, frames, frames), added to the scores before the softmax.
        """
        query, key = functional.linear(rotated, self.query_key).chunk(2, dim=-1)
        memory = Memory(split_heads(key, self.heads), split_heads(self.value(plain), self.heads))
        return self.attend(query + self.query_bias, memory, mask)


class FeatureAttention(nn.Module):
    """MF-attention: features attend to features, each described by its values over the window.

    Args:
        window: frames.
        heads: divides `window`.
        dropout: as in `MultiHeadAttention`.
    """

    def __init__(self, window: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.attention = SelfAttention(window, heads, dropout)

    def forward(self, rotated: torch.Tensor, plain: torch.Tensor) -> torch.Tensor:
        """Both (batch, window, width), with and without rotary positions → the same shape."""
        attended: torch.Tensor = self.attention(rotated.mT, plain.mT)
        return attended.mT


class CrossAttention(MultiHeadAttention):
    """Attention of a dance of `width` features a frame to a memory, which is computed once and used often."""

    def __init__(self, width: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__(heads, dropout)
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width)
        self.output = nn.Linear(width, width)
        for layer in (self.query, self.key, self.value):
            _like_one_projection(layer.weight)
        for layer in (self.query, self.value, self.output):
            nn.init.zeros_(layer.bias)

    def remember(self, rotated: torch.Tensor, plain: torch.Tensor) -> Memory:
        """Keys and values of (batch, frames, width), with and without rotary positions."""
        return Memory(split_heads(self.key(rotated), self.heads), split_heads(self.value(plain), self.heads))

    def forward(self, rotated: torch.Tensor, memory: Memory) -> torch.Tensor:
        """(batch, frames, width), with rotary positions → the same shape."""
        return self.attend(self.query(rotated), memory)


def random_frame_mask(batch: int, frames: int, share: float, like: torch.Tensor) -> torch.Tensor:
    """(batch, 1, frames, frames), to add to scores: −∞ for hidden frames, 0 elsewhere.

    The hidden frames are drawn for each sample. Every frame attends to itself, so that no softmax is empty.
    """
    hidden = torch.rand(batch, 1, 1, frames, device=like.device) < share
    others = ~torch.eye(frames, dtype=torch.bool, device=like.device)
    return torch.zeros(batch, 1, frames, frames, dtype=like.dtype, device=like.device).masked_fill_(
        hidden & others, float("-inf")
    )


def split_heads(x: torch.Tensor, heads: int) -> torch.Tensor:
    """(batch, frames, width) → (batch, heads, frames, width / heads)."""
    return x.view(*x.shape[:-1], heads, -1).transpose(1, 2)


def join_heads(x: torch.Tensor) -> torch.Tensor:
    """(batch, heads, frames, features) → (batch, frames, heads · features)."""
    return x.transpose(1, 2).flatten(-2)


def _like_one_projection(weight: torch.Tensor) -> None:
    # Xavier's bound for queries, keys and values in one matrix, as in torch.nn.MultiheadAttention.
    width = weight.shape[1]
    bound = (6 / (4 * width)) ** 0.5
    nn.init.uniform_(weight, -bound, bound)

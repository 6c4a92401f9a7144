"""A block of the dance decoder: attention in space, in time and to the music."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from training.popdg.alignment import Alignment
from training.popdg.attention import CrossAttention, Memory, SelfAttention
from training.popdg.config import ModelConfig
from training.popdg.dropout import Dropout
from training.popdg.feedforward import FeedForward
from training.popdg.rotary import Rotary
from training.popdg.space import JointAttention


class DanceDecoderBlock(nn.Module):
    """DS-, DT- and cross-attention and a feed-forward layer, each with layer norm and residual connection.

    Alignment modules modulate the output of the last three before it is added.

    Args:
        config: sizes and switches.
        align: makes an alignment module, which is called with the output and a condition (batch, width).
    """

    def __init__(
        self,
        config: ModelConfig,
        align: Callable[[ModelConfig], nn.Module] = lambda config: Alignment(config.width, config.kernel),
    ) -> None:
        super().__init__()
        width, dropout = config.width, config.attention_dropout
        self.ds_attention, self.alignment = config.ds_attention, config.alignment
        if config.ds_attention:
            self.space_norm = nn.LayerNorm(width)
            self.space_attention = JointAttention(width, config.halving)
        self.time_norm = nn.LayerNorm(width)
        self.time_attention = SelfAttention(width, config.heads, dropout)
        self.music_norm = nn.LayerNorm(width)
        self.music_attention = CrossAttention(width, config.heads, dropout)
        self.feedforward_norm = nn.LayerNorm(width)
        self.feedforward = FeedForward(width, config.feedforward, config.dropout)
        if config.alignment:
            self.time_alignment = align(config)
            self.music_alignment = align(config)
            self.feedforward_alignment = align(config)
        self.dropout = Dropout(config.dropout)

    def forward(
        self,
        x: torch.Tensor,
        memory: Memory,
        rotary: Rotary,
        condition: torch.Tensor | None,
        mask: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """One block.

        Args:
            x: (batch, window, width); or fewer dances, if each is denoised under several conditions: they are
                repeated where the conditions first make a difference.
            memory: keys and values of music and time tokens for this block.
            rotary: positions.
            condition: (batch, width), noise level and music; None without alignment modules.
            mask: of the frames hidden from DT-attention, see `random_frame_mask`.

        Returns:
            (batch, window, width).
        """
        if self.ds_attention:
            normed = self.space_norm(x)
            x = x + self.dropout(self.space_attention(rotary(normed), normed))
        normed = self.time_norm(x)
        y = self.dropout(self.time_attention(rotary(normed), normed, mask))
        if len(x) < len(memory.keys):
            x, y = (part.repeat(len(memory.keys) // len(part), 1, 1) for part in (x, y))
        x = x + (y if condition is None else self.time_alignment(y, condition))
        y = self.dropout(self.music_attention(rotary(self.music_norm(x)), memory))
        x = x + (y if condition is None else self.music_alignment(y, condition))
        y = self.dropout(self.feedforward(self.feedforward_norm(x)))
        added: torch.Tensor = y if condition is None else self.feedforward_alignment(y, condition)
        return x + added

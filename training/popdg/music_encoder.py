"""The music encoder: music features to the tokens and the pooled vector that the dance decoder reads."""

from __future__ import annotations

import torch
from torch import nn

from training.popdg.alignment import ConvolvedMean
from training.popdg.attention import FeatureAttention, SelfAttention
from training.popdg.config import ModelConfig
from training.popdg.dropout import Dropout
from training.popdg.feedforward import FeedForward
from training.popdg.rotary import Rotary


class MusicEncoderBlock(nn.Module):
    """MF-attention, MT-attention and a feed-forward layer, each with layer norm and residual connection."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width, dropout = config.width, config.attention_dropout
        if config.mf_attention:
            self.feature_norm = nn.LayerNorm(width)
            self.feature_attention = FeatureAttention(config.window, config.feature_heads, dropout)
        self.mf_attention = config.mf_attention
        self.time_norm = nn.LayerNorm(width)
        self.time_attention = SelfAttention(width, config.heads, dropout)
        self.feedforward_norm = nn.LayerNorm(width)
        self.feedforward = FeedForward(width, config.feedforward, config.dropout)
        self.dropout = Dropout(config.dropout)

    def forward(self, x: torch.Tensor, rotary: Rotary) -> torch.Tensor:
        """(batch, window, width) → the same shape."""
        if self.mf_attention:
            normed = self.feature_norm(x)
            x = x + self.dropout(self.feature_attention(rotary(normed), normed))
        normed = self.time_norm(x)
        x = x + self.dropout(self.time_attention(rotary(normed), normed))
        y: torch.Tensor = x + self.dropout(self.feedforward(self.feedforward_norm(x)))
        return y


class MusicEncoder(nn.Module):
    """Music features to tokens."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.projection = nn.Linear(config.music_dim, config.width)
        self.blocks = nn.ModuleList(MusicEncoderBlock(config) for _ in range(config.music_layers))

    def forward(self, music: torch.Tensor, rotary: Rotary) -> torch.Tensor:
        """(batch, window, music_dim) → (batch, window, width)."""
        x: torch.Tensor = self.projection(music).to(music.dtype)
        for block in self.blocks:
            x = block(x, rotary)
        return x


class MusicPool(nn.Module):
    """Pools all tokens of a window into one vector for the alignment modules."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.width
        self.pool = ConvolvedMean(width, config.kernel)
        self.projection = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width)
        )

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """(batch, window, width) → (batch, width)."""
        pooled: torch.Tensor = self.projection(self.pool(tokens))
        return pooled

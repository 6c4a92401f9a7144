"""The network that continues the codes of both halves to music: Bailando, Sec. 3.2 and 3.3.

A sequence has three streams of equal length, one after the other: music, codes of the upper half, codes of
the lower half.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import nn
from torch.nn import functional

from training.baselines.bailando.config import GptConfig
from training.baselines.bailando.representation import Halves

_STREAMS = 3
_DEVIATION = 0.02


class DanceGpt(nn.Module):
    """A base that is shared by the actor's head and the critic.

    Args:
        config: the sizes.
    """

    def __init__(self, config: GptConfig) -> None:
        super().__init__()
        self.config = config
        self.base = Base(config)
        self.head = Head(config, config.head_layers, config.codes)
        self.critic = Head(config, config.critic_layers, 1)
        self.apply(_first_values)
        nn.init.normal_(self.base.positions, std=_DEVIATION)

    def forward(self, codes: Halves, music: torch.Tensor) -> Halves:
        """Scores of the next codes.

        Args:
            codes: (batch, time) each.
            music: (batch, time, music_width), one frame ahead: music of the codes that are predicted.

        Returns:
            (batch, time, codes) each.
        """
        scores: Halves = self.head(self.base(codes, music))
        return scores

    def values(self, codes: Halves, music: torch.Tensor) -> torch.Tensor:
        """The critic's values (batch, time) of the states; only the critic gets gradients."""
        with torch.no_grad():
            features = self.base(codes, music)
        values = self.critic(features)
        summed: torch.Tensor = values.up + values.down
        return summed[..., 0]


class Base(nn.Module):
    """Embeds the three streams and mixes them in blocks."""

    def __init__(self, config: GptConfig) -> None:
        super().__init__()
        self.block = config.block
        self.music = nn.Linear(config.music_width, config.width)
        self.up = nn.Embedding(config.codes, config.width)
        self.down = nn.Embedding(config.codes, config.width)
        self.positions = nn.Parameter(torch.empty(_STREAMS, config.block, config.width))
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = _blocks(config, config.base_layers)

    def forward(self, codes: Halves, music: torch.Tensor) -> torch.Tensor:
        """As `DanceGpt.forward` → (batch, 3 · time, width).

        Raises:
            ValueError: the streams are longer than a block.
        """
        length = music.shape[1]
        if length > self.block:
            raise ValueError(f"{length} codes, but a block has {self.block}")
        tokens = torch.cat([self.music(music), self.up(codes.up), self.down(codes.down)], dim=1)
        x: torch.Tensor = self.blocks(self.dropout(tokens + self.positions[:, :length].flatten(0, 1)))
        return x


class Head(nn.Module):
    """Blocks, a norm, and a projection for each half of the body."""

    def __init__(self, config: GptConfig, layers: int, outputs: int) -> None:
        super().__init__()
        self.blocks = _blocks(config, layers)
        self.norm = nn.LayerNorm(config.width)
        self.up = nn.Linear(config.width, outputs, bias=False)
        self.down = nn.Linear(config.width, outputs, bias=False)

    def forward(self, features: torch.Tensor) -> Halves:
        """(batch, 3 · time, width) → (batch, time, outputs) for each half."""
        _, up, down = self.norm(self.blocks(features)).chunk(_STREAMS, dim=1)
        return Halves(self.up(up), self.down(down))


class Block(nn.Module):
    """Attention and a feed-forward network, each after a norm and with a residual."""

    def __init__(self, config: GptConfig) -> None:
        super().__init__()
        width = config.width
        self.heads, self.share = config.heads, config.dropout
        self.attention_norm = nn.LayerNorm(width)
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.attention_output = nn.Linear(width, width)
        self.feedforward_norm = nn.LayerNorm(width)
        self.inner = nn.Linear(width, 4 * width)
        self.outer = nn.Linear(4 * width, width)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, 3 · time, width) → the same shape."""
        normed = self.attention_norm(x)
        query, key, value = (
            layer(normed).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        mixed = functional.scaled_dot_product_attention(
            query,
            key,
            value,
            past(x.shape[1] // _STREAMS, x.device),
            self.share if self.training else 0.0,
        )
        x = x + self.dropout(self.attention_output(mixed.transpose(1, 2).flatten(-2)))
        hidden = functional.gelu(self.inner(self.feedforward_norm(x)))
        fed: torch.Tensor = x + self.dropout(self.outer(hidden))
        return fed


@cache
def past(time: int, device: torch.device) -> torch.Tensor:
    """(3 · time, 3 · time): position i of any stream sees positions up to i of all three."""
    seen = torch.ones(time, time, dtype=torch.bool, device=device).tril()
    return seen.repeat(_STREAMS, _STREAMS)


def next_code_loss(scores: Halves, targets: Halves) -> torch.Tensor:
    """Cross entropy of the next codes (batch, time), the sum of both halves."""
    return sum(
        (
            functional.cross_entropy(half.flatten(0, 1), target.flatten())
            for half, target in zip(scores, targets, strict=True)
        ),
        scores.up.new_zeros(()),
    )


def released_critic(critic: Head) -> None:
    """Gives a critic the first weights of the released code, all of them positive: from √(6/(rows + columns))
    to 1."""
    for layer in critic.modules():
        if isinstance(layer, nn.Linear):
            nn.init.uniform_(layer.weight, (6 / sum(layer.weight.shape)) ** 0.5, 1.0)


def _blocks(config: GptConfig, layers: int) -> nn.Sequential:
    return nn.Sequential(*(Block(config) for _ in range(layers)))


def _first_values(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=_DEVIATION)
    if isinstance(module, nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)

"""The network of FACT (paper, Sec. 4): a transformer for motion, one for music, and one for both."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from training.baselines.fact.config import FactConfig

_EPSILON = 1e-5
_DEVIATION = 0.02


class FACT(nn.Module):
    """Predicts motion from motion and music.

    Args:
        config: the sizes.
    """

    def __init__(self, config: FactConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.motion_embedding = dense(config.motion_width, width)
        self.audio_embedding = dense(config.audio_width, width)
        self.motion_positions = nn.Parameter(torch.empty(config.motion_frames, width))
        self.audio_positions = nn.Parameter(torch.empty(config.audio_frames, width))
        self.motion_transformer = _transformer(config, config.motion_layers)
        self.audio_transformer = _transformer(config, config.audio_layers)
        self.cross_transformer = _transformer(config, config.cross_layers)
        self.output = nn.Linear(width, config.motion_width)
        for weight in (self.motion_positions, self.audio_positions, self.output.weight):
            nn.init.trunc_normal_(weight, std=_DEVIATION, a=-2 * _DEVIATION, b=2 * _DEVIATION)
        nn.init.zeros_(self.output.bias)

    def forward(self, motion: torch.Tensor, audio: torch.Tensor, frames: int | None = None) -> torch.Tensor:
        """Predicts the motion after a window. No attention is masked.

        Args:
            motion: (batch, motion_frames, motion_width).
            audio: (batch, audio_frames, audio_width), from the first frame of the motion on.
            frames: number of frames to predict; None: one for each frame of both windows.

        Returns:
            (batch, frames, motion_width): frame 0 follows the last frame of `motion`.
        """
        tokens = torch.cat([self.encode_motion(motion), self.encode_audio(audio)], dim=1)
        predicted: torch.Tensor = self.output(self.cross_transformer(tokens)[:, :frames])
        return predicted

    def encode_motion(self, motion: torch.Tensor) -> torch.Tensor:
        """(batch, motion_frames, motion_width) → (batch, motion_frames, width)."""
        encoded: torch.Tensor = self.motion_transformer(self.motion_embedding(motion) + self.motion_positions)
        return encoded

    def encode_audio(self, audio: torch.Tensor) -> torch.Tensor:
        """(batch, audio_frames, audio_width) → (batch, audio_frames, width)."""
        encoded: torch.Tensor = self.audio_transformer(self.audio_embedding(audio) + self.audio_positions)
        return encoded


class Layer(nn.Module):
    """A layer of a transformer: attention and a feed-forward network, each after a norm and with a residual.

    The released code scales scores by the square root of the whole width, not by that of a head's.
    """

    def __init__(self, config: FactConfig) -> None:
        super().__init__()
        self.heads, self.scale = config.heads, config.width**-0.5
        self.attention_norm = nn.LayerNorm(config.width, eps=_EPSILON)
        self.query_key_value = dense(config.width, 3 * config.width, bias=False)
        self.attention_output = dense(config.width, config.width)
        self.feedforward_norm = nn.LayerNorm(config.width, eps=_EPSILON)
        self.inner = dense(config.width, config.feedforward)
        self.outer = dense(config.feedforward, config.width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, tokens, width) → the same shape."""
        projected = self.query_key_value(self.attention_norm(x)).unflatten(-1, (3, self.heads, -1))
        query, key, value = projected.permute(2, 0, 3, 1, 4)
        attended = functional.scaled_dot_product_attention(query, key, value, scale=self.scale)
        x = x + self.attention_output(attended.transpose(1, 2).flatten(-2))
        hidden = functional.gelu(self.inner(self.feedforward_norm(x)), approximate="tanh")
        fed: torch.Tensor = x + self.outer(hidden)
        return fed


def dense(inputs: int, outputs: int, *, bias: bool = True) -> nn.Linear:
    """A linear layer with Keras' initial values: Glorot's uniform distribution, and zero."""
    layer = nn.Linear(inputs, outputs, bias)
    nn.init.xavier_uniform_(layer.weight)
    if bias:
        nn.init.zeros_(layer.bias)
    return layer


def _transformer(config: FactConfig, layers: int) -> nn.Sequential:
    return nn.Sequential(*(Layer(config) for _ in range(layers)))

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

    Attributes:
        seeds: (seeds, motion_frames, motion_width), motions of the training part to start dances from: the
            first that it was trained on.
        known_seeds: how many there are yet.
    """

    seeds: torch.Tensor
    known_seeds: torch.Tensor

    def __init__(self, config: FactConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.motion_embedding = dense(config.motion_width, width)
        self.audio_embedding = dense(config.music_dim, width)
        self.motion_positions = nn.Parameter(torch.empty(config.motion_frames, width))
        self.audio_positions = nn.Parameter(torch.empty(config.audio_frames, width))
        self.motion_transformer = _transformer(config, config.motion_layers)
        self.audio_transformer = _transformer(config, config.audio_layers)
        self.cross_transformer = _transformer(config, config.cross_layers)
        self.output = nn.Linear(width, config.motion_width)
        for weight in (self.motion_positions, self.audio_positions, self.output.weight):
            nn.init.trunc_normal_(weight, std=_DEVIATION, a=-2 * _DEVIATION, b=2 * _DEVIATION)
        nn.init.zeros_(self.output.bias)
        self.register_buffer("seeds", torch.zeros(config.seeds, config.motion_frames, config.motion_width))
        self.register_buffer("known_seeds", torch.tensor(0))

    def forward(self, motion: torch.Tensor, audio: torch.Tensor, frames: int | None = None) -> torch.Tensor:
        """Predicts the motion after a window. No attention is masked.

        In training it remembers the first motions that it sees, see `seeds`.

        Args:
            motion: (batch, motion_frames, motion_width); frames beyond these are ignored.
            audio: (batch, audio_frames, music_dim), from the first frame of the motion on; likewise.
            frames: number of frames to predict, at most as many as both windows have; None: `future`.

        Returns:
            (batch, frames, motion_width): frame 0 follows the last frame of the motion.
        """
        motion, audio = motion[:, : self.config.motion_frames], audio[:, : self.config.audio_frames]
        if self.training:
            self._remember(motion)
        tokens = torch.cat([self.encode_motion(motion), self.encode_audio(audio)], dim=1)
        count = self.config.future if frames is None else frames
        predicted: torch.Tensor = self.output(self.cross_transformer(tokens)[:, :count])
        return predicted

    def encode_motion(self, motion: torch.Tensor) -> torch.Tensor:
        """(batch, motion_frames, motion_width) → (batch, motion_frames, width)."""
        encoded: torch.Tensor = self.motion_transformer(self.motion_embedding(motion) + self.motion_positions)
        return encoded

    def encode_audio(self, audio: torch.Tensor) -> torch.Tensor:
        """(batch, audio_frames, music_dim) → (batch, audio_frames, width)."""
        encoded: torch.Tensor = self.audio_transformer(self.audio_embedding(audio) + self.audio_positions)
        return encoded

    def _remember(self, motion: torch.Tensor) -> None:
        known = int(self.known_seeds)
        new = motion[: len(self.seeds) - known].detach()
        if len(new):
            self.seeds[known : known + len(new)] = new
            self.known_seeds += len(new)


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

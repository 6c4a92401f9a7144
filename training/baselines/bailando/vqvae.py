"""Motion to codes and back: one VQ-VAE for the upper half of the body and one for the lower.

Bailando (Siyao et al., CVPR 2022), Sec. 3.1; the layers are those of Jukebox.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

from training.baselines.bailando.codebook import Codebook, Quantised
from training.baselines.bailando.config import VqVaeConfig
from training.baselines.bailando.representation import (
    LOWER_JOINTS,
    UPPER_JOINTS,
    Halves,
    join,
    split,
    without_velocity,
)


class Reconstruction(NamedTuple):
    """What one half makes of its channels: (batch, frames, channels), and the commitment of the codebook."""

    motion: torch.Tensor
    commitment: torch.Tensor


class Reconstructions(NamedTuple):
    """What both halves make of a motion."""

    up: Reconstruction
    down: Reconstruction


class MotionVqVae(nn.Module):
    """Both halves, and the decoder of the velocity of joint 0, which sees the codes of the lower half.

    Args:
        config: the sizes.
    """

    def __init__(self, config: VqVaeConfig) -> None:
        super().__init__()
        self.config = config
        self.up = HalfVqVae(3 * len(UPPER_JOINTS), config)
        self.down = HalfVqVae(3 * len(LOWER_JOINTS), config)
        self.root_decoder = Decoder(3, config)

    def encode(self, motion: torch.Tensor) -> Halves:
        """(batch, frames, 72) → codes (batch, codes) of both halves; the velocity is ignored."""
        channels = split(without_velocity(motion))
        return Halves(self.up.encode(channels.up), self.down.encode(channels.down))

    def decode(self, codes: Halves) -> torch.Tensor:
        """Codes (batch, codes) of both halves → (batch, frames, 72) with the velocity of joint 0."""
        halves = Halves(self.up.decode(codes.up), self.down.decode(codes.down))
        motion = join(halves)
        motion[..., :3] = self.velocity(codes.down)
        return motion

    def velocity(self, codes: torch.Tensor) -> torch.Tensor:
        """Codes (batch, codes) of the lower half → velocity of joint 0 (batch, frames, 3), metres a frame."""
        velocity: torch.Tensor = self.root_decoder(self.down.codebook.look_up(codes))
        return velocity

    def reconstruct(self, motion: torch.Tensor) -> Reconstructions:
        """Encodes and decodes both halves of (batch, frames, 72), the velocity of which is ignored."""
        channels = split(without_velocity(motion))
        return Reconstructions(self.up(channels.up), self.down(channels.down))

    def restore_velocity(self, motion: torch.Tensor) -> torch.Tensor:
        """(batch, frames, 72) → the velocity of joint 0 (batch, frames, 3) that its codes give.

        Only the decoder of the velocity gets gradients.
        """
        with torch.no_grad():
            codes = self.encode(motion).down
        return self.velocity(codes)


class HalfVqVae(nn.Module):
    """The VQ-VAE of one half.

    Args:
        channels: of the half.
        config: the sizes.
    """

    def __init__(self, channels: int, config: VqVaeConfig) -> None:
        super().__init__()
        self.encoder = Encoder(channels, config)
        self.codebook = Codebook(config.codes, config.embedding, config.decay)
        self.decoder = Decoder(channels, config)

    def forward(self, motion: torch.Tensor) -> Reconstruction:
        """(batch, frames, channels) → the same shape; in training, the codebook learns too."""
        quantised: Quantised = self.codebook(self.encoder(motion))
        return Reconstruction(self.decoder(quantised.features), quantised.commitment)

    def encode(self, motion: torch.Tensor) -> torch.Tensor:
        """(batch, frames, channels) → codes (batch, codes)."""
        features = self.encoder(motion)
        return self.codebook.nearest(features.mT.flatten(0, 1)).view(len(motion), -1)

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        """Codes (batch, codes) → (batch, frames, channels)."""
        decoded: torch.Tensor = self.decoder(self.codebook.look_up(codes))
        return decoded


class Encoder(nn.Module):
    """(batch, frames, channels) → features (batch, embedding, codes)."""

    def __init__(self, channels: int, config: VqVaeConfig) -> None:
        super().__init__()
        width, stride = config.width, config.stride
        self.levels = nn.ModuleList(
            nn.Sequential(
                nn.Conv1d(channels if level == 0 else width, width, 2 * stride, stride, stride // 2),
                *(ResidualBlock(config, block) for block in range(config.depth)),
            )
            for level in range(config.levels)
        )
        self.output = nn.Conv1d(width, config.embedding, 3, padding=1)

    def forward(self, motion: torch.Tensor) -> torch.Tensor:
        """See the class."""
        x = motion.mT
        for level in self.levels:
            x = level(x)
        features: torch.Tensor = self.output(x)
        return features


class Decoder(nn.Module):
    """Features (batch, embedding, codes) → (batch, frames, channels). Its dilations shrink."""

    def __init__(self, channels: int, config: VqVaeConfig) -> None:
        super().__init__()
        width, stride = config.width, config.stride
        self.input = nn.Conv1d(config.embedding, width, 3, padding=1)
        self.levels = nn.ModuleList(
            nn.Sequential(
                *(ResidualBlock(config, block) for block in reversed(range(config.depth))),
                nn.ConvTranspose1d(
                    width,
                    config.embedding if level == config.levels - 1 else width,
                    2 * stride,
                    stride,
                    stride // 2,
                ),
            )
            for level in range(config.levels)
        )
        self.output = nn.Conv1d(config.embedding, channels, 3, padding=1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """See the class."""
        x = self.input(features)
        for level in self.levels:
            x = level(x)
        motion: torch.Tensor = self.output(x)
        return motion.mT


class ResidualBlock(nn.Module):
    """Adds a dilated convolution over time to (batch, width, time).

    Args:
        config: the sizes.
        exponent: of the dilation.
    """

    def __init__(self, config: VqVaeConfig, exponent: int) -> None:
        super().__init__()
        dilation = config.dilation_growth**exponent
        self.dilated = nn.Conv1d(config.width, config.residual_width, 3, padding=dilation, dilation=dilation)
        self.pointwise = nn.Conv1d(config.residual_width, config.width, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, width, time) → the same shape."""
        added: torch.Tensor = self.pointwise(functional.relu(self.dilated(functional.relu(x))))
        return x + added

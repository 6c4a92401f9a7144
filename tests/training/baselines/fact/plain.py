"""FACT in plain steps, from torch's own layers; shares no code with the package.

A test compares with it, and the benchmark of a training step takes it for its plain side. Parameters have the
order of the package's network.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from torch import nn
from torch.nn import functional


class Layer(nn.Module):
    def __init__(self, width: int, heads: int, inner: int) -> None:
        super().__init__()
        self.heads, self.width = heads, width
        self.norm = nn.LayerNorm(width)
        self.to_qkv = nn.Linear(width, 3 * width, bias=False)
        self.to_out = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.dense = nn.Linear(width, inner)
        self.dense2 = nn.Linear(inner, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, tokens, width = x.shape
        parts = self.to_qkv(self.norm(x)).chunk(3, dim=-1)
        query, key, value = (p.view(batch, tokens, self.heads, -1).transpose(1, 2) for p in parts)
        shares = ((query @ key.transpose(-1, -2)) / math.sqrt(width)).softmax(dim=-1)
        mixed = (shares @ value).transpose(1, 2).reshape(batch, tokens, width)
        x = x + self.to_out(mixed)
        return x + self.dense2(functional.gelu(self.dense(self.norm2(x)), approximate="tanh"))


class PlainFACT(nn.Module):
    def __init__(
        self,
        width: int = 800,
        heads: int = 10,
        inner: int = 3072,
        layers: tuple[int, int, int] = (2, 2, 12),
        frames: tuple[int, int] = (120, 240),
        channels: tuple[int, int] = (225, 35),
    ) -> None:
        super().__init__()
        # Parameters of a module come before those of its children.
        self.motion_positions = nn.Parameter(0.02 * torch.randn(frames[0], width))
        self.audio_positions = nn.Parameter(0.02 * torch.randn(frames[1], width))
        self.motion_embedding = nn.Linear(channels[0], width)
        self.audio_embedding = nn.Linear(channels[1], width)
        self.motion, self.audio, self.cross = (
            nn.Sequential(*(Layer(width, heads, inner) for _ in range(count))) for count in layers
        )
        self.output = nn.Linear(width, channels[0])

    def forward(self, motion: torch.Tensor, audio: torch.Tensor) -> torch.Tensor:
        tokens = [
            self.motion(self.motion_embedding(motion) + self.motion_positions),
            self.audio(self.audio_embedding(audio) + self.audio_positions),
        ]
        return self.output(self.cross(torch.cat(tokens, dim=1)))


class PlainKerasAdam:
    """The formula, parameter by parameter."""

    def __init__(self, parameters: Iterable[nn.Parameter], rate: float = 1e-4) -> None:
        self.parameters, self.rate, self.count = list(parameters), rate, 0
        self.means = [torch.zeros_like(p) for p in self.parameters]
        self.squares = [torch.zeros_like(p) for p in self.parameters]

    @torch.no_grad()
    def step(self) -> None:
        self.count += 1
        rate = self.rate * math.sqrt(1 - 0.999**self.count) / (1 - 0.9**self.count)
        for parameter, mean, square in zip(self.parameters, self.means, self.squares, strict=True):
            if parameter.grad is not None:
                mean.mul_(0.9).add_(parameter.grad, alpha=0.1)
                square.mul_(0.999).addcmul_(parameter.grad, parameter.grad, value=0.001)
                parameter.sub_(rate * mean / (square.sqrt() + 1e-7))

    def zero_grad(self, set_to_none: bool = True) -> None:
        for parameter in self.parameters:
            parameter.grad = None


def training(
    batch: int, music_dim: int, layers: int = 12
) -> tuple[Callable[[], torch.Tensor], PlainKerasAdam]:
    """The loss of a batch as a function, and the optimizer."""
    network = PlainFACT(layers=(2, 2, layers), channels=(225, music_dim))
    motion, audio = torch.randn(batch, 140, 225), torch.randn(batch, 240, music_dim)

    def loss() -> torch.Tensor:
        predicted = network(motion[:, :120], audio)
        return functional.mse_loss(predicted[:, :20], motion[:, 120:])

    return loss, PlainKerasAdam(network.parameters())

"""Bailando's VQ-VAEs in plain steps, from torch's own layers; shares no code with the package.

A test compares with it, and the benchmark of a training step takes it for its plain side. Parameters have the
order of the package's network without the decoder of the velocity.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional

LOWER = [3 * joint + axis for joint in (0, 1, 2, 4, 5, 7, 8, 10, 11) for axis in range(3)]
UPPER = [channel for channel in range(72) if channel not in LOWER]


class Residual(nn.Module):
    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.block = nn.Sequential(
            nn.ReLU(),
            nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation),
            nn.ReLU(),
            nn.Conv1d(width, width, 1),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.block(x)


class Half(nn.Module):
    def __init__(self, channels: int, width: int, codes: int, levels: int, depth: int) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        for level in range(levels):
            blocks.append(nn.Conv1d(channels if level == 0 else width, width, 4, 2, 1))
            blocks += [Residual(width, 3**block) for block in range(depth)]
        self.encoder = nn.Sequential(*blocks, nn.Conv1d(width, width, 3, padding=1))
        blocks = []
        for _ in range(levels):
            blocks += [Residual(width, 3**block) for block in reversed(range(depth))]
            blocks.append(nn.ConvTranspose1d(width, width, 4, 2, 1))
        self.decoder = nn.Sequential(
            nn.Conv1d(width, width, 3, padding=1), *blocks, nn.Conv1d(width, channels, 3, padding=1)
        )
        self.codes = codes
        self.vectors = self.sums = torch.randn(codes, width)
        self.counts = torch.ones(codes)

    def forward(self, motion: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        features = self.encoder(motion.transpose(1, 2))
        rows = features.transpose(1, 2).reshape(-1, features.shape[1])
        with torch.no_grad():
            squares = rows.square().sum(1, keepdim=True) - 2 * rows @ self.vectors.T
            codes = (squares + self.vectors.square().sum(1)).argmin(1)
            chosen = self.vectors[codes]
            if self.training:
                marks = functional.one_hot(codes, self.codes).to(rows.dtype)
                self.sums = 0.99 * self.sums + 0.01 * marks.T @ rows
                self.counts = 0.99 * self.counts + 0.01 * marks.sum(0)
                several = rows.repeat(-(-self.codes // len(rows)), 1)
                several = several + 0.01 / rows.shape[1] ** 0.5 * torch.randn_like(several)
                others = several[torch.randperm(len(several))[: self.codes]]
                used = (self.counts >= 1).to(rows.dtype)[:, None]
                self.vectors = used * self.sums / self.counts[:, None] + (1 - used) * others
        commitment = (rows - chosen).square().mean()
        chosen = chosen.view(len(features), -1, features.shape[1]).transpose(1, 2)
        decoded = self.decoder(features + (chosen - features).detach())
        return decoded.transpose(1, 2), commitment


class PlainVqVae(nn.Module):
    def __init__(self, width: int = 512, codes: int = 512, levels: int = 3, depth: int = 3) -> None:
        super().__init__()
        self.up = Half(len(UPPER), width, codes, levels, depth)
        self.down = Half(len(LOWER), width, codes, levels, depth)

    def loss(self, motion: torch.Tensor) -> torch.Tensor:
        motion = motion.clone()
        motion[..., :3] = 0
        total = 0
        for half, channels in ((self.up, UPPER), (self.down, LOWER)):
            true = motion[..., channels]
            made, commitment = half(true)
            speed, true_speed = made[:, 1:] - made[:, :-1], true[:, 1:] - true[:, :-1]
            total = total + functional.l1_loss(made, true) + functional.l1_loss(speed, true_speed)
            change, true_change = speed[:, 1:] - speed[:, :-1], true_speed[:, 1:] - true_speed[:, :-1]
            total = total + functional.l1_loss(change, true_change) + 0.02 * commitment
        return total / 2


def training(
    batch: int, music_dim: int, layers: int = 3
) -> tuple[Callable[[], torch.Tensor], torch.optim.Optimizer]:
    """The loss of a batch of stage 1 as a function, and the optimizer; the stage hears no music."""
    network, motion = PlainVqVae(depth=layers), torch.randn(batch, 240, 72)
    return lambda: network.loss(motion), torch.optim.Adam(network.parameters(), 3e-5, (0.5, 0.999))

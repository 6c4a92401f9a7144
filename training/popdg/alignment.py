"""Alignment modules: the whole window, the music and the noise level modulate every frame.

FiLM, which EDGE has in their place, leaves out the window.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


class ConvolvedMean(nn.Module):
    """Mean over time of a convolution over time, without computing the convolution.

    The mean of sums is the sum of means: tap k of the kernel is multiplied with every frame except those that
    it shifts over the border, so the mean is one product of the weights with `kernel` sums of frames. The
    result is exactly that of `torch.nn.Conv1d(width, width, kernel, padding="same")` with its zero padding.

    Args:
        width: features of a frame.
        kernel: number of taps, odd; 0 for a plain mean.
    """

    def __init__(self, width: int, kernel: int) -> None:
        super().__init__()
        self.kernel = kernel
        if kernel:
            self.product = nn.Linear(kernel * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, frames, width) → (batch, width)."""
        if not self.kernel:
            return x.mean(dim=1)
        pooled: torch.Tensor = self.product((tap_weights(x, self.kernel) @ x).flatten(1))
        return pooled


def tap_weights(x: torch.Tensor, kernel: int) -> torch.Tensor:
    """(kernel, frames) weights: 1 / frames where a tap covers a frame of (batch, frames, width), else 0."""
    frames = x.shape[1]
    place = torch.arange(frames, device=x.device)
    shift = torch.arange(kernel, device=x.device)[:, None] - kernel // 2
    return ((place - shift >= 0) & (place - shift < frames)).to(x.dtype) / frames


class Alignment(nn.Module):
    """Scales and shifts the features of a sequence (FiLM): y (1 + γ) + β.

    γ and β are linear in Mish(condition + pooled sequence), where the condition sums noise level and music.

    Args:
        width: features of a frame.
        kernel: of the convolution before pooling; 0 for none.
    """

    def __init__(self, width: int, kernel: int) -> None:
        super().__init__()
        self.pool = ConvolvedMean(width, kernel)
        self.modulation = nn.Linear(width, 2 * width)

    def forward(self, x: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        """Modulates (batch, frames, width) by a condition (batch, width) of noise level and music."""
        return modulated(x, self.modulation(functional.mish(condition + self.pool(x))))


class FiLM(nn.Module):
    """Scales and shifts the features of a sequence: y (1 + γ) + β, with γ and β linear in Mish(condition).

    Args:
        width: features of a frame.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.modulation = nn.Linear(width, 2 * width)

    def forward(self, x: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        """Modulates (batch, frames, width) by a condition (batch, width) of noise level and music."""
        return modulated(x, self.modulation(functional.mish(condition)))


def modulated(x: torch.Tensor, modulation: torch.Tensor) -> torch.Tensor:
    """(batch, frames, width) scaled and shifted by a (batch, 2 · width) of γ and β."""
    gamma, beta = modulation[:, None].chunk(2, dim=-1)
    return torch.addcmul(beta, x, 1 + gamma)

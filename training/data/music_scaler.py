"""Scaling of music features to mean 0 and deviation 1: MFCCs reach hundreds, beats are 0 or 1."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import torch

from popdanceset.errors import InputError


@dataclass(frozen=True, slots=True)
class MusicScaler:
    """Standardises each channel of the music; fitted to the training part and stored in checkpoints.

    Attributes:
        mean, deviation: (channels,) float32; the deviation of a constant channel is 1.
    """

    mean: torch.Tensor
    deviation: torch.Tensor

    @classmethod
    def none(cls, width: int) -> Self:
        """A scaler that leaves `width` channels unchanged, as the released code does."""
        return cls(torch.zeros(width), torch.ones(width))

    @classmethod
    def fit(cls, parts: Iterable[torch.Tensor]) -> Self:
        """Fits to (rows, channels) parts of the training data, each read once (Chan et al., 1983).

        Raises:
            InputError: there are no parts.
        """
        count, mean, squares = 0, torch.zeros(0), torch.zeros(0)
        for part in parts:
            rows = part.double()
            if not count:
                mean, squares = torch.zeros(rows.shape[1]).double(), torch.zeros(rows.shape[1]).double()
            middle = rows.mean(dim=0)
            total = count + len(rows)
            squares = squares + (rows - middle).square().sum(dim=0)
            squares = squares + (middle - mean).square() * count * len(rows) / total
            mean = mean + (middle - mean) * len(rows) / total
            count = total
        if not count:
            raise InputError("no music to fit a scaler to")
        deviation = (squares / count).sqrt()
        still = deviation <= 1e-6 * mean.abs().clamp(min=1)
        return cls(mean.float(), torch.where(still, torch.ones_like(deviation), deviation).float())

    def __call__(self, music: torch.Tensor) -> torch.Tensor:
        """(…, channels) → the same shape, standardised."""
        return (music - self.mean.to(music.device)) / self.deviation.to(music.device)

"""The codebook of a VQ-VAE, whose vectors are moving averages of the features that chose them.

van den Oord et al., "Neural Discrete Representation Learning", NeurIPS 2017, Appendix A.1. Vectors that are
chosen too rarely are replaced by features of the batch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

_LEAST_COUNT = 1.0
_NOISE = 0.01


class Quantised(NamedTuple):
    """What the codebook makes of features.

    Attributes:
        features: (batch, embedding, time), the chosen vectors; gradients pass to the features unchanged.
        codes: (batch, time) int64, numbers of the vectors.
        commitment: mean square distance between features and their vectors.
    """

    features: torch.Tensor
    codes: torch.Tensor
    commitment: torch.Tensor


class Codebook(nn.Module):
    """Vectors, and the moving averages that they are computed from.

    The averages are stored with the vectors. The released files lack them, so its training starts the
    codebook anew when it continues.

    Args:
        codes: number of vectors.
        embedding: numbers in a vector.
        decay: of the averages.

    Attributes:
        vectors: (codes, embedding).
        sums: (codes, embedding), moving average of the sum of the features that chose each vector.
        counts: (codes,), moving average of their number.
        started: whether the vectors have been chosen; if not, the first training batch does it.
        draw: chooses random features of a batch; replace it to repeat recorded choices.
    """

    vectors: torch.Tensor
    sums: torch.Tensor
    counts: torch.Tensor
    started: torch.Tensor

    def __init__(self, codes: int, embedding: int, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.draw: Callable[[torch.Tensor, int], torch.Tensor] = random_features
        self.register_buffer("vectors", torch.zeros(codes, embedding))
        self.register_buffer("sums", torch.zeros(codes, embedding))
        self.register_buffer("counts", torch.ones(codes))
        self.register_buffer("started", torch.tensor(False))

    def forward(self, features: torch.Tensor) -> Quantised:
        """Chooses the nearest vector for each of (batch, embedding, time) features; learns in training."""
        rows = features.detach().mT.flatten(0, 1)
        if self.training and not self.started:
            self.start(self.draw(rows, len(self.vectors)))
        codes = self.nearest(rows).view(len(features), -1)
        chosen = self.look_up(codes)
        if self.training:
            self._learn(rows, codes.flatten())
        commitment = functional.mse_loss(features, chosen)
        return Quantised(features + (chosen - features).detach(), codes, commitment)

    def nearest(self, rows: torch.Tensor) -> torch.Tensor:
        """(n, embedding) → (n,) numbers of the nearest vectors."""
        squares = self.vectors.square().sum(dim=1)
        return torch.addmm(squares, rows, self.vectors.T, alpha=-2).argmin(dim=1)

    def look_up(self, codes: torch.Tensor) -> torch.Tensor:
        """(batch, time) → (batch, embedding, time)."""
        return functional.embedding(codes, self.vectors).mT

    def start(self, vectors: torch.Tensor) -> None:
        """Begins the averages with given vectors (codes, embedding), each as if chosen once."""
        self.vectors.copy_(vectors)
        self.sums.copy_(vectors)
        self.counts.fill_(1)
        self.started.fill_(True)

    def _learn(self, rows: torch.Tensor, codes: torch.Tensor) -> None:
        replacements = self.draw(rows, len(self.vectors))
        chosen = torch.zeros_like(self.sums).index_add_(0, codes, rows)
        counted = torch.bincount(codes, minlength=len(self.counts)).to(self.counts.dtype)
        self.sums.mul_(self.decay).add_(chosen, alpha=1 - self.decay)
        self.counts.mul_(self.decay).add_(counted, alpha=1 - self.decay)
        used = (self.counts >= _LEAST_COUNT)[:, None]
        self.vectors.copy_(torch.where(used, self.sums / self.counts[:, None], replacements))


def random_features(rows: torch.Tensor, count: int) -> torch.Tensor:
    """Draws (count, embedding) of (n, embedding) features without repetition, if there are enough.

    Otherwise they are repeated with a little noise.
    """
    repeated = repeat(rows, count)
    if len(repeated) > len(rows):
        repeated = repeated + torch.randn_like(repeated) * noise_scale(rows)
    return repeated[torch.randperm(len(repeated), device=rows.device)[:count]]


def repeat(rows: torch.Tensor, count: int) -> torch.Tensor:
    """Repeats (n, embedding) features until there are at least `count`."""
    return rows.repeat(-(-count // len(rows)), 1)


def noise_scale(rows: torch.Tensor) -> float:
    """Deviation of the noise on repeated features."""
    return float(_NOISE / rows.shape[1] ** 0.5)

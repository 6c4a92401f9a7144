"""Exponential moving average of the parameters of a network, which samples better than those of any step."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

import torch
from torch import nn


class ExponentialMovingAverage:
    """Follows parameters: call `update` after each step of the optimizer.

    The decay rises to its final value as (1 + n) / (10 + n) after n updates, so that short trainings do not
    keep their first, random parameters. Improved DDPM and the released code use 0.9999 from the start.
    It works on whole parameters and on the shards of a distributed network, in each process separately.

    Args:
        parameters: to follow; the means start with their values.
        decay: final weight of the old mean in the new one, 0..1.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], decay: float) -> None:
        self.parameters = list(parameters)
        self.means = [parameter.detach().clone() for parameter in self.parameters]
        self.decay, self.updates = decay, 0

    @torch.no_grad()
    def update(self) -> None:
        """Moves the means towards the current values of the parameters."""
        weight = 1 - min(self.decay, (1 + self.updates) / (10 + self.updates))
        torch._foreach_lerp_(self.means, [p.detach() for p in self.parameters], weight)
        self.updates += 1

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Inside the block the parameters hold their means; after it, their own values again."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        for parameter, mean in zip(self.parameters, self.means, strict=True):
            held = parameter.detach().clone()
            parameter.copy_(mean)
            mean.copy_(held)

"""The running mean of a network's parameters, which samples better than the parameters of any one step."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

import torch
from torch import nn


class Average:
    """Follows parameters: call `update` after each step.

    The decay rises to its final value as (1 + n) / (10 + n) after n updates, so that short trainings do not
    keep their first, random parameters. Improved DDPM and the released code have 0.9999 from the start.
    Works on whole parameters as on the shards of a distributed network, each process its own.

    Args:
        parameters: those to follow; the mean begins with their values.
        decay: final share of the old mean in the new one, 0..1.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], decay: float) -> None:
        self.parameters = list(parameters)
        self.means = [parameter.detach().clone() for parameter in self.parameters]
        self.decay, self.updates = decay, 0

    @torch.no_grad()
    def update(self) -> None:
        """Moves the mean towards the parameters' present values."""
        share = 1 - min(self.decay, (1 + self.updates) / (10 + self.updates))
        torch._foreach_lerp_(self.means, [p.detach() for p in self.parameters], share)
        self.updates += 1

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """The parameters hold the mean inside the block, and what they held before after it."""
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

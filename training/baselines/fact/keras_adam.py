"""Adam in the form of Keras, which adds ε to the uncorrected root: early steps differ from torch's Adam."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch


class KerasAdam(torch.optim.Adam):
    """One step k (from 1), with the gradient g; m and v start at 0:

        m ← β1 m + (1−β1) g
        v ← β2 v + (1−β2) g²
        p ← p − lr · √(1−β2^k) / (1−β1^k) · m / (√v + ε)

    That is torch's Adam with ε / √(1−β2^k) in place of ε, so its fused step can be used: on a CPU, a single
    pass over the memory.

    Args:
        parameters: to optimise; all of them get a gradient in every step.
        lr: learning rate.
        betas: β1, β2.
        eps: ε.
    """

    def __init__(
        self,
        parameters: Iterable[torch.nn.Parameter],
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-7,
    ) -> None:
        super().__init__(parameters, lr, betas, eps, fused=True)
        self._eps = eps

    def step(self, closure: Callable[[], float] | None = None) -> Any:
        """Updates all parameters that have a gradient."""
        for group in self.param_groups:
            state = self.state.get(group["params"][0])
            count = 1 + int(state["step"]) if state else 1
            group["eps"] = self._eps / (1 - group["betas"][1] ** count) ** 0.5
        return super().step(closure)

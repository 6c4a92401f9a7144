"""Adam in the form of Keras, which adds ε to the uncorrected root: early steps differ from torch's Adam."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch


class KerasAdam(torch.optim.Optimizer):
    """One step k (from 1), with the gradient g; m and v start at 0:

        m ← β1 m + (1−β1) g
        v ← β2 v + (1−β2) g²
        p ← p − lr · √(1−β2^k) / (1−β1^k) · m / (√v + ε)

    Args:
        parameters: to optimise.
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
        super().__init__(parameters, {"lr": lr, "betas": betas, "eps": eps})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Updates all parameters that have a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            first, second = group["betas"]
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if not state:
                    state["step"] = torch.tensor(0.0)
                    state["mean"], state["square"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
                state["step"] += 1
                count = int(state["step"])
                state["mean"].lerp_(parameter.grad, 1 - first)
                state["square"].mul_(second).addcmul_(parameter.grad, parameter.grad, value=1 - second)
                rate = group["lr"] * (1 - second**count) ** 0.5 / (1 - first**count)
                parameter.addcdiv_(state["mean"], state["square"].sqrt().add_(group["eps"]), value=-rate)
        return loss

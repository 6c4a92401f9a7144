"""Adan, the optimizer of EDGE and POPDG (Xie et al., "Adan: Adaptive Nesterov Momentum Algorithm", 2022).

Libraries provide Adan as well, with the same result. On a CPU their step is limited by memory: it makes a
dozen passes over the parameters and the five arrays of the same size. This one makes a single pass, compiled
by numba, which takes a third of the time (`tests/benchmarks/training_step.py` measures it).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import numpy as np
import torch
from torch.distributed.tensor import DTensor

_WORTH_THREADS = 1 << 15
"""Numbers in a parameter from which several threads are faster than one."""


class Adan(torch.optim.Optimizer):
    """One step, with the gradient g and the previous gradient g₋ (g itself in the first step); m, v, n start
    at 0:

        m ← (1−β1) m + β1 g
        v ← (1−β2) v + β2 (g − g₋)
        n ← (1−β3) n + β3 (g + (1−β2)(g − g₋))²
        p ← (p − lr (m̂ + (1−β2) v̂) / (√n̂ + ε)) / (1 + lr λ)

    where a hat divides by 1 − (1−β)^k in step k.

    Args:
        parameters: to optimise, float32; shards of a distributed network are updated in their process.
        lr: learning rate.
        betas: β1, β2, β3 in the convention of the paper: weights of the new values, not of the old ones.
        eps: ε.
        weight_decay: λ.
        first_step_only_decays: as in the code of EDGE and POPDG: m, v and n stay 0 in the first step.
    """

    def __init__(
        self,
        parameters: Iterable[torch.nn.Parameter],
        lr: float,
        betas: tuple[float, float, float] = (0.02, 0.08, 0.01),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        *,
        first_step_only_decays: bool = False,
    ) -> None:
        self._first_step_only_decays = first_step_only_decays
        super().__init__(parameters, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Updates all parameters that have a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._step(parameter, group)
        return loss

    def _step(self, parameter: torch.nn.Parameter, group: dict[str, Any]) -> None:
        gradient, state = parameter.grad, self.state[parameter]
        assert gradient is not None
        if not state:
            state["step"] = torch.tensor(0.0)
            for name in ("mean", "change", "square"):
                state[name] = torch.zeros_like(parameter, memory_format=torch.contiguous_format)
            state["before"] = gradient.detach().clone(memory_format=torch.contiguous_format)
        state["step"] += 1
        if self._first_step_only_decays and state["step"] == 1:
            parameter.mul_(1 / (1 + group["lr"] * group["weight_decay"]))
            return
        betas = group["betas"]
        hats = [1 / (1 - (1 - beta) ** int(state["step"])) for beta in betas]
        constants = (*betas, *hats, group["lr"], group["eps"], 1 / (1 + group["lr"] * group["weight_decay"]))
        names = ("mean", "change", "square", "before")
        tensors = [_local(x) for x in (parameter, gradient, *(state[name] for name in names))]
        if all(x.device.type == "cpu" and x.dtype == torch.float32 and x.is_contiguous() for x in tensors):
            update = _one_pass()
            _set_threads(parameter.numel())
            update(*(x.detach().view(-1).numpy() for x in tensors), *map(np.float32, constants))
        else:
            _passes(tensors, *constants)


def _passes(
    tensors: list[torch.Tensor],
    first: float,
    second: float,
    third: float,
    hat_m: float,
    hat_v: float,
    hat_n: float,
    lr: float,
    eps: float,
    shrink: float,
) -> None:
    """The equations on any device, in place; `before` becomes g."""
    p, g, m, v, n, before = tensors
    change = torch.sub(g, before, out=before)
    m.lerp_(g, first)
    v.lerp_(change, second)
    ahead = torch.add(g, change, alpha=1 - second, out=change)
    n.mul_(1 - third).addcmul_(ahead, ahead, value=third)
    scale = n.sqrt().mul_(hat_n**0.5).add_(eps)
    towards = torch.mul(m, hat_m, out=ahead).add_(v, alpha=(1 - second) * hat_v)
    p.addcdiv_(towards, scale, value=-lr).mul_(shrink)
    before.copy_(g)


@cache
def _one_pass() -> Callable[..., None]:
    """The equations on flat float32 arrays, element by element; compiled at the first step, in a second."""
    import numba

    threads = torch.get_num_threads()
    numba.set_num_threads(1)
    torch.set_num_threads(threads)  # numba and torch share OpenMP, and numba's start sets its threads to all
    one = np.float32(1)

    def update(  # type: ignore[no-untyped-def]
        p, g, m, v, n, before, first, second, third, hat_m, hat_v, hat_n, lr, eps, shrink
    ):
        for i in numba.prange(p.size):
            now = g[i]
            change = now - before[i]
            ahead = now + (one - second) * change
            mean = m[i] + first * (now - m[i])
            moved = v[i] + second * (change - v[i])
            square = n[i] + third * (ahead * ahead - n[i])
            m[i], v[i], n[i], before[i] = mean, moved, square, now
            towards = hat_m * mean + (one - second) * hat_v * moved
            p[i] = (p[i] - lr * towards / (np.sqrt(square * hat_n) + eps)) * shrink

    compiled: Callable[..., None] = numba.njit(parallel=True, fastmath={"contract"}, error_model="numpy")(
        update
    )
    return compiled


def _set_threads(numbers: int) -> None:
    """Sets the threads of the next update to torch's; a small one is done sooner than threads have met.

    On a loaded machine, where a thread waits for its core, meeting costs milliseconds for each parameter.
    """
    import numba

    most = numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]
    threads = min(torch.get_num_threads(), most)
    numba.set_num_threads(threads if numbers >= _WORTH_THREADS else 1)


def _local(tensor: torch.Tensor) -> torch.Tensor:
    local: torch.Tensor = tensor.to_local() if isinstance(tensor, DTensor) else tensor
    return local

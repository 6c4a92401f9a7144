"""The state of a training as plain dictionaries, complete even if the network is sharded over processes."""

from __future__ import annotations

from typing import Any

import torch
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_optimizer_state_dict,
    set_model_state_dict,
    set_optimizer_state_dict,
)

from training.fitting.ema import ExponentialMovingAverage

_WHOLE = StateDictOptions(full_state_dict=True, cpu_offload=True)


def take(
    model: torch.nn.Module, optimizer: torch.optim.Optimizer, average: ExponentialMovingAverage
) -> dict[str, Any]:
    """Collects parameters, their moving average and the state of the optimizer; every process must call it.

    Names are those of the unwrapped network, so that any number of processes can continue from it.

    Returns:
        `model`, `average`, `updates` and `optimizer`; some may be empty in processes other than the first.
    """
    content: dict[str, Any] = {"model": _copied(get_model_state_dict(model, options=_WHOLE))}
    with average.applied():
        content["average"] = _copied(get_model_state_dict(model, options=_WHOLE))
    content["updates"] = average.updates
    content["optimizer"] = get_optimizer_state_dict(model, optimizer, options=_WHOLE)
    return content


def put(
    content: dict[str, Any],
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    average: ExponentialMovingAverage,
) -> None:
    """Restores the state that `take` collected."""
    set_model_state_dict(model, content["average"], options=_WHOLE)
    average.means = [parameter.detach().clone() for parameter in average.parameters]
    average.updates = content["updates"]
    set_model_state_dict(model, content["model"], options=_WHOLE)
    set_optimizer_state_dict(model, optimizer, content["optimizer"], options=_WHOLE)


def _copied(state: dict[str, Any]) -> dict[str, Any]:
    # On a CPU the tensors may be the parameters themselves, which the next step would change.
    return {name: value.detach().clone() for name, value in state.items()}

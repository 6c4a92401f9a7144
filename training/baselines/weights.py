"""Copies released weights into our networks, whose parameters have other names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import nn

from popdanceset.errors import InputError


def fill(model: nn.Module, weights: Mapping[str, torch.Tensor], pairs: Iterable[tuple[str, str]]) -> None:
    """Copies weights into a network.

    Args:
        model: the network.
        weights: by their released names; others are ignored.
        pairs: name of a parameter or buffer of ours, and its released name.

    Raises:
        InputError: a weight is missing or has another shape.
    """
    own = dict(model.named_parameters()) | dict(model.named_buffers())
    for ours, theirs in pairs:
        if theirs not in weights:
            raise InputError(f"has no {theirs}")
        weight, mine = weights[theirs], own[ours]
        if weight.shape != mine.shape:
            shapes = f"{tuple(weight.shape)} in place of {tuple(mine.shape)}"
            raise InputError(f"{theirs} has the shape {shapes}")
        with torch.no_grad():
            mine.copy_(weight)

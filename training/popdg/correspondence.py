"""Our parameters and the released ones: other names, and three projections of an attention in one matrix."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from popdanceset.errors import InputError

Weights = Mapping[str, torch.Tensor]


@dataclass(frozen=True, slots=True)
class Pair:
    """One of our parameters, and the released parameter that contains it.

    Attributes:
        name: of our parameter.
        released: name of the released parameter.
        piece: cuts our parameter out of the released one.
    """

    name: str
    released: str
    piece: Callable[[torch.Tensor], torch.Tensor] = lambda weight: weight


def tensors(weights: Mapping[str, object]) -> dict[str, torch.Tensor]:
    """The tensors of a state_dict, by their names outside of a wrapper for several devices."""
    return {
        name.removeprefix("module."): value
        for name, value in weights.items()
        if isinstance(value, torch.Tensor)
    }


def released_sizes(
    weights: Weights, decoder: str, music_encoder: str, no_tokens: str, what: str, title: str
) -> dict[str, Any]:
    """The sizes of a transformer by the names of our configuration, read from its released weights.

    Args:
        weights: by their released names.
        decoder, music_encoder: what the names of their layers begin with.
        no_tokens: name of the tokens that stand for no music.
        what: whose weights they should be, for messages.
        title: of the model, for messages.

    Raises:
        InputError: these are not such weights.
    """
    try:
        width, music_dim = weights["cond_projection.weight"].shape
        return {
            "music_dim": music_dim,
            "width": width,
            "feedforward": weights[f"{decoder}0.linear1.weight"].shape[0],
            "layers": count(weights, decoder),
            "music_layers": count(weights, music_encoder),
            "window": weights[no_tokens].shape[1],
        }
    except (KeyError, ValueError, IndexError) as error:
        raise InputError(
            f"does not contain weights of {what}", do=f"give a checkpoint of the released {title}"
        ) from error


def put(weights: Weights, model: nn.Module, pairs: Iterable[Pair], title: str) -> None:
    """Copies released weights into a network.

    Args:
        weights: by their released names.
        model: the network.
        pairs: the released counterpart of each of its parameters.
        title: of the model, for messages.

    Raises:
        InputError: weights are missing or have shapes that do not fit.
    """
    own = dict(model.named_parameters())
    for pair in pairs:
        theirs, mine = weights.get(pair.released), own[pair.name]
        if theirs is None:
            raise InputError(f"has no {pair.released}", do=f"give a checkpoint of the released {title}")
        try:
            piece = pair.piece(theirs)
        except (RuntimeError, IndexError) as error:
            raise _misfit(pair.released, theirs) from error
        if piece.shape != mine.shape:
            raise _misfit(pair.released, theirs)
        with torch.no_grad():
            mine.copy_(piece)


def squared_gradients(model: nn.Module, pairs: Iterable[Pair]) -> dict[str, float]:
    """The squared norm of the gradient of each released parameter that has one."""
    squares: dict[str, float] = {}
    own = dict(model.named_parameters())
    for pair in pairs:
        gradient = own[pair.name].grad
        if gradient is not None:
            square = float(gradient.double().square().sum())
            squares[pair.released] = squares.get(pair.released, 0.0) + square
    return squares


def count(weights: Weights, prefix: str) -> int:
    return 1 + max(int(name[len(prefix) :].split(".")[0]) for name in weights if name.startswith(prefix))


def layer(ours: str, theirs: str) -> list[Pair]:
    return [Pair(f"{ours}.{part}", f"{theirs}.{part}") for part in ("weight", "bias")]


def _rows(first: int, stop: int) -> Callable[[torch.Tensor], torch.Tensor]:
    """Rows of queries (0), keys (1) and values (2), which the released code stores in one matrix."""
    return lambda weight: weight[first * weight.shape[0] // 3 : stop * weight.shape[0] // 3]


def self_attention(ours: str, theirs: str) -> list[Pair]:
    return [
        Pair(f"{ours}.query_key", f"{theirs}.in_proj_weight", _rows(0, 2)),
        Pair(f"{ours}.query_bias", f"{theirs}.in_proj_bias", _rows(0, 1)),
        *_value_and_output(ours, theirs),
    ]


def cross_attention(ours: str, theirs: str) -> list[Pair]:
    return [
        Pair(f"{ours}.query.weight", f"{theirs}.in_proj_weight", _rows(0, 1)),
        Pair(f"{ours}.query.bias", f"{theirs}.in_proj_bias", _rows(0, 1)),
        Pair(f"{ours}.key.weight", f"{theirs}.in_proj_weight", _rows(1, 2)),
        *_value_and_output(ours, theirs),
    ]


def _value_and_output(ours: str, theirs: str) -> list[Pair]:
    return [
        Pair(f"{ours}.value.weight", f"{theirs}.in_proj_weight", _rows(2, 3)),
        Pair(f"{ours}.value.bias", f"{theirs}.in_proj_bias", _rows(2, 3)),
        *layer(f"{ours}.output", f"{theirs}.out_proj"),
    ]


def feedforward(ours: str, theirs: str) -> list[Pair]:
    return [
        *layer(f"{ours}.feedforward.inner", f"{theirs}.linear1"),
        *layer(f"{ours}.feedforward.outer", f"{theirs}.linear2"),
    ]


def _misfit(name: str, weight: torch.Tensor) -> InputError:
    shape = " × ".join(map(str, weight.shape))
    return InputError(f"{name} of {shape} does not fit a released network", do="give a checkpoint of one")

"""Reads checkpoints of the released code: its weights into our network, its normaliser into our scaler.

A checkpoint is a pickle, and loading a pickle can run any code. This one is read by an unpickler that builds
tensors and plain containers only; every other object becomes an inert shell that keeps its arguments.
"""

from __future__ import annotations

import pickle
import types
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from popdanceset.errors import InputError
from popdanceset.safe_pickle import BROKEN, ArrayUnpickler, StoredArray
from training.data.representation import ROTATION, WIDTH, MinMaxScaler
from training.popdg.config import RELEASED, ModelConfig
from training.popdg.correspondence import (
    Pair,
    Weights,
    cross_attention,
    feedforward,
    layer,
    put,
    released_sizes,
    self_attention,
    tensors,
)
from training.popdg.model import POPDG
from training.popdg.space import HEADS


class Released(NamedTuple):
    """A released checkpoint: the network in evaluation mode, and the scaler if the checkpoint has one."""

    model: POPDG
    scaler: MinMaxScaler | None


def load_released(checkpoint: Path, heads: int | None = None) -> Released:
    """Reads a checkpoint of the released code.

    It may be a bare state_dict, or a dict with `ema_state_dict` (preferred), `model_state_dict` or
    `state_dict`, and optionally `normalizer` and `config`.

    Args:
        checkpoint: the file.
        heads: of the attentions over time, which cannot be read from weights; None: those in `config`, or 8.

    Raises:
        InputError: the file is missing or not a checkpoint, or its weights do not fit a released network.
    """
    saved = read_checkpoint(checkpoint)
    config = saved.get("config")
    if heads is None:
        heads = config.get("num_heads", RELEASED.model.heads) if isinstance(config, Mapping) else None
    try:
        model = from_released(weights_in(saved), heads or RELEASED.model.heads)
        scaler = scaler_in(saved.get("normalizer"))
    except InputError as error:
        raise InputError(error.what, checkpoint, error.do) from error
    return Released(model.eval(), scaler)


def from_released(weights: Weights, heads: int) -> POPDG:
    """Our network with weights named as in the released code.

    Raises:
        InputError: weights are missing or have shapes that do not fit each other.
    """
    weights = tensors(weights)
    model = POPDG(released_config(weights, heads))
    put(weights, model, correspondence(model.config), "POPDG")
    return model


def released_config(weights: Weights, heads: int) -> ModelConfig:
    """The sizes of a network, read from its released weights.

    Raises:
        InputError: these are not weights of the released network.
    """
    names = ("DecoderSequence.stack.", "music_encoder.", "null_music_embed")
    sizes = released_sizes(weights, *names, "the released network", "POPDG")
    return replace(RELEASED.model, heads=heads, **sizes)


def correspondence(config: ModelConfig) -> list[Pair]:
    """The released counterpart of each of our parameters.

    Three kinds of released weights have no counterpart because they do not affect any output: biases of keys,
    columns of the joints' queries and keys outside 3..147, and convolutions that are never called.
    """
    pairs = [
        Pair("no_tokens", "null_music_embed"),
        Pair("no_pooled", "music_temporalcoding.music_parameter"),
        *layer("memory_norm", "norm_music"),
        *layer("time_embedding.hidden.0", "TimeEmbed.mlp.1"),
        *layer("time_embedding.vector", "TimeEmbed.time_music"),
        *layer("time_embedding.tokens", "TimeEmbed.time_tokens.0"),
        *layer("input_projection", "input_projection"),
        *layer("music_encoder.projection", "cond_projection"),
        *layer("start_projection", "final_layer"),
        *layer("variance_projection", "variance_layer"),
    ]
    for number in (0, 1, 3):
        theirs = f"music_temporalcoding.temporal_music_projection.{number}"
        pairs += layer(f"music_pool.projection.{number}", theirs)
    for number in range(config.music_layers):
        ours, theirs = f"music_encoder.blocks.{number}", f"music_encoder.{number}"
        pairs += self_attention(f"{ours}.feature_attention.attention", f"{theirs}.spatio_attn")
        pairs += self_attention(f"{ours}.time_attention", f"{theirs}.temporal_attn")
        pairs += feedforward(ours, theirs)
        for norm, name in enumerate(("feature", "time", "feedforward"), start=1):
            pairs += layer(f"{ours}.{name}_norm", f"{theirs}.norm{norm}")
    for number in range(config.layers):
        ours, theirs = f"blocks.{number}", f"DecoderSequence.stack.{number}"
        pairs += [
            Pair(
                f"{ours}.space_attention.query.weight", f"{theirs}.spatio_attn.qk_proj_weight", _joint_rows(0)
            ),
            Pair(
                f"{ours}.space_attention.key.weight", f"{theirs}.spatio_attn.qk_proj_weight", _joint_rows(1)
            ),
            Pair(
                f"{ours}.space_attention.value.weight",
                f"{theirs}.spatio_attn.v_proj_weight",
                lambda weight: weight.mT,
            ),
            *layer(f"{ours}.space_attention.output", f"{theirs}.spatio_attn.linear"),
        ]
        pairs += self_attention(f"{ours}.time_attention", f"{theirs}.temporal_attn")
        pairs += cross_attention(f"{ours}.music_attention", f"{theirs}.multihead_attn")
        pairs += feedforward(ours, theirs)
        for norm, name in enumerate(("space", "time", "music", "feedforward"), start=1):
            pairs += layer(f"{ours}.{name}_norm", f"{theirs}.norm{norm}")
        for module, name in enumerate(("time", "music", "feedforward"), start=1):
            pairs += layer(f"{ours}.{name}_alignment.modulation", f"{theirs}.align{module}.block.1")
    return pairs


def read_checkpoint(checkpoint: Path) -> dict[str, Any]:
    """The content of a file that `torch.save` wrote, with unknown objects as `Shell`s.

    Raises:
        InputError: the file is missing, or not a dict saved by torch ≥ 1.6.
    """
    try:
        with checkpoint.open("rb") as file:
            if not zipfile.is_zipfile(file):
                raise InputError("is not a checkpoint of torch 1.6 or newer", checkpoint, "name another file")
        saved = torch.load(  # nosec B614  # `_restricted` builds tensors and shells only
            checkpoint, map_location="cpu", pickle_module=_restricted, weights_only=False
        )
    except OSError as error:
        raise InputError(f"not readable: {error.strerror}", checkpoint, "check the path") from error
    except (*BROKEN, RuntimeError) as error:
        raise InputError(
            "is a damaged or foreign checkpoint", checkpoint, "name a saved checkpoint"
        ) from error
    if not isinstance(saved, dict):
        raise InputError("does not contain weights by name", checkpoint, "name a saved checkpoint")
    return saved


def weights_in(saved: Mapping[str, Any]) -> Weights:
    """The weights of a checkpoint: `ema_state_dict`, `model_state_dict`, `state_dict`, or the whole of it."""
    names = ("ema_state_dict", "model_state_dict", "state_dict")
    return next((saved[name] for name in names if isinstance(saved.get(name), Mapping)), saved)


class Shell:
    """Stands for an object of an unknown class: keeps its arguments and its state, and does nothing."""

    arguments: tuple[object, ...]
    state: dict[str, object]

    def __new__(cls, *arguments: object, **named: object) -> Shell:  # pickles may leave __init__ out
        shell = super().__new__(cls)
        shell.arguments, shell.state = arguments, dict(named)
        return shell

    def __setstate__(self, state: object) -> None:
        self.state |= state if isinstance(state, dict) else {"state": state}

    def __setitem__(self, name: object, value: object) -> None:
        """Keeps an item of an object that is a dict, such as an EasyDict."""
        self.state[str(name)] = value

    def __call__(self, *arguments: object, **named: object) -> Shell:
        return Shell(*arguments, **named)


_ALLOWED = {
    "torch._utils": {"_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_parameter"},
    "torch": {"Size", "device", "float16", "bfloat16", "float32", "float64", "int32", "int64", "bool"},
    "torch.nn.parameter": {"Parameter"},
    "collections": {"OrderedDict"},
}
"""The classes and functions that build tensors; arrays are built by stand-ins."""


class _Unpickler(ArrayUnpickler):
    def find_class(self, module: str, name: str) -> Any:
        if name in _ALLOWED.get(module, ()):
            return pickle.Unpickler.find_class(self, module, name)
        if (module, name) in self.allowed:
            return super().find_class(module, name)
        # A new class for each name: its instances contain no code from the checkpoint.
        return type(name.rpartition(".")[2], (Shell,), {"__module__": module})


_restricted = types.SimpleNamespace(Unpickler=_Unpickler, __name__="restricted_pickle")


def scaler_in(normalizer: object) -> MinMaxScaler | None:
    """The scaler inside a released normaliser, at whatever depth it keeps its two arrays."""
    state = getattr(normalizer, "state", normalizer)
    if not isinstance(state, Mapping):
        return None
    if {"data_min_", "data_max_"} <= state.keys():
        minimum, maximum = (_tensor(state[name]) for name in ("data_min_", "data_max_"))
        return MinMaxScaler(minimum, maximum)
    return next(filter(None, map(scaler_in, state.values())), None)


def _tensor(value: object) -> torch.Tensor:
    try:
        return torch.as_tensor(
            np.array(value.value, np.float32) if isinstance(value, StoredArray) else value
        ).float()
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            "has a normaliser without numbers", do="give a checkpoint of the released code"
        ) from error


def _joint_rows(half: int) -> Callable[[torch.Tensor], torch.Tensor]:
    """Queries (0) or keys (1) of the joints: from (width, 2 · 4 · 156) to (4 · 144, width)."""
    return lambda weight: weight.mT.reshape(2, HEADS, WIDTH, -1)[half, :, ROTATION].flatten(0, 1)

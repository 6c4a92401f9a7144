"""Reads checkpoints of the authors' code: its weights into our network, its normaliser into our scaler."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from popdanceset.errors import InputError
from training.baselines.edge.config import RELEASED, EdgeConfig
from training.baselines.edge.model import EDGE
from training.data.representation import MinMaxScaler
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
from training.popdg.released import read_checkpoint, scaler_in, weights_in

TITLE = "EDGE"


class Released(NamedTuple):
    """A released checkpoint.

    Attributes:
        model: the network, in evaluation mode.
        scaler: of its 151 channels; None if the checkpoint has none.
        config: what the checkpoint says of itself; empty if it says nothing.
    """

    model: EDGE
    scaler: MinMaxScaler | None
    config: Mapping[str, Any]


def load_released(checkpoint: Path, heads: int | None = None, window: int | None = None) -> Released:
    """Reads a checkpoint of the authors' code, without running any code in it.

    Args:
        checkpoint: the file. It may be a bare state_dict, or a dict with `ema_state_dict` (preferred),
            `model_state_dict` or `state_dict`, and optionally `normalizer` and `config`.
        heads: of the attentions, which cannot be read from weights; None: those in `config`, or 8.
        window: keep the learned "no music" of this many first frames only; None: of all.

    Raises:
        InputError: the file is missing or not a checkpoint, or its weights do not fit a network of EDGE.
    """
    saved = read_checkpoint(checkpoint)
    found = saved.get("config")
    config: Mapping[str, Any] = found if isinstance(found, Mapping) else {}
    try:
        weights = tensors(weights_in(saved))
        if window is not None and "null_cond_embed" in weights:
            weights["null_cond_embed"] = weights["null_cond_embed"][:, :window]
        model = EDGE(released_config(weights, heads or config.get("num_heads", RELEASED.model.heads)))
        put(weights, model, correspondence(model.config), TITLE)
        scaler = scaler_in(saved.get("normalizer"))
    except InputError as error:
        raise InputError(error.what, checkpoint, error.do) from error
    return Released(model.eval(), scaler, config)


def released_config(weights: Weights, heads: int) -> EdgeConfig:
    """The sizes of a network, read from its released weights.

    Raises:
        InputError: these are not weights of EDGE.
    """
    sizes = released_sizes(
        weights, "seqTransDecoder.stack.", "cond_encoder.", "null_cond_embed", TITLE, TITLE
    )
    return replace(RELEASED.model, heads=heads, **sizes)


def correspondence(config: EdgeConfig) -> list[Pair]:
    """The released counterpart of each of our parameters.

    Biases of keys have none, as they do not affect any output; nor have the frequencies of rotary positions,
    which are computed.
    """
    pairs = [
        Pair("no_tokens", "null_cond_embed"),
        Pair("no_pooled", "null_cond_hidden"),
        *layer("memory_norm", "norm_cond"),
        *layer("time_embedding.hidden.0", "time_mlp.1"),
        *layer("time_embedding.vector", "to_time_cond.0"),
        *layer("time_embedding.tokens", "to_time_tokens.0"),
        *layer("input_projection", "input_projection"),
        *layer("music_encoder.projection", "cond_projection"),
        *layer("start_projection", "final_layer"),
    ]
    for number in (0, 1, 3):
        pairs += layer(f"music_pool.projection.{number}", f"non_attn_cond_projection.{number}")
    for number in range(config.music_layers):
        ours, theirs = f"music_encoder.blocks.{number}", f"cond_encoder.{number}"
        pairs += self_attention(f"{ours}.time_attention", f"{theirs}.self_attn")
        pairs += feedforward(ours, theirs)
        for norm, name in enumerate(("time", "feedforward"), start=1):
            pairs += layer(f"{ours}.{name}_norm", f"{theirs}.norm{norm}")
    for number in range(config.layers):
        ours, theirs = f"blocks.{number}", f"seqTransDecoder.stack.{number}"
        pairs += self_attention(f"{ours}.time_attention", f"{theirs}.self_attn")
        pairs += cross_attention(f"{ours}.music_attention", f"{theirs}.multihead_attn")
        pairs += feedforward(ours, theirs)
        for part, name in enumerate(("time", "music", "feedforward"), start=1):
            pairs += layer(f"{ours}.{name}_norm", f"{theirs}.norm{part}")
            pairs += layer(f"{ours}.{name}_alignment.modulation", f"{theirs}.film{part}.block.1")
    return pairs

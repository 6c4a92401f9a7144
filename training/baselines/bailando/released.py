"""Reads checkpoints of the released code. Its weights may be used for non-commercial purposes only.

The weights are under the S-Lab License 1.0, which forbids commercial use. Loading them logs a warning, and so
should whatever publishes results made with them. Nothing of that code or its weights is part of this project.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch

from popdanceset.errors import InputError
from training.baselines.bailando.config import GptConfig, VqVaeConfig
from training.baselines.bailando.gpt import DanceGpt
from training.baselines.bailando.vqvae import MotionVqVae
from training.baselines.weights import fill
from training.popdg.released import Shell, read_checkpoint

Weights = Mapping[str, torch.Tensor]
Pairs = Iterator[tuple[str, str]]
Model = TypeVar("Model", MotionVqVae, DanceGpt)

LICENCE = "the weights of Bailando are licensed for non-commercial use only (S-Lab License 1.0)"

_log = logging.getLogger(__name__)


def load_released_vqvae(path: Path) -> MotionVqVae:
    """Reads stage 1 or stage 2, in evaluation mode. Stage 1 has no decoder of the velocity of joint 0 yet.

    Raises:
        InputError: the file is missing or damaged, or is no such checkpoint.
    """
    return _loaded(path, vqvae_from)


def load_released_gpt(path: Path) -> DanceGpt:
    """Reads stage 3 or stage 4, in evaluation mode. Stage 3 has no critic yet.

    Raises:
        InputError: the file is missing or damaged, or is no such checkpoint.
    """
    return _loaded(path, gpt_from)


def vqvae_from(weights: Weights, settings: object = None) -> MotionVqVae:
    """A VQ-VAE with released weights; the averages of its codebooks, which the file lacks, start from them.

    Args:
        weights: by their names, without `module.`.
        settings: the configuration in the file; None: as released.

    Raises:
        InputError: weights are missing or do not fit each other.
    """
    default = VqVaeConfig()
    encoder, decoder = (f"vqvae_up.{part}s.0.level_blocks.0.model." for part in ("encoder", "decoder"))
    try:
        width, _, kernel = weights[f"{encoder}0.0.weight"].shape
        codes, embedding = weights["vqvae_up.bottleneck.level_blocks.0.k"].shape
        config = VqVaeConfig(
            width=width,
            residual_width=len(weights[f"{encoder}0.1.model.0.model.1.weight"]),
            embedding=embedding,
            codes=codes,
            levels=count(weights, decoder) - 1,
            stride=kernel // 2,
            depth=count(weights, f"{encoder}0.1.model."),
            dilation_growth=setting(settings, "dilation_growth_rate", default.dilation_growth),
            decay=setting(settings, "l_mu", default.decay),
        )
    except (KeyError, ValueError) as error:
        raise InputError(f"does not contain Bailando's VQ-VAE ({error})") from error
    model = MotionVqVae(config)
    rooted = any(name.startswith("vqvae_down.decoders_root.") for name in weights)
    fill(model, weights, vqvae_names(config, rooted=rooted))
    for half in (model.up, model.down):
        half.codebook.start(half.codebook.vectors.clone())
    return model


def gpt_from(weights: Weights, settings: object = None) -> DanceGpt:
    """Actor and critic with released weights.

    Args:
        weights: by their names, without `module.`.
        settings: the configuration in the file, for the number of heads; None: as released.

    Raises:
        InputError: weights are missing or do not fit each other.
    """
    default = GptConfig()
    try:
        codes, width = weights["gpt_base.tok_emb_up.weight"].shape
        config = GptConfig(
            width=width,
            heads=setting(settings, "n_head", default.heads),
            base_layers=count(weights, "gpt_base.blocks."),
            head_layers=count(weights, "gpt_head.blocks."),
            critic_layers=count(weights, "critic_net.blocks.") or default.critic_layers,
            block=weights["gpt_base.pos_emb"].shape[1] // 3,
            codes=codes,
            music_width=weights["gpt_base.cond_emb.weight"].shape[1],
        )
        positions = weights["gpt_base.pos_emb"].view(3, config.block, width)
    except (KeyError, ValueError, RuntimeError) as error:
        raise InputError(f"does not contain Bailando's GPT ({error})") from error
    model = DanceGpt(config)
    judged = any(name.startswith("critic_net.") for name in weights)
    fill(model, {**weights, "gpt_base.pos_emb": positions}, gpt_names(config, judged=judged))
    return model


def vqvae_names(config: VqVaeConfig, *, rooted: bool = True) -> Pairs:
    """Pairs of our names and the released names.

    Args:
        config: the sizes.
        rooted: whether there is a decoder of the velocity of joint 0.
    """
    for half in ("up", "down"):
        theirs = f"vqvae_{half}"
        yield f"{half}.codebook.vectors", f"{theirs}.bottleneck.level_blocks.0.k"
        yield from _encoder_names(f"{half}.encoder", f"{theirs}.encoders.0.level_blocks.0.model", config)
        yield from _decoder_names(f"{half}.decoder", f"{theirs}.decoders.0", config)
    if rooted:
        yield from _decoder_names("root_decoder", "vqvae_down.decoders_root.0", config)


def gpt_names(config: GptConfig, *, judged: bool = True) -> Pairs:
    """Pairs of our names and the released names.

    Args:
        config: the sizes.
        judged: whether there is a critic.
    """
    yield "base.positions", "gpt_base.pos_emb"
    yield from _layer("base.music", "gpt_base.cond_emb")
    for half in ("up", "down"):
        yield f"base.{half}.weight", f"gpt_base.tok_emb_{half}.weight"
    yield from _block_names("base", "gpt_base", config.base_layers)
    heads = [("head", "gpt_head", config.head_layers)]
    if judged:
        heads.append(("critic", "critic_net", config.critic_layers))
    for ours, theirs, layers in heads:
        yield from _block_names(ours, theirs, layers)
        yield from _layer(f"{ours}.norm", f"{theirs}.ln_f")
        for half in ("up", "down"):
            yield f"{ours}.{half}.weight", f"{theirs}.head_{half}.weight"


def setting(settings: object, name: str, default: Any) -> Any:
    """A number in the configuration of a file, at whatever depth; the default if there is none."""
    state = settings.state if isinstance(settings, Shell) else settings
    if not isinstance(state, Mapping):
        return default
    if isinstance(state.get(name), int | float):
        return state[name]
    found = (setting(inner, name, None) for inner in state.values())
    return next((value for value in found if value is not None), default)


def count(weights: Weights, prefix: str) -> int:
    """How many numbered parts have names with this prefix."""
    pattern = re.compile(re.escape(prefix) + r"(\d+)\.")
    return len({found[1] for name in weights if (found := pattern.match(name))})


def _loaded(path: Path, build: Callable[[Weights, object], Model]) -> Model:
    saved = read_checkpoint(path)
    content = next((saved[name] for name in ("model", "state_dict") if name in saved), saved)
    if not isinstance(content, Mapping):
        raise InputError("does not contain weights by name", path, "name a checkpoint of Bailando")
    weights = {
        str(name).removeprefix("module."): value
        for name, value in content.items()
        if isinstance(value, torch.Tensor)
    }
    try:
        model = build(weights, saved.get("config"))
    except InputError as error:
        raise InputError(error.what, path, error.do or "name a checkpoint of Bailando") from error
    _log.warning("%s: %s", path, LICENCE)
    return model.eval()


def _encoder_names(ours: str, theirs: str, config: VqVaeConfig) -> Pairs:
    for level in range(config.levels):
        yield from _layer(f"{ours}.levels.{level}.0", f"{theirs}.{level}.0")
        yield from _residual_names(f"{ours}.levels.{level}", f"{theirs}.{level}.1", config.depth, first=1)
    yield from _layer(f"{ours}.output", f"{theirs}.{config.levels}")


def _decoder_names(ours: str, theirs: str, config: VqVaeConfig) -> Pairs:
    inside = f"{theirs}.level_blocks.0.model"
    yield from _layer(f"{ours}.input", f"{inside}.0")
    for level in range(config.levels):
        mine = f"{ours}.levels.{level}"
        yield from _residual_names(mine, f"{inside}.{level + 1}.0", config.depth, first=0)
        yield from _layer(f"{mine}.{config.depth}", f"{inside}.{level + 1}.1")
    yield from _layer(f"{ours}.output", f"{theirs}.out")


def _residual_names(ours: str, theirs: str, depth: int, first: int) -> Pairs:
    for block in range(depth):
        yield from _layer(f"{ours}.{first + block}.dilated", f"{theirs}.model.{block}.model.1")
        yield from _layer(f"{ours}.{first + block}.pointwise", f"{theirs}.model.{block}.model.3")


def _block_names(ours: str, theirs: str, layers: int) -> Pairs:
    names = {
        "attention_norm": "ln1", "feedforward_norm": "ln2", "query": "attn.query", "key": "attn.key",
        "value": "attn.value", "attention_output": "attn.proj", "inner": "mlp.0", "outer": "mlp.2",
    }  # fmt: skip
    for number in range(layers):
        for mine, name in names.items():
            yield from _layer(f"{ours}.blocks.{number}.{mine}", f"{theirs}.blocks.{number}.{name}")


def _layer(ours: str, theirs: str) -> Pairs:
    for part in ("weight", "bias"):
        yield f"{ours}.{part}", f"{theirs}.{part}"

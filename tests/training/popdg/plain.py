"""The released network in plain steps, for a bare state_dict; shares no code with the package.

Tests compare with it at other sizes than those of the recorded values; the sampling benchmark takes it for
its plain side. Names of weights are the released ones.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch.nn import functional

PAIRS = ((3, 6), (6, 9), (9, 12), (9, 13), (9, 14), (13, 16), (14, 17), (12, 15))

Weights = Mapping[str, torch.Tensor]


def random_weights(
    *, width: int, ff: int, layers: int, music_layers: int, music_dim: int, frames: int = 150, seed: int = 0
) -> dict[str, torch.Tensor]:
    """Random weights; no bias is 0, so that a misplaced one is noticed."""
    generator = torch.Generator().manual_seed(seed)
    weights: dict[str, torch.Tensor] = {}

    def matrix(name: str, *shape: int, scale: float | None = None) -> None:
        scale = shape[-1] ** -0.5 if scale is None else scale
        weights[name] = scale * torch.randn(*shape, generator=generator)

    def layer(name: str, out: int, into: int) -> None:
        matrix(f"{name}.weight", out, into)
        matrix(f"{name}.bias", out, scale=0.1)

    def norm(name: str) -> None:
        weights[f"{name}.weight"] = 1 + 0.1 * torch.randn(width, generator=generator)
        matrix(f"{name}.bias", width, scale=0.1)

    def attention(name: str, size: int) -> None:
        matrix(f"{name}.in_proj_weight", 3 * size, size)
        matrix(f"{name}.in_proj_bias", 3 * size, scale=0.1)
        layer(f"{name}.out_proj", size, size)

    matrix("null_music_embed", 1, frames, width, scale=1.0)
    layer("TimeEmbed.mlp.1", 4 * width, width)
    layer("TimeEmbed.time_music", width, 4 * width)
    layer("TimeEmbed.time_tokens.0", 2 * width, 4 * width)
    norm("norm_music")
    matrix("music_temporalcoding.music_parameter", 1, width, scale=1.0)
    norm("music_temporalcoding.temporal_music_projection.0")
    layer("music_temporalcoding.temporal_music_projection.1", width, width)
    layer("music_temporalcoding.temporal_music_projection.3", width, width)
    layer("input_projection", width, 156)
    layer("cond_projection", width, music_dim)
    for i in range(music_layers):
        attention(f"music_encoder.{i}.spatio_attn", frames)
        attention(f"music_encoder.{i}.temporal_attn", width)
        layer(f"music_encoder.{i}.linear1", ff, width)
        layer(f"music_encoder.{i}.linear2", width, ff)
        for number in (1, 2, 3):
            norm(f"music_encoder.{i}.norm{number}")
    for i in range(layers):
        name = f"DecoderSequence.stack.{i}"
        matrix(f"{name}.spatio_attn.qk_proj_weight", width, 1248, scale=width**-0.5)
        matrix(f"{name}.spatio_attn.v_proj_weight", width, 624, scale=width**-0.5)
        layer(f"{name}.spatio_attn.linear", width, 624)
        attention(f"{name}.temporal_attn", width)
        attention(f"{name}.multihead_attn", width)
        layer(f"{name}.linear1", ff, width)
        layer(f"{name}.linear2", width, ff)
        for number in (1, 2, 3, 4):
            norm(f"{name}.norm{number}")
        for number in (1, 2, 3):
            layer(f"{name}.align{number}.block.1", 2 * width, width)
    layer("final_layer", 156, width)
    layer("variance_layer", 156, width)
    return weights


def forward(
    weights: Weights,
    heads: int,
    x: torch.Tensor,
    time: torch.Tensor,
    music: torch.Tensor,
    keep_tokens: torch.Tensor | None = None,
    keep_pooled: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """(batch, 150, 156), (batch,), (batch, 150, music_dim) → dance and variance, both (batch, 150, 156)."""
    w = weights
    width = w["cond_projection.weight"].shape[0]
    tokens = _linear(w, "cond_projection", music)
    for i in range(_count(w, "music_encoder.")):
        name = f"music_encoder.{i}"
        y = _norm(w, f"{name}.norm1", tokens)
        turned = rotate(y)
        y = _attention(w, f"{name}.spatio_attn", 5, turned.mT, turned.mT, y.mT).mT
        tokens = tokens + y
        y = _norm(w, f"{name}.norm2", tokens)
        tokens = tokens + _attention(w, f"{name}.temporal_attn", heads, rotate(y), rotate(y), y)
        tokens = tokens + _feedforward(w, name, _norm(w, f"{name}.norm3", tokens))
    if keep_tokens is not None:
        tokens = torch.where(keep_tokens[:, None, None], tokens, w["null_music_embed"])
    pooled = _norm(w, "music_temporalcoding.temporal_music_projection.0", tokens.mean(dim=1))
    pooled = functional.silu(_linear(w, "music_temporalcoding.temporal_music_projection.1", pooled))
    pooled = _linear(w, "music_temporalcoding.temporal_music_projection.3", pooled)
    if keep_pooled is not None:
        pooled = torch.where(keep_pooled[:, None], pooled, w["music_temporalcoding.music_parameter"])

    half = width // 2
    angles = time[:, None] * torch.exp(torch.arange(half) * -(math.log(10_000) / (half - 1)))
    embedded = functional.mish(_linear(w, "TimeEmbed.mlp.1", torch.cat([angles.sin(), angles.cos()], -1)))
    t = _linear(w, "TimeEmbed.time_music", embedded) + pooled
    time_tokens = _linear(w, "TimeEmbed.time_tokens.0", embedded).view(-1, 2, width)
    memory = _norm(w, "norm_music", torch.cat([tokens, time_tokens], dim=1))

    x = _linear(w, "input_projection", x)
    for i in range(_count(w, "DecoderSequence.stack.")):
        name = f"DecoderSequence.stack.{i}"
        x = x + _joint_attention(w, f"{name}.spatio_attn", _norm(w, f"{name}.norm1", x))
        y = _norm(w, f"{name}.norm2", x)
        y = _attention(w, f"{name}.temporal_attn", heads, rotate(y), rotate(y), y)
        x = x + _align(w, f"{name}.align1", y, t)
        y = rotate(_norm(w, f"{name}.norm3", x))
        y = _attention(w, f"{name}.multihead_attn", heads, y, rotate(memory), memory)
        x = x + _align(w, f"{name}.align2", y, t)
        y = _feedforward(w, name, _norm(w, f"{name}.norm4", x))
        x = x + _align(w, f"{name}.align3", y, t)
    return _linear(w, "final_layer", x), _linear(w, "variance_layer", x).clamp(-1, 1)


def guided(
    weights: Weights, heads: int, x: torch.Tensor, time: torch.Tensor, music: torch.Tensor, weight: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Guidance in two passes: u + w (c − u) of both outputs."""
    nobody = torch.zeros(len(x), dtype=torch.bool)
    without = forward(weights, heads, x, time, music, nobody, nobody)
    given = forward(weights, heads, x, time, music)
    return without[0] + weight * (given[0] - without[0]), without[1] + weight * (given[1] - without[1])


def rotate(x: torch.Tensor) -> torch.Tensor:
    """Rotary positions: (…, frames, width) with features 2i and 2i+1 rotated by p · 10000^(−2i/width)."""
    frames, width = x.shape[-2:]
    frequencies = 10_000 ** (-np.arange(0, width, 2) / width)
    angles = torch.from_numpy(np.arange(frames)[:, None] * frequencies).float()
    first, second = x[..., 0::2], x[..., 1::2]
    turned = [
        first * angles.cos() - second * angles.sin(),
        second * angles.cos() + first * angles.sin(),
    ]
    return torch.stack(turned, dim=-1).flatten(-2)


def augment(weights: torch.Tensor, halving: bool = True) -> torch.Tensor:
    """Algorithm 1, pair after pair, on (…, 24, 24)."""
    a = weights.clone()
    share = 2 if halving else 1
    for parent, child in PAIRS:
        a[..., 0, child] = (a[..., 0, child] + a[..., 0, parent]) / share
        a[..., child, 0] = (a[..., child, 0] + a[..., parent, 0]) / share
    return a


def _joint_attention(w: Weights, name: str, x: torch.Tensor) -> torch.Tensor:
    batch, frames, _ = x.shape
    query, key = (rotate(x) @ w[f"{name}.qk_proj_weight"]).view(batch, frames, 2, 4, 156).unbind(2)
    value = (x @ w[f"{name}.v_proj_weight"]).view(batch, frames, 4, 156)
    query, key, joints = (part[..., 3:147].reshape(batch, frames, 4, 24, 6) for part in (query, key, value))
    weights = augment(torch.softmax(query @ key.mT / math.sqrt(6), dim=-1))
    value = value.clone()
    value[..., 3:147] = (weights @ joints).flatten(-2)
    return _linear(w, f"{name}.linear", value.flatten(-2))


def _attention(
    w: Weights, name: str, heads: int, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor
) -> torch.Tensor:
    query, key, value = (part.transpose(0, 1) for part in (query, key, value))
    attended, _ = functional.multi_head_attention_forward(
        query, key, value, query.shape[-1], heads,
        w[f"{name}.in_proj_weight"], w[f"{name}.in_proj_bias"], None, None, False, 0.0,
        w[f"{name}.out_proj.weight"], w[f"{name}.out_proj.bias"], training=False, need_weights=False,
    )  # fmt: skip
    return attended.transpose(0, 1)


def _align(w: Weights, name: str, y: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    scale, shift = _linear(w, f"{name}.block.1", functional.mish(t + y.mean(dim=1))).chunk(2, dim=-1)
    return (1 + scale[:, None]) * y + shift[:, None]


def _feedforward(w: Weights, name: str, x: torch.Tensor) -> torch.Tensor:
    return _linear(w, f"{name}.linear2", functional.gelu(_linear(w, f"{name}.linear1", x)))


def _linear(w: Weights, name: str, x: torch.Tensor) -> torch.Tensor:
    return functional.linear(x, w[f"{name}.weight"], w[f"{name}.bias"])


def _norm(w: Weights, name: str, x: torch.Tensor) -> torch.Tensor:
    return functional.layer_norm(x, x.shape[-1:], w[f"{name}.weight"], w[f"{name}.bias"])


def _count(w: Weights, prefix: str) -> int:
    return 1 + max(int(name[len(prefix) :].split(".")[0]) for name in w if name.startswith(prefix))

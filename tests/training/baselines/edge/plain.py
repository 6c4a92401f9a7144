"""EDGE in plain steps, from torch's own layers; shares no code with the package.

Tests compare with it at other sizes than those of the recorded values, and the benchmark of a training step
takes it for its plain side. Names of weights are those of the authors' code.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from torch import nn
from torch.nn import functional

from popdanceset.skeleton import SMPL_OFFSETS, SMPL_PARENTS

CHANNELS = 151
FEET = (7, 8, 10, 11)
WEIGHTS = (0.636, 2.964, 0.646, 10.942)


class Rotary(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("freqs", 10_000.0 ** (-torch.arange(0, width, 2) / width))

    def rotate(self, x: torch.Tensor) -> torch.Tensor:
        angles = torch.arange(x.shape[1])[:, None] * self.freqs
        cos, sin = angles.cos().repeat_interleave(2, -1), angles.sin().repeat_interleave(2, -1)
        crossed = torch.stack([-x[..., 1::2], x[..., ::2]], dim=-1).flatten(-2)
        return x * cos + crossed * sin


class Film(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Mish(), nn.Linear(width, 2 * width))

    def forward(self, y: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        scale, shift = self.block(t)[:, None].chunk(2, dim=-1)
        return (1 + scale) * y + shift


class Layer(nn.Module):
    """A block of the encoder; of the decoder, with attention to a memory and FiLM."""

    def __init__(
        self, width: int, ff: int, heads: int, dropout: float, rotary: Rotary, decodes: bool
    ) -> None:
        super().__init__()
        self.self_attn = nn.MultiheadAttention(width, heads, dropout, batch_first=True)
        if decodes:
            self.multihead_attn = nn.MultiheadAttention(width, heads, dropout, batch_first=True)
        self.linear1, self.linear2 = nn.Linear(width, ff), nn.Linear(ff, width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        if decodes:
            self.norm3 = nn.LayerNorm(width)
            self.film1, self.film2, self.film3 = Film(width), Film(width), Film(width)
        self.dropout, self.rotary = nn.Dropout(dropout), rotary

    def _self(self, x: torch.Tensor) -> torch.Tensor:
        turned = self.rotary.rotate(x)
        return self.dropout(self.self_attn(turned, turned, x, need_weights=False)[0])

    def _feedforward(self, x: torch.Tensor) -> torch.Tensor:
        return self.dropout(self.linear2(self.dropout(functional.gelu(self.linear1(x)))))

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self._self(self.norm1(x))
        return x + self._feedforward(self.norm2(x))

    def decode(self, x: torch.Tensor, memory: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        x = x + self.film1(self._self(self.norm1(x)), t)
        query, key = self.rotary.rotate(self.norm2(x)), self.rotary.rotate(memory)
        heard = self.dropout(self.multihead_attn(query, key, memory, need_weights=False)[0])
        x = x + self.film2(heard, t)
        return x + self.film3(self._feedforward(self.norm3(x)), t)


class Decoder(nn.Module):
    def __init__(self, layers: Iterable[Layer]) -> None:
        super().__init__()
        self.stack = nn.ModuleList(layers)


class PlainEDGE(nn.Module):
    def __init__(
        self,
        *,
        width: int,
        ff: int,
        heads: int,
        layers: int,
        music_dim: int,
        window: int,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.width, self.rotary = width, Rotary(width)
        self.null_cond_embed = nn.Parameter(torch.randn(1, window, width))
        self.null_cond_hidden = nn.Parameter(torch.randn(1, width))
        self.time_mlp = nn.Sequential(nn.Identity(), nn.Linear(width, 4 * width), nn.Mish())
        self.to_time_cond = nn.Sequential(nn.Linear(4 * width, width))
        self.to_time_tokens = nn.Sequential(nn.Linear(4 * width, 2 * width))
        self.norm_cond = nn.LayerNorm(width)
        self.input_projection = nn.Linear(CHANNELS, width)
        sizes = (width, ff, heads, dropout, self.rotary)
        self.cond_encoder = nn.ModuleList(Layer(*sizes, False) for _ in range(2))
        self.cond_projection = nn.Linear(music_dim, width)
        self.non_attn_cond_projection = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width)
        )
        self.seqTransDecoder = Decoder(Layer(*sizes, True) for _ in range(layers))
        self.final_layer = nn.Linear(width, CHANNELS)

    def forward(
        self, x: torch.Tensor, t: torch.Tensor, music: torch.Tensor, keep: torch.Tensor
    ) -> torch.Tensor:
        tokens = self.cond_projection(music)
        for layer in self.cond_encoder:
            tokens = layer.encode(tokens)
        tokens = torch.where(keep[:, None, None], tokens, self.null_cond_embed)
        hidden = self.non_attn_cond_projection(tokens.mean(dim=1))
        hidden = torch.where(keep[:, None], hidden, self.null_cond_hidden)
        half = self.width // 2
        angles = t[:, None] * torch.exp(torch.arange(half) * (-math.log(10_000) / (half - 1)))
        h = self.time_mlp(torch.cat([angles.sin(), angles.cos()], dim=-1))
        condition = self.to_time_cond(h) + hidden
        time_tokens = self.to_time_tokens(h).view(len(x), 2, -1)
        memory = self.norm_cond(torch.cat([tokens, time_tokens], dim=1))
        x = self.input_projection(x)
        for layer in self.seqTransDecoder.stack:
            x = layer.decode(x, memory, condition)
        return self.final_layer(x)


def joints(vectors: torch.Tensor) -> torch.Tensor:
    """(batch, frames, 151) → (batch, frames, 24, 3), one joint after the other."""
    rows = vectors[..., 7:].unflatten(-1, (24, 2, 3))
    first = functional.normalize(rows[..., 0, :], dim=-1)
    second = rows[..., 1, :] - (first * rows[..., 1, :]).sum(-1, keepdim=True) * first
    second = functional.normalize(second, dim=-1)
    matrices = torch.stack([first, second, torch.linalg.cross(first, second, dim=-1)], dim=-2)
    offsets = torch.tensor(SMPL_OFFSETS).to(vectors)
    turned, places = [matrices[..., 0, :, :]], [vectors[..., 4:7]]
    for joint in range(1, 24):
        parent = SMPL_PARENTS[joint]
        places.append(places[parent] + (turned[parent] @ offsets[joint][:, None])[..., 0])
        turned.append(turned[parent] @ matrices[..., joint, :, :])
    return torch.stack(places, dim=-2)


def loss_parts(predicted: torch.Tensor, true: torch.Tensor) -> list[torch.Tensor]:
    """The four weighted parts of the loss of the authors' code, on scaled values."""
    simple = ((predicted - true) ** 2).mean()
    moved = [(x[:, 1:, 4:] - x[:, :-1, 4:]) for x in (predicted, true)]
    places = joints(predicted)
    slip = torch.zeros_like(places[:, :, FEET])
    slip[:, :-1] = places[:, 1:, FEET] - places[:, :-1, FEET]
    slip[~(predicted[..., :4] > 0.95)] = 0
    parts = [
        simple,
        ((moved[0] - moved[1]) ** 2).mean(),
        ((places - joints(true)) ** 2).mean(),
        (slip**2).mean(),
    ]
    return [weight * part for weight, part in zip(WEIGHTS, parts, strict=True)]


def schedule() -> dict[str, torch.Tensor]:
    """The cosine schedule as the authors' code has it: betas in double precision, the rest in single."""
    curve = torch.cos((torch.arange(1001, dtype=torch.double) / 1000 + 0.008) / 1.008 * math.pi / 2) ** 2
    betas = (1 - curve[1:] / curve[:-1]).clamp(0, 0.999).float()
    kept = torch.cumprod(1 - betas, 0)
    before = torch.cat([torch.ones(1), kept[:-1]])
    variance = betas * (1 - before) / (1 - kept)
    return {
        "betas": betas,
        "alphas_cumprod": kept,
        "posterior_variance": variance,
        "posterior_log_variance_clipped": variance.clamp(min=1e-20).log(),
        "posterior_mean_coef1": betas * before.sqrt() / (1 - kept),
        "posterior_mean_coef2": (1 - before) * (1 - betas).sqrt() / (1 - kept),
    }


def guided(
    network: PlainEDGE, x: torch.Tensor, t: torch.Tensor, music: torch.Tensor, weight: float
) -> torch.Tensor:
    keep = torch.ones(len(x), dtype=torch.bool)
    free = network(x, t, music, ~keep)
    return free + weight * (network(x, t, music, keep) - free)


def ddim(
    network: PlainEDGE, music: torch.Tensor, noises: Iterable[torch.Tensor], weights: list[float], long: bool
) -> list[torch.Tensor]:
    """The dance before each step and after the last; consecutive windows share a half if `long`."""
    kept, source = schedule()["alphas_cumprod"], iter(noises)
    times = [int(t) for t in torch.linspace(-1, 999, len(weights) + 1).flip(0)]
    states = [next(source)]
    for weight, now, then in zip(weights, times[:-1], times[1:], strict=True):
        x, t = states[-1], torch.full((len(music),), now)
        start = guided(network, x, t, music, weight).clamp(-1, 1)
        if then < 0:
            return [*states, start]
        a, b = float(kept[now]), float(kept[then])
        sigma = math.sqrt((1 - a / b) * (1 - b) / (1 - a))
        noise = (x - math.sqrt(a) * start) / math.sqrt(1 - a)
        x = math.sqrt(b) * start + math.sqrt(1 - b - sigma**2) * noise + sigma * next(source)
        if long:
            half = x.shape[1] // 2
            x[1:, :half] = x[:-1, half:]
        states.append(x)
    return states


def p_sample(
    network: PlainEDGE, x: torch.Tensor, t: int, music: torch.Tensor, noise: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """An ancestral step with guidance 2, or 1 near the end; and the clean dance that it predicts."""
    table = {name: float(values[t]) for name, values in schedule().items()}
    start = guided(network, x, torch.full((len(x),), t), music, 1.0 if t < 100 else 2.0).clamp(-1, 1)
    mean = table["posterior_mean_coef1"] * start + table["posterior_mean_coef2"] * x
    return mean + (math.sqrt(table["posterior_variance"]) * noise if t else 0), start


def noisy(start: torch.Tensor, noise: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """The dance at a timestep of the cosine schedule."""
    kept = schedule()["alphas_cumprod"][t].view(-1, 1, 1)
    return kept.sqrt() * start + (1 - kept).sqrt() * noise


class PlainAdan:
    """Adan, parameter by parameter."""

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float, decay: float) -> None:
        self.lr, self.decay, self.step_number = lr, decay, 0
        self.state = [(p, *(torch.zeros_like(p) for _ in range(4))) for p in parameters]

    def zero_grad(self, set_to_none: bool = True) -> None:
        for p, *_ in self.state:
            p.grad = None

    @torch.no_grad()
    def step(self) -> None:
        self.step_number += 1
        b1, b2, b3 = 0.02, 0.08, 0.01
        hats = [1 / (1 - (1 - b) ** self.step_number) for b in (b1, b2, b3)]
        for p, m, v, n, before in self.state:
            g = p.grad
            change = g - before if self.step_number > 1 else torch.zeros_like(g)
            m.mul_(1 - b1).add_(g, alpha=b1)
            v.mul_(1 - b2).add_(change, alpha=b2)
            n.mul_(1 - b3).add_((g + (1 - b2) * change) ** 2, alpha=b3)
            towards = (m * hats[0] + (1 - b2) * v * hats[1]) / ((n * hats[2]).sqrt() + 1e-8)
            p.sub_(self.lr * towards).div_(1 + self.lr * self.decay)
            before.copy_(g)


def training(batch: int, music_dim: int, layers: int = 8) -> tuple[Callable[[], torch.Tensor], PlainAdan]:
    """The loss of a batch at full size as a function, and the optimizer, for the benchmark."""
    network = PlainEDGE(width=512, ff=1024, heads=8, layers=layers, music_dim=music_dim, window=150).train()
    motion, music = torch.rand(batch, 150, CHANNELS) * 2 - 1, torch.randn(batch, 150, music_dim)

    def loss() -> torch.Tensor:
        t, noise = torch.randint(1000, (batch,)), torch.randn_like(motion)
        keep = torch.rand(batch) >= 0.25
        return torch.stack(loss_parts(network(noisy(motion, noise, t), t, music, keep), motion)).sum()

    return loss, PlainAdan(network.parameters(), 2e-4, 0.02)

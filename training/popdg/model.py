"""The network of POPDG: predicts dance and variance of the next step from a noisy dance and music.

Most of it is a transformer that EDGE has as well, without DS- and MF-attention and the variance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, cast

import torch
from torch import nn

from training.data.representation import WIDTH
from training.popdg.attention import Memory, random_frame_mask
from training.popdg.config import ModelConfig
from training.popdg.decoder import DanceDecoderBlock
from training.popdg.music_encoder import MusicEncoder, MusicPool
from training.popdg.rotary import Rotary
from training.popdg.time_embedding import TOKENS, TimeEmbedding


class Prediction(NamedTuple):
    """Output of the network: both (batch, window, channels).

    Attributes:
        x_start: the clean dance, scaled.
        variance: from −1 to 1: places the log-variance of the next step between log β̃ and log β (the
            `model_var_values` of improved-diffusion); None if the network does not learn it.
    """

    x_start: torch.Tensor
    variance: torch.Tensor | None

    def to(self, dtype: torch.dtype) -> Prediction:
        """The same in another precision."""
        variance = None if self.variance is None else self.variance.to(dtype)
        return Prediction(self.x_start.to(dtype), variance)


class Condition(NamedTuple):
    """The music as the decoder needs it: computed once, used in every step of sampling.

    Attributes:
        pooled: (batch, width) for the alignment modules; None without them.
        memories: for each block, keys and values of the music tokens.
    """

    pooled: torch.Tensor | None
    memories: tuple[Memory, ...]

    @staticmethod
    def cat(conditions: list[Condition]) -> Condition:
        """Several as one batch."""
        pooled = [condition.pooled for condition in conditions if condition.pooled is not None]
        memories = zip(*(condition.memories for condition in conditions), strict=True)
        return Condition(
            torch.cat(pooled) if pooled else None,
            tuple(Memory(*map(torch.cat, zip(*parts, strict=True))) for parts in memories),
        )

    def expand(self, batch: int) -> Condition:
        """The condition of one sample, repeated for a batch."""
        return Condition(
            None if self.pooled is None else self.pooled.expand(batch, -1),
            tuple(Memory(*(x.expand(batch, -1, -1, -1) for x in memory)) for memory in self.memories),
        )


class DanceTransformer(nn.Module):
    """The transformer of EDGE and POPDG, from a noisy dance, its timestep and music to the clean dance.

    `forward` is what training calls (and what wrappers for several GPUs wrap). Sampling calls `condition` and
    `no_music` once, then `denoise` in every step.

    Args:
        config: sizes and switches.
        channels: of a frame of dance.
        block: makes a block of the decoder.
    """

    def __init__(
        self, config: ModelConfig, channels: int, block: Callable[[ModelConfig], DanceDecoderBlock]
    ) -> None:
        super().__init__()
        self.parts = config
        width = config.width
        self.rotary = Rotary(width, config.window + TOKENS)
        self.music_encoder = MusicEncoder(config)
        self.no_tokens = nn.Parameter(torch.randn(1, config.window, width))
        self.memory_norm = nn.LayerNorm(width)
        self.time_embedding = TimeEmbedding(width, config.alignment)
        if config.alignment:
            self.music_pool = MusicPool(config)
            self.no_pooled = nn.Parameter(torch.randn(1, width))
        self.input_projection = nn.Linear(channels, width)
        self.blocks = nn.ModuleList(block(config) for _ in range(config.layers))
        self.start_projection = nn.Linear(width, channels)
        self.variance_projection = nn.Linear(width, channels) if config.learned_variance else None

    def forward(
        self,
        motion: torch.Tensor,
        timesteps: torch.Tensor,
        music: torch.Tensor,
        keep_tokens: torch.Tensor | None = None,
        keep_pooled: torch.Tensor | None = None,
    ) -> Prediction:
        """One pass.

        Args:
            motion: (batch, window, channels), noisy.
            timesteps: (batch,) int64, from 0.
            music: (batch, window, music_dim).
            keep_tokens, keep_pooled: (batch,) bool: False where the music tokens and the pooled music of a
                sample are replaced by the learned "no music"; None: all are kept.
        """
        return self.denoise(motion, timesteps, self.condition(music, keep_tokens, keep_pooled))

    def condition(
        self,
        music: torch.Tensor,
        keep_tokens: torch.Tensor | None = None,
        keep_pooled: torch.Tensor | None = None,
    ) -> Condition:
        """The condition of (batch, window, music_dim) features; arguments as in `forward`."""
        tokens = self.music_encoder(music, self.rotary)
        if keep_tokens is not None:
            tokens = torch.where(keep_tokens[:, None, None], tokens, self.no_tokens)
        pooled = None
        if self.parts.alignment:
            pooled = self.music_pool(tokens)
            if keep_pooled is not None:
                pooled = torch.where(keep_pooled[:, None], pooled, self.no_pooled)
        return Condition(pooled, self._remember(tokens))

    def no_music(self, batch: int) -> Condition:
        """The condition without music, for unconditional predictions."""
        pooled = self.no_pooled if self.parts.alignment else None
        return Condition(pooled, self._remember(self.no_tokens)).expand(batch)

    def denoise(self, motion: torch.Tensor, timesteps: torch.Tensor, condition: Condition) -> Prediction:
        """One pass of the decoder.

        Args:
            motion: (batch, window, channels), noisy.
            timesteps: (batch,) int64, or (1,) for all.
            condition: of the same batch; or `Condition.cat` of several conditions for these dances: then
                there is an output for each of them, and what does not depend on the condition is computed
                once.
        """
        vector, tokens = self.time_embedding(timesteps)
        if condition.pooled is not None:
            vector = vector + condition.pooled
        tokens = self.memory_norm(tokens)
        rotated = self.rotary(tokens, self.parts.window)
        x = self.input_projection(motion).to(motion.dtype)
        mask = None
        if self.training and self.parts.frame_mask:
            mask = random_frame_mask(x.shape[0], x.shape[1], self.parts.frame_mask, x)
        for block, music in zip(self._decoder, condition.memories, strict=True):
            memory = music.extended(block.music_attention.remember(rotated, tokens))
            x = block(x, memory, self.rotary, vector, mask)
        variance = None
        if self.variance_projection is not None:
            variance = self.variance_projection(x).clamp(-1, 1)
        return Prediction(self.start_projection(x), variance)

    def _remember(self, tokens: torch.Tensor) -> tuple[Memory, ...]:
        tokens = self.memory_norm(tokens)
        rotated = self.rotary(tokens)
        return tuple(block.music_attention.remember(rotated, tokens) for block in self._decoder)

    @property
    def _decoder(self) -> Iterable[DanceDecoderBlock]:
        return cast("Iterable[DanceDecoderBlock]", self.blocks)


class POPDG(DanceTransformer):
    """The network of POPDG."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config, WIDTH, DanceDecoderBlock)
        self.config = config

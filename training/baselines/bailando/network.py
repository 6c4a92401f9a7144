"""All networks of Bailando as one, which trains one stage at a time."""

from __future__ import annotations

from typing import NamedTuple, Self

import torch
from torch import nn
from torch.nn import functional

from popdanceset.errors import InputError
from training.baselines.bailando.config import BailandoConfig
from training.baselines.bailando.decoding import continue_codes
from training.baselines.bailando.gpt import DanceGpt, released_critic
from training.baselines.bailando.representation import Halves
from training.baselines.bailando.vqvae import MotionVqVae, Reconstructions


class NextCodes(NamedTuple):
    """Stage 3: scores (batch, time, codes) of the next codes, and these codes (batch, time)."""

    scores: Halves
    targets: Halves


class Experience(NamedTuple):
    """Stage 4: a dance by the actor to each window of music.

    Attributes:
        scores: (batch, states, codes) of the actor.
        codes: (batch, codes) that it danced; the first is that of the true dance.
        values: (batch, states) of the critic.
        motion: (batch, actions · frames, 72), decoded from all codes but the first and the last.
        beats: (batch, actions · frames) bool, of the music.
    """

    scores: Halves
    codes: Halves
    values: torch.Tensor
    motion: torch.Tensor
    beats: torch.Tensor


Output = Reconstructions | torch.Tensor | NextCodes | Experience


class Bailando(nn.Module):
    """The VQ-VAEs and the GPT. Parts that the stage does not train are frozen and in evaluation mode.

    Args:
        config: the sizes and the stage.

    Attributes:
        starts: (seeds, 2) int64, first codes of both halves in dances of the training part.
        known_starts: how many there are yet: none before stage 3.
    """

    starts: torch.Tensor
    known_starts: torch.Tensor

    def __init__(self, config: BailandoConfig) -> None:
        super().__init__()
        self.config = config
        self.vqvae, self.gpt = MotionVqVae(config.vqvae), DanceGpt(config.gpt)
        if config.critic == "released":
            released_critic(self.gpt.critic)
        self.register_buffer("starts", torch.zeros(config.seeds, 2, dtype=torch.int64))
        self.register_buffer("known_starts", torch.tensor(0))
        self.requires_grad_(False)
        for part in self._learning:
            part.requires_grad_(True)

    @property
    def _learning(self) -> list[nn.Module]:
        vqvae, gpt = self.vqvae, self.gpt
        parts: dict[int, list[nn.Module]] = {
            1: [vqvae.up, vqvae.down],
            2: [vqvae.root_decoder],
            3: [gpt.base, gpt.head],
            4: [gpt.head, gpt.critic],
        }
        return parts[self.config.stage]

    def train(self, mode: bool = True) -> Self:
        """As in torch. In stage 4 nothing is dropped."""
        super().train(mode)
        self.vqvae.train(mode and self.config.stage == 1)
        self.gpt.train(mode and self.config.stage == 3)
        return self

    def forward(self, motion: torch.Tensor, music: torch.Tensor) -> Output:
        """What the loss of the stage needs.

        Args:
            motion: (batch, window, 72) of `representation`.
            music: (batch, window, music_dim), scaled.

        Returns:
            What the classes say; in stage 2, the velocity of joint 0 (batch, window, 3).

        Raises:
            InputError: the first stage is missing, or the music has no beats (stage 4).
        """
        if self.config.stage == 1:
            return self.vqvae.reconstruct(motion)
        if not self.vqvae.up.codebook.started:
            raise InputError(
                f"stage {self.config.stage} needs the stages before it",
                "Bailando",
                "train them, and begin with their checkpoint (--start)",
            )
        if self.config.stage == 2:
            return self.vqvae.restore_velocity(motion)
        with torch.no_grad():
            codes = self.vqvae.encode(motion)
        if self.training:
            self._remember(codes)
        heard = self.per_code(music)
        if self.config.stage == 3:
            before, after = (
                Halves(*(half[:, part] for half in codes)) for part in (slice(-1), slice(1, None))
            )
            return NextCodes(self.gpt(before, heard[:, 1:]), after)
        return self._experience(Halves(codes.up[:, :1], codes.down[:, :1]), music, heard)

    def per_code(self, music: torch.Tensor) -> torch.Tensor:
        """(batch, frames, music_dim) → (batch, codes, music_dim), the mean of the frames of each code.

        The last code may have fewer frames.
        """
        frames = self.config.vqvae.frames_per_code
        return functional.avg_pool1d(music.mT, frames, ceil_mode=True, count_include_pad=False).mT

    def _experience(self, start: Halves, music: torch.Tensor, heard: torch.Tensor) -> Experience:
        frames = self.config.vqvae.frames_per_code
        codes = continue_codes(self.gpt, start, heard[:, 1:])
        states = Halves(codes.up[:, :-1], codes.down[:, :-1])
        with torch.no_grad():
            features = self.gpt.base(states, heard[:, 1:])
            motion = self.vqvae.decode(Halves(codes.up[:, 1:-1], codes.down[:, 1:-1]))
        values = self.gpt.critic(features)
        return Experience(
            self.gpt.head(features),
            codes,
            (values.up + values.down)[..., 0],
            motion,
            beats_of(music)[:, frames:-frames],
        )

    def _remember(self, codes: Halves) -> None:
        known = int(self.known_starts)
        new = torch.stack([half[: len(self.starts) - known, 0] for half in codes], dim=1)
        if len(new):
            self.starts[known : known + len(new)] = new
            self.known_starts += len(new)


def beats_of(music: torch.Tensor) -> torch.Tensor:
    """(batch, frames, music_dim) → (batch, frames) bool: where the last feature marks a beat.

    Raises:
        InputError: it has more than two values, so it is no mark of beats.
    """
    marks = music[..., -1]
    if not ((marks == marks.amin()) | (marks == marks.amax())).all():
        raise InputError(
            "stage 4 needs beats, and the last music feature marks none",
            "Bailando",
            "train on music features whose last one is 1 in frames with a beat, such as baseline",
        )
    return marks > 0  # 1 and 0, or these with mean 0 and deviation 1

"""Sizes of FACT and how it is trained: the presets `released`, `paper`, `released-frames` and `ours`."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from popdanceset.errors import InputError
from training.baselines.fact.representation import WIDTH


@dataclass(frozen=True, slots=True)
class FactConfig:
    """The architecture. Defaults are those of the released configuration (120.4 million parameters).

    Attributes:
        width: features of a frame inside the network.
        heads: of every attention; divides `width`.
        feedforward: features inside the feed-forward layers.
        motion_layers, audio_layers, cross_layers: layers of the three transformers.
        motion_frames, audio_frames: length of the windows that the network sees.
        future: frames after the motion window that are predicted in training, at most `motion_frames` and
            `audio_frames` together.
        motion_width, audio_width: features of a frame of motion and of music.

    Raises:
        InputError: the sizes are impossible or do not fit each other.
    """

    width: int = 800
    heads: int = 10
    feedforward: int = 3072
    motion_layers: int = 2
    audio_layers: int = 2
    cross_layers: int = 12
    motion_frames: int = 120
    audio_frames: int = 240
    future: int = 20
    motion_width: int = WIDTH
    audio_width: int = 35

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}", "FACT", "give a number from 1")
        if self.width % self.heads:
            raise InputError(f"{self.heads} heads do not divide a width of {self.width}", "FACT")
        if self.future > self.motion_frames + self.audio_frames:
            raise InputError(
                f"future is {self.future}, but the windows have only "
                f"{self.motion_frames + self.audio_frames} frames together",
                "FACT",
            )


@dataclass(frozen=True, slots=True)
class Preset:
    """A network with its data and training.

    Attributes:
        model: the sizes.
        fps: frames a second of motion and music.
        up: the vertical axis of the motion.
        steps: of the optimizer.
        batch_size: windows in a step.
        learning_rates: (first step, learning rate) pairs, in order; the rate is constant between them.
    """

    model: FactConfig
    fps: int
    up: Literal["y", "z"]
    steps: int = 2_400_000
    batch_size: int = 32
    learning_rates: tuple[tuple[int, float], ...] = ((0, 1e-4), (100_000, 1e-5), (150_000, 1e-6))

    def learning_rate_at(self, step: int) -> float:
        """The learning rate of a step; steps count from 0."""
        return next(rate for first, rate in reversed(self.learning_rates) if step >= first)


PRESETS = MappingProxyType(
    {
        # What the released code and weights expect: AIST++ at 60 fps, y up.
        "released": Preset(FactConfig(), fps=60, up="y"),
        # The training schedule that the paper describes; the released configuration differs from it.
        "paper": Preset(
            FactConfig(),
            fps=60,
            up="y",
            steps=300_000,
            batch_size=16,
            learning_rates=((0, 1e-4), (60_000, 1e-5), (100_000, 1e-6)),
        ),
        # As many frames as the released network, on releases of PopDanceSet: twice as many seconds.
        "released-frames": Preset(FactConfig(), fps=30, up="z"),
        # As many seconds as the released network, on releases of PopDanceSet: half as many frames.
        "ours": Preset(FactConfig(motion_frames=60, audio_frames=120, future=10), fps=30, up="z"),
    }
)
"""By name: `released`, `paper`, `released-frames`, `ours`."""

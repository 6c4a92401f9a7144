"""Sizes of FACT and how it is trained: the presets `ours`, `released-frames`, `released` and `paper`."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

from popdanceset.errors import InputError
from training.baselines.fact.representation import WIDTH
from training.presets import Preset
from training.sizes import check_positive


@dataclass(frozen=True, slots=True)
class FactConfig:
    """The architecture. Defaults are those of the released configuration (120.4 million parameters).

    Attributes:
        width: features of a frame inside the network.
        heads: of every attention; divides `width`.
        feedforward: features inside the feed-forward layers.
        motion_layers, audio_layers, cross_layers: layers of the three transformers.
        motion_frames, audio_frames: length of the windows that the network sees.
        future: frames after the motion window that are predicted in training.
        seeds: motions that the network remembers to start dances from.
        motion_width, music_dim: features of a frame of motion and of music.
        window: frames of a training window, which contains all of the above.

    Raises:
        InputError: the sizes are impossible or do not fit each other.
    """

    architecture: ClassVar[str] = "fact"

    width: int = 800
    heads: int = 10
    feedforward: int = 3072
    motion_layers: int = 2
    audio_layers: int = 2
    cross_layers: int = 12
    motion_frames: int = 120
    audio_frames: int = 240
    future: int = 20
    seeds: int = 16
    motion_width: int = WIDTH
    music_dim: int = 35
    window: int = 240

    def __post_init__(self) -> None:
        check_positive(self, self.__slots__, "FACT")
        if self.width % self.heads:
            raise InputError(f"{self.heads} heads do not divide a width of {self.width}", "FACT")
        least = max(self.motion_frames + self.future, self.audio_frames)
        if self.window < least:
            raise InputError(
                f"a window of {self.window} frames is too short", "FACT", f"give at least {least} frames"
            )


@dataclass(frozen=True, slots=True)
class Objective:
    """The mean square error of the predicted frames; there is nothing to choose."""


_RELEASED_RECIPE: dict[str, Any] = {
    "batch_size": 32,
    "learning_rate": 1e-4,
    "drops": (100_000, 150_000),
    "gradient_clipping": 0.0,
    "ema_decay": 0.0,
    "standardise": False,
}
_OUR_RECIPE = {**_RELEASED_RECIPE, "gradient_clipping": 1.0, "ema_decay": 0.999, "standardise": True}

_EPOCHS = 100.0

PRESETS = MappingProxyType(
    {
        # As many seconds as the released network: half as many frames, since releases have 30 a second.
        "ours": Preset(
            FactConfig(motion_frames=60, audio_frames=120, future=10, window=120),
            Objective(),
            _OUR_RECIPE,
            epochs=_EPOCHS,
        ),
        # As many frames as the released network: twice as many seconds.
        "released-frames": Preset(FactConfig(), Objective(), _OUR_RECIPE, epochs=_EPOCHS),
        # Sizes and settings of the released code, which trains 2.4 million steps on AIST++ at 60 fps, y up.
        "released": Preset(FactConfig(), Objective(), _RELEASED_RECIPE, stride=1, epochs=_EPOCHS),
        # The training that the paper describes (300,000 steps); the released configuration differs from it.
        "paper": Preset(
            FactConfig(),
            Objective(),
            {**_RELEASED_RECIPE, "batch_size": 16, "drops": (60_000, 100_000)},
            stride=1,
            epochs=_EPOCHS,
        ),
    }
)
"""By name: `ours`, `released-frames`, `released`, `paper`."""

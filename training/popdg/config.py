"""Sizes and switches of the network and its training objective; the presets `paper` and `released`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import ClassVar, Literal

from popdanceset.errors import InputError
from training.presets import Preset
from training.sizes import check_positive

JUKEBOX_WIDTH = 4800
"""Features in a frame of music in the paper: Jukebox, layer 66."""


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """The architecture of the network (paper, Sec. 4). Defaults are those of the paper.

    Attributes:
        music_dim: features in a frame of music.
        width: features of a frame inside the network; even.
        feedforward: features inside the feed-forward layers.
        heads: heads of every attention over time; divides `width`.
        layers, music_layers: blocks of the dance decoder and of the music encoder.
        window: frames; MF-attention and the learned "no music" fit this length only.
        dropout: share of the features dropped in training, after every attention and feed-forward layer.
        attention_dropout: share of the attention weights dropped in training. The paper hides frames instead.
        frame_mask: share of the frames hidden from DT-attention in training.
        kernel: frames that the alignment modules convolve before they pool; 0 for pooling alone.
        halving: Space Augmentation takes the mean of two weights (Algorithm 1), not their sum.
        mf_attention, ds_attention, alignment: whether the network has these parts (Tables 3 and 4).
        learned_variance: whether the network predicts a variance (improved DDPM) or not (plain DDPM).

    Raises:
        InputError: the sizes are impossible or do not fit each other.
    """

    architecture: ClassVar[str] = "popdg"

    music_dim: int = JUKEBOX_WIDTH
    width: int = 512
    feedforward: int = 1024
    heads: int = 8
    layers: int = 8
    music_layers: int = 2
    window: int = 150
    dropout: float = 0.1
    attention_dropout: float = 0.0
    frame_mask: float = 0.1
    kernel: int = 5
    halving: bool = True
    mf_attention: bool = True
    ds_attention: bool = True
    alignment: bool = True
    learned_variance: bool = True

    def __post_init__(self) -> None:
        positive = ("music_dim", "feedforward", "heads", "layers", "music_layers", "window")
        check_positive(self, positive, "model")
        if self.width < 4 or self.width % 2 or self.width % self.heads:
            raise InputError(
                f"width {self.width} does not fit {self.heads} heads",
                "model",
                "give an even width of at least 4 that the number of heads divides",
            )
        if self.kernel < 0 or (self.kernel and self.kernel % 2 == 0):
            raise InputError(f"kernel is {self.kernel}", "model", "give an odd number, or 0")
        for name in ("dropout", "attention_dropout", "frame_mask"):
            if not 0 <= getattr(self, name) < 1:
                raise InputError(
                    f"{name} is {getattr(self, name)}", "model", "give a share from 0 to below 1"
                )

    @property
    def feature_heads(self) -> int:
        """Heads of MF-attention: 5 (paper, for 150 frames), or the next smaller divisor of the window."""
        return next(heads for heads in range(5, 0, -1) if self.window % heads == 0)


@dataclass(frozen=True, slots=True)
class LossWeights:
    """Weights of the parts of the loss (Eq. 15). 0.636 is from the paper, the others from the released code.

    The weight of the acceleration is not published; it is the weight of the velocity here.
    """

    simple: float = 0.636
    velocity: float = 0.2964
    acceleration: float = 0.2964
    fk: float = 0.646
    body: float = 1000.942
    bound: float = 0.01


@dataclass(frozen=True, slots=True)
class Objective:
    """The training objective.

    Attributes:
        weights: of the parts of the loss.
        music_drop: share of the samples that are trained without music.
        separate_drops: drop music tokens and pooled music independently (released code), not together.
        bound: `same-pass`: the variational bound of the one forward pass of the loss, with its mean detached
            (improved DDPM); `double-pass`: that of guided sampling, with two more passes (released code).
        metres: FK and body losses measure metres; otherwise they treat scaled values as metres and rotations,
            as the released code does.
        guidance: weight of classifier-free guidance, in sampling and in the double pass.
    """

    weights: LossWeights = LossWeights()
    music_drop: float = 0.25
    separate_drops: bool = False
    bound: Literal["same-pass", "double-pass"] = "same-pass"
    metres: bool = True
    guidance: float = 2.0


PAPER = Preset(ModelConfig(), Objective())
"""As the paper describes it."""

RELEASED = Preset(
    ModelConfig(attention_dropout=0.1, frame_mask=0.0, kernel=0),
    Objective(LossWeights(acceleration=0.0), separate_drops=True, bound="double-pass", metres=False),
    {"standardise": False},
)
"""As the released code does it."""

PRESETS: Mapping[str, Preset[ModelConfig, Objective]] = MappingProxyType(
    {"paper": PAPER, "released": RELEASED}
)

ABLATIONS: Mapping[str, Callable[[ModelConfig], ModelConfig]] = MappingProxyType(
    {
        "mf-attention": lambda config: replace(config, mf_attention=False),
        "ds-attention": lambda config: replace(config, ds_attention=False),
        "alignment": lambda config: replace(config, alignment=False),
        "iddpm": lambda config: replace(config, learned_variance=False),
        "half-width": lambda config: replace(
            config, width=config.width // 2, feedforward=config.feedforward // 2
        ),
    }
)
"""The parts that Tables 3 and 4 remove."""


def ablate(config: ModelConfig, parts: Iterable[str]) -> ModelConfig:
    """The network without these parts.

    Raises:
        InputError: a name is not in `ABLATIONS`.
    """
    for part in parts:
        if part not in ABLATIONS:
            raise InputError(f"unknown ablation {part!r}", "model", f"choose from {', '.join(ABLATIONS)}")
        config = ABLATIONS[part](config)
    return config

"""Sizes of the network and its training objective; the presets `ours` and `released`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Literal

from training.popdg.config import JUKEBOX_WIDTH, ModelConfig
from training.presets import Preset

MUSIC_LAYERS = 2
"""Blocks of the music encoder."""


@dataclass(frozen=True, slots=True)
class EdgeConfig:
    """The architecture of the network. Defaults are those of the authors' code.

    Attributes:
        music_dim: features in a frame of music.
        width: features of a frame inside the network; even.
        feedforward: features inside the feed-forward layers.
        heads: heads of every attention; divides `width`.
        layers, music_layers: blocks of the dance decoder and of the music encoder.
        window: frames; the learned "no music" fits this length only.
        dropout: share of features and attention weights that is dropped in training.
        chords: long dances interpolate short arcs on their chord, as the authors' code does.

    Raises:
        InputError: the sizes are impossible or do not fit each other.
    """

    architecture: ClassVar[str] = "edge"

    music_dim: int = JUKEBOX_WIDTH
    width: int = 512
    feedforward: int = 1024
    heads: int = 8
    layers: int = 8
    music_layers: int = MUSIC_LAYERS
    window: int = 150
    dropout: float = 0.1
    chords: bool = False

    def __post_init__(self) -> None:
        self.transformer  # noqa: B018  # checks the sizes

    @property
    def transformer(self) -> ModelConfig:
        """The parts of POPDG's network that EDGE has."""
        return ModelConfig(
            music_dim=self.music_dim,
            width=self.width,
            feedforward=self.feedforward,
            heads=self.heads,
            layers=self.layers,
            music_layers=self.music_layers,
            window=self.window,
            dropout=self.dropout,
            attention_dropout=self.dropout,
            frame_mask=0.0,
            kernel=0,
            mf_attention=False,
            ds_attention=False,
            learned_variance=False,
        )


@dataclass(frozen=True, slots=True)
class EdgeWeights:
    """Weights of the parts of the loss, from the authors' code."""

    simple: float = 0.636
    velocity: float = 2.964
    fk: float = 0.646
    foot: float = 10.942


@dataclass(frozen=True, slots=True)
class EdgeObjective:
    """The training objective.

    Attributes:
        weights: of the parts of the loss.
        music_drop: share of the samples that are trained without music.
        metres: FK and foot losses measure metres; otherwise they treat scaled values as metres and rotations,
            as the authors' code does.
        contact: a foot must not move where its predicted contact exceeds 0.95 (`threshold`, their code), or
            in proportion to its predicted contact (`weighted`, their paper).
        guidance: weight of classifier-free guidance.
    """

    weights: EdgeWeights = EdgeWeights()
    music_drop: float = 0.25
    metres: bool = True
    contact: Literal["threshold", "weighted"] = "weighted"
    guidance: float = 2.0


OURS = Preset(EdgeConfig(), EdgeObjective())
"""The loss in metres and as the paper has it, rotations normalised; trained as POPDG is."""

RELEASED = Preset(
    EdgeConfig(chords=True),
    EdgeObjective(metres=False, contact="threshold"),
    {"learning_rate": 2e-4, "batch_size": 128, "gradient_clipping": 0.0, "standardise": False},
)
"""As the authors' code does it, with the learning rate and the batch size of its README.

Those in the code are 4e-4 and 64.
"""

PRESETS: Mapping[str, Preset[EdgeConfig, EdgeObjective]] = MappingProxyType(
    {"ours": OURS, "released": RELEASED}
)

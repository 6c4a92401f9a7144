"""What a model tells, so that the same trainer, sampler and exporters work for all of them.

A model is a room with an `entry.py` whose `MODEL` is an instance of a subclass of `Model`; its name is in
`training.models`. It tells

- its representation: `encode` makes what the network is trained on from the vectors of a release;
- its loss: `draw` for the random numbers of a step, `loss` for the loss of a batch;
- its presets, and how it is trained: `optimizer` and `learning_rate_at`, if they are not those of POPDG;
- how it dances: `dance`, from music features to motion.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, Protocol

import torch
from torch import nn

from popdanceset.errors import InputError
from training.data.augmentation import widen
from training.data.music_scaler import MusicScaler
from training.data.representation import MinMaxScaler, SmplMotion
from training.data.windows import DanceWindows
from training.fitting.adan import Adan
from training.fitting.recipe import Recipe
from training.popdg.editing import Given
from training.presets import Preset
from training.sampling.choices import Physics, SamplerName


class Sizes(Protocol):
    """The sizes of a network: a frozen data class of numbers, strings and booleans.

    Attributes:
        architecture: the name of its model in `training.models`.
        window: frames of motion that it reads in training.
        music_dim: features in a frame of music.
    """

    architecture: ClassVar[str]

    @property
    def window(self) -> int: ...

    @property
    def music_dim(self) -> int: ...


class Loss(NamedTuple):
    """The loss and its weighted parts by name, all scalars; the parts add up to the total."""

    total: torch.Tensor
    parts: dict[str, torch.Tensor]


class NoChance(NamedTuple):
    """The random numbers of a loss that needs none."""


@dataclass(frozen=True, slots=True)
class Distilled:
    """That a network is distilled.

    Attributes:
        steps: in which it dances.
        teacher: fingerprint of the weights of the network that it was distilled from.
    """

    steps: int
    teacher: str


@dataclass(frozen=True, slots=True)
class Trained:
    """A network in evaluation mode, with everything that sampling needs.

    Attributes:
        model: with the moving average of its parameters; its `config` has the sizes.
        scaler: of the vectors of a release.
        music_scaler: of the music features.
        extractor: name of the music features that it was trained with.
        guidance: default weight of classifier-free guidance; 1 where there is none.
        device: of the model and the scaler.
        distilled: None if the network is not distilled.
    """

    model: Any
    scaler: MinMaxScaler
    music_scaler: MusicScaler
    extractor: str
    guidance: float
    device: torch.device
    distilled: Distilled | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """How to dance; None for what the model does by itself.

    Attributes:
        sampler: of a diffusion model.
        steps: of the sampler.
        guidance: weight of classifier-free guidance: 1 for none, above 1 follows the music more, 0 ignores
            it.
        given: parts of the dance that are fixed: vectors of a release, scaled.
        physics: what a diffusion model keeps to.
        graphs: whether a distilled network samples with CUDA graphs.
    """

    sampler: SamplerName | None = None
    steps: int | None = None
    guidance: float | None = None
    given: Given | None = None
    physics: Physics | None = None
    graphs: bool | None = None

    def must_be_empty(self, title: str) -> None:
        """Checks that nothing was chosen, for a model that leaves no choice.

        Raises:
            InputError: something was.
        """
        names = ("sampler", "steps", "guidance", "given", "physics", "graphs")
        chosen = [name for name in names if getattr(self, name) is not None]
        if chosen:
            raise InputError(f"{title} has no {' or '.join(chosen)} to choose", do="leave it out")


class Model(ABC):
    """A model: network, representation, loss and way of dancing.

    Attributes:
        name: in commands and checkpoints.
        title: in messages and tables.
        config: the class of its sizes.
        presets: by name; the first is the default.
        ablations: parts of the network that can be removed: each returns the sizes without it.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    config: ClassVar[Callable[..., Any]]
    presets: Mapping[str, Preset[Any, Any]]
    ablations: Mapping[str, Callable[[Any], Any]] = MappingProxyType({})

    def stages(self, first: str | None = None) -> dict[str, Preset[Any, Any]]:
        """The presets to train one after the other, by name; more than one for a model in stages.

        Args:
            first: name of the first; None: the default.

        Raises:
            InputError: there is no such preset.
        """
        name = first or next(iter(self.presets))
        if name not in self.presets:
            choices = ", ".join(self.presets)
            raise InputError(f"{self.title} has no preset {name!r}", "--preset", f"choose from {choices}")
        found: dict[str, Preset[Any, Any]] = {}
        while name:
            found[name] = self.presets[name]
            name = found[name].following
        return found

    @abstractmethod
    def network(self, config: Any) -> nn.Module:
        """A new network, with random weights from torch's generator; `config` is its attribute too."""

    def scalers(self, windows: DanceWindows, recipe: Recipe) -> tuple[MinMaxScaler, MusicScaler]:
        """The scalers of motion and music for a training on these windows."""
        return (
            widen(windows.scaler, mirrored=recipe.mirrored, rotated=recipe.rotated),
            windows.music_scaler if recipe.standardise else MusicScaler.none(windows.music_width),
        )

    @abstractmethod
    def encode(self, config: Any, vectors: torch.Tensor, scaler: MinMaxScaler) -> torch.Tensor:
        """What the network is trained on.

        Args:
            config: sizes of the network.
            vectors: (batch, window, 156) of `training.data.representation`, unscaled, perhaps augmented.
            scaler: of such vectors, fitted to the training part.

        Returns:
            (batch, frames, channels of the model).
        """

    def draw(
        self, config: Any, objective: Any, batch: int, generator: torch.Generator
    ) -> tuple[torch.Tensor, ...]:
        """The random numbers of a step for the whole batch: a named tuple of tensors (batch, …).

        Each process takes its share of every tensor.
        """
        return NoChance()

    @abstractmethod
    def loss(
        self,
        predict: Callable[..., Any],
        objective: Any,
        motion: torch.Tensor,
        music: torch.Tensor,
        chance: Any,
        scaler: MinMaxScaler,
    ) -> Loss:
        """The loss of a batch.

        Args:
            predict: calls the network's `forward`, with its wrappers for several devices and its precision;
                outputs are in single precision.
            objective: of the preset.
            motion: from `encode`.
            music: (batch, window, music_dim), scaled.
            chance: this process's share of what `draw` drew.
            scaler: of the vectors of the release.
        """

    def optimizer(self, network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
        """The optimizer of the parameters that are trained."""
        trained: Iterable[nn.Parameter] = (p for p in network.parameters() if p.requires_grad)
        return Adan(trained, recipe.learning_rate, weight_decay=recipe.weight_decay)

    def learning_rate_at(self, recipe: Recipe, step: int) -> float:
        """The learning rate of a step; steps count from 0."""
        return recipe.learning_rate_at(step)

    def begin(self, network: nn.Module, weights: Mapping[str, torch.Tensor]) -> None:
        """Puts the weights of a finished training into a new network (`--start`).

        Raises:
            RuntimeError: they do not fit.
        """
        network.load_state_dict(weights)

    def guidance(self, objective: Any) -> float:
        """The default weight of classifier-free guidance; 1 where there is none."""
        return 1.0

    def remarks(self, objective: Any) -> dict[str, Any]:
        """What else its checkpoints say: numbers, strings, and dicts of them."""
        return {}

    @property
    def quick(self) -> Options:
        """The options of the dances of a validation, which must be quick."""
        return Options()

    @abstractmethod
    def dance(
        self, trained: Trained, music: torch.Tensor, options: Options, seed: int
    ) -> Iterator[SmplMotion]:
        """Dances to music, piece by piece in order, as many frames as the music has.

        Args:
            trained: the network.
            music: (frames, music_dim), unscaled.
            options: of the user.
            seed: of the dance.

        Raises:
            InputError: the music is too short, or the options are impossible.
        """

    def load_released(self, path: Path, device: torch.device, extractor: str) -> Trained:
        """Reads a checkpoint of the authors' code.

        Args:
            path: the file.
            device: for the network.
            extractor: name of the music features that it was trained with, which the file does not contain.

        Raises:
            InputError: the file is not such a checkpoint, or there are none that can be read.
        """
        raise InputError(f"checkpoints of the authors of {self.title} cannot be read", path)

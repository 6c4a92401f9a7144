"""How a training is done: its settings, and which of them a run must keep to go on."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from popdanceset.errors import InputError
from training.data import DanceWindows
from training.popdg.config import ModelConfig, Objective


@dataclass(frozen=True, slots=True)
class Recipe:
    """How long, how fast and how carefully to train. Defaults are the paper's, or the released code's.

    Attributes:
        steps: of the optimiser.
        batch_size: windows of a step, of all processes together.
        learning_rate, weight_decay: of Adan.
        warmup: steps over which the learning rate rises from 0.
        clip: largest norm of the gradient; 0: not clipped.
        average: decay of the running mean of the parameters that samples are made with.
        precision: `no` is single precision; `bf16` halves memory and time on hardware that knows it.
        compile: let torch compile the network; the first steps take longer.
        seed: of everything.
        mirrored, turned: augmentation: dances mirrored, and turned about the vertical.
        standardise: bring music features to mean 0 and deviation 1; the released code takes them raw.
        checkpoint_every, keep: steps between checkpoints, and how many stay.
        validate_every: steps between validations; 0: none.
        log, log_every: `tensorboard`, `wandb` or `none`, and the steps between records.
    """

    steps: int
    batch_size: int = 128
    learning_rate: float = 2e-4
    weight_decay: float = 0.02
    warmup: int = 0
    clip: float = 1.0
    average: float = 0.9999
    precision: Literal["no", "bf16"] = "no"
    compile: bool = False
    seed: int = 0
    mirrored: bool = False
    turned: bool = False
    standardise: bool = True
    checkpoint_every: int = 1000
    keep: int = 3
    validate_every: int = 0
    log: Literal["tensorboard", "wandb", "none"] = "tensorboard"
    log_every: int = 10

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "checkpoint_every", "keep", "log_every"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}", "training", "give at least 1")
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise InputError(f"learning_rate is {self.learning_rate}", "training", "give a number above 0")

    def rate(self, step: int) -> float:
        """The learning rate of a step, from 0."""
        return self.learning_rate * min(1.0, (step + 1) / (self.warmup + 1))


_FREE = ("steps", "checkpoint_every", "keep", "validate_every", "log", "log_every", "compile")
"""What may change when a run goes on."""


def identity(
    model: ModelConfig, objective: Objective, recipe: Recipe, windows: DanceWindows
) -> dict[str, Any]:
    """What must be the same for a run to go on as if it had never stopped."""
    return {
        **asdict(model),
        **{f"objective.{name}": value for name, value in asdict(objective).items() if name != "weights"},
        **{f"weights.{name}": value for name, value in asdict(objective.weights).items()},
        **{name: value for name, value in asdict(recipe).items() if name not in _FREE},
        "release": windows.content,
        "extractor": windows.extractor,
        "stride": windows.stride,
    }


def must_match(saved: dict[str, Any], wanted: dict[str, Any], folder: Path) -> None:
    """Complains if a folder holds another run.

    Raises:
        InputError: names all that differs.
    """
    different = [
        f"{name} {saved.get(name)} (now {wanted[name]})" for name in wanted if saved.get(name) != wanted[name]
    ]
    if different:
        raise InputError(
            f"holds another run: {', '.join(different)}",
            folder,
            "name another folder, or train as it was begun",
        )

"""The settings of a training, and which of them a run must keep to continue."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from popdanceset.errors import InputError
from training.data.windows import DanceWindows


@dataclass(frozen=True, slots=True)
class Recipe:
    """How long and how to train. Defaults are from the paper, or else from the released code.

    Attributes:
        steps: of the optimizer.
        batch_size: windows in a step, over all processes.
        learning_rate, weight_decay: of Adan.
        warmup: steps over which the learning rate rises from 0.
        drops: steps from which the learning rate is a tenth of what it was before.
        gradient_clipping: largest norm of the gradient; 0 for no clipping.
        ema_decay: decay of the moving average of the parameters, with which dances are sampled.
        precision: `no` is single precision; `bf16` halves memory and time on hardware that supports it.
        compile: compile the network with torch; the first steps take longer.
        seed: of all random numbers.
        mirrored, rotated: augmentation: mirror dances, rotate them about the vertical axis.
        standardise: scale music features to mean 0 and deviation 1; the released code uses them unscaled.
        checkpoint_every, keep: steps between checkpoints, and number of checkpoints to keep.
        validate_every: steps between validations; 0 for none.
        log, log_every: `tensorboard`, `wandb`, `file` (`log.jsonl`) or `none`, and steps between records.
    """

    steps: int
    batch_size: int = 128
    learning_rate: float = 2e-4
    weight_decay: float = 0.02
    warmup: int = 0
    drops: tuple[int, ...] = ()
    gradient_clipping: float = 1.0
    ema_decay: float = 0.9999
    precision: Literal["no", "bf16"] = "no"
    compile: bool = False
    seed: int = 0
    mirrored: bool = False
    rotated: bool = False
    standardise: bool = True
    checkpoint_every: int = 1000
    keep: int = 3
    validate_every: int = 0
    log: Literal["tensorboard", "wandb", "file", "none"] = "tensorboard"
    log_every: int = 10

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "checkpoint_every", "keep", "log_every"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}", "training", "give at least 1")
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise InputError(f"learning_rate is {self.learning_rate}", "training", "give a number above 0")

    def learning_rate_at(self, step: int) -> float:
        """The learning rate scheduler: linear warm-up, then constant between drops; steps count from 0.

        A function of the step, not a `torch.optim.lr_scheduler`, so that a resumed run needs no scheduler
        state.
        """
        dropped = 0.1 ** sum(step >= drop for drop in self.drops)
        return self.learning_rate * min(1.0, (step + 1) / (self.warmup + 1)) * dropped


_FREE = ("steps", "checkpoint_every", "keep", "validate_every", "log", "log_every", "compile")
"""Settings that may change when a run continues."""

_FORMER = {"gradient_clipping": "clip", "ema_decay": "average", "rotated": "turned"}
"""Names of settings in older checkpoints."""


_LACKING: dict[str, Any] = {"architecture": "popdg", "drops": ()}
"""The values of settings that older checkpoints lack."""


def identity(model: Any, objective: Any, recipe: Recipe, windows: DanceWindows) -> dict[str, Any]:
    """The settings that must stay the same for a run to continue as if it had never stopped.

    Args:
        model: the sizes of the network, a data class; see `training.interface.Sizes`.
        objective: of its training, a data class.
        recipe, windows: of the training.
    """
    return {
        "architecture": model.architecture,
        **asdict(model),
        **{f"objective.{name}": value for name, value in asdict(objective).items() if name != "weights"},
        **{f"weights.{name}": value for name, value in asdict(objective).get("weights", {}).items()},
        **{name: value for name, value in asdict(recipe).items() if name not in _FREE},
        "release": windows.content,
        "extractor": windows.extractor,
        "stride": windows.stride,
        "tier": windows.tier,
    }


def must_match(saved: dict[str, Any], wanted: dict[str, Any], folder: Path) -> None:
    """Checks that a folder contains the wanted run.

    Raises:
        InputError: settings differ; the message names all of them.
    """
    known = _LACKING | saved
    if known["architecture"] != wanted["architecture"]:
        raise InputError(
            f"contains a run of the model {known['architecture']}, not {wanted['architecture']}",
            folder,
            "name another folder",
        )
    before = {name: known.get(name, known.get(_FORMER.get(name, name))) for name in wanted}
    different = [
        f"{name} {before[name]} (now {value})" for name, value in wanted.items() if before[name] != value
    ]
    if different:
        raise InputError(
            f"contains another run: {', '.join(different)}",
            folder,
            "name another folder, or train with the settings of that run",
        )

"""From the options of `popdanceset train --distil` to a distillation."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

import click
from click.core import ParameterSource

from popdanceset.errors import InputError
from training.distillation.entry import Distillation, distillation_objective
from training.distillation.losses import DistillationObjective
from training.popdg.config import ModelConfig
from training.presets import Preset
from training.sampling.trained import load_trained

OF_THE_TEACHER = MappingProxyType(
    {
        "chosen": "--model",
        "preset": "--preset",
        "ablate": "--ablate",
        "start": "--start",
        "extractor": "--extractor",
        "window": "--window",
        "raw_music": "--raw-music",
    }
)
"""Parameters of the command, and their options, of which a distilled network has no choice."""


def planned_distillation(
    checkpoint: Path, steps: int, context: click.Context
) -> tuple[Distillation, Preset[ModelConfig, DistillationObjective]]:
    """The model that distils a checkpoint, and its sizes and objective.

    Args:
        checkpoint: of the teacher, or the folder of its run.
        steps: in which the student will dance.
        context: of the command.

    Raises:
        InputError: the file is not a checkpoint that can be distilled, or an option contradicts it.
    """
    for name, option in OF_THE_TEACHER.items():
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise InputError(f"a distilled network has that of {checkpoint}", option, "leave it out")
    teacher = load_trained(checkpoint)
    kind = Distillation(teacher)
    return kind, Preset(kind.sizes, distillation_objective(teacher, steps))

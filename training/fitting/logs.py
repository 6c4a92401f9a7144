"""Logs of a training, written by accelerate's trackers: TensorBoard files or Weights & Biases."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from accelerate.utils import is_wandb_available

from popdanceset.errors import InputError

Log = Callable[[int, Mapping[str, float]], None]
"""Takes the number of finished steps, and values by name; only the main process writes them."""


@contextmanager
def open_log(
    accelerator: Accelerator, kind: str, folder: Path, first_step: int, config: Mapping[str, Any]
) -> Iterator[Log]:
    """Opens the log of a run, and closes it at the end of the block.

    TensorBoard writes event files to the folder `log`; those of a resumed run hide the steps that it
    repeats. At Weights & Biases the run has the name of the folder, so that a resumed run continues there.

    Args:
        accelerator: created with `log_with=kind` and the folder as `project_dir`, or without for `none`.
        kind: `tensorboard`, `wandb` or `none`.
        folder: of the run.
        first_step: the first step that will be logged.
        config: settings of the run, shown by Weights & Biases.

    Raises:
        InputError: wandb is not installed.
    """
    if kind == "wandb" and not is_wandb_available():
        raise InputError("wandb is not installed", "--log", "pip install wandb, or log to tensorboard")
    if kind == "tensorboard":
        accelerator.init_trackers("log", init_kwargs={kind: {"purge_step": first_step}})
    elif kind == "wandb":
        options = {"id": folder.resolve().name, "resume": "allow", "dir": str(folder)}
        accelerator.init_trackers("popdanceset", dict(config), {kind: options})

    def log(step: int, values: Mapping[str, float]) -> None:
        accelerator.log(dict(values), step=step)

    try:
        yield log
    finally:
        for tracker in accelerator.trackers:
            tracker.finish()
        accelerator.trackers.clear()

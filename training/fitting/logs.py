"""Logs of a training: TensorBoard files or Weights & Biases, by accelerate's trackers, or lines of JSON."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import is_wandb_available

from popdanceset.errors import InputError

Log = Callable[[int, Mapping[str, float]], None]
"""Takes the number of finished steps, and values by name; only the main process writes them."""

FILE = "log.jsonl"
"""Name of the log of lines of JSON in the folder of a run."""


@contextmanager
def open_log(
    accelerator: Accelerator, kind: str, folder: Path, first_step: int, config: Mapping[str, Any]
) -> Iterator[Log]:
    """Opens the log of a run, and closes it at the end of the block.

    TensorBoard writes event files to the folder `log`; those of a resumed run hide the steps that it
    repeats. At Weights & Biases the run has the name of the folder, so that a resumed run continues there. A
    file has a line for each record, with the seconds since the process began to train and its peak of memory
    in bytes; a resumed run adds a line without values and continues below it.

    Args:
        accelerator: created with `log_with=kind` and the folder as `project_dir`, or without for `none`.
        kind: `tensorboard`, `wandb`, `file` or `none`.
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
    elif kind == "file":
        with _lines(accelerator, folder, first_step) as write:
            yield write
        return

    def log(step: int, values: Mapping[str, float]) -> None:
        accelerator.log(dict(values), step=step)

    try:
        yield log
    finally:
        for tracker in accelerator.trackers:
            tracker.finish()
        accelerator.trackers.clear()


@contextmanager
def _lines(accelerator: Accelerator, folder: Path, first_step: int) -> Iterator[Log]:
    if not accelerator.is_main_process:
        yield lambda step, values: None
        return
    began = time.perf_counter()
    path = folder / FILE
    try:
        file = path.open("a", encoding="utf-8", buffering=1)  # whole lines, so that a kill leaves no half one
    except OSError as error:
        raise InputError(f"not writable: {error.strerror}", path, "name another folder") from error

    def log(step: int, values: Mapping[str, float]) -> None:
        record = {
            "step": step,
            "seconds": time.perf_counter() - began,
            "memory": peak_memory(accelerator.device),
            **values,
        }
        try:
            file.write(json.dumps(record) + "\n")
        except OSError as error:
            raise InputError(f"not writable: {error.strerror}", path, "free space") from error

    with file:
        log(first_step - 1, {})
        yield log


def peak_memory(device: torch.device) -> int:
    """The largest memory that this process has had, in bytes: on the GPU, or of the process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024

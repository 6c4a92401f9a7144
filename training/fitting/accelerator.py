"""Opens accelerate on a device of this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, PartialState

from popdanceset.devices import find_device
from popdanceset.errors import InputError

_VARIABLE = "ACCELERATE_TORCH_DEVICE"


def open_accelerator(device: str | None, log_with: Any, folder: Path) -> Accelerator:
    """Opens accelerate on a device.

    Args:
        device: name in torch; None for accelerate's choice: the variable ACCELERATE_TORCH_DEVICE, or a GPU if
            there is one, else the processor.
        log_with: trackers of accelerate.
        folder: of the run.

    Raises:
        SettingsError: this machine has no such device.
        InputError: one device is named for several processes.
    """
    outside = os.environ.get(_VARIABLE)
    if device is None and outside is None:
        return Accelerator(log_with=log_with, project_dir=folder)
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    if device is not None and processes > 1:
        raise InputError(
            f"{processes} processes cannot share one device", "--device", "leave it out: each takes its own"
        )
    found = find_device(device or outside, _VARIABLE if device is None else "--device")
    if PartialState._shared_state and PartialState().device != torch.device(found):
        AcceleratorState._reset_state(reset_partial_state=True)  # of an earlier training in this process
    os.environ[_VARIABLE] = found  # accelerate takes a device from nowhere else
    try:
        return Accelerator(log_with=log_with, project_dir=folder)
    finally:
        if outside is None:
            del os.environ[_VARIABLE]
        else:
            os.environ[_VARIABLE] = outside

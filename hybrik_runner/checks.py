"""Checks of `popdanceset doctor`: the model files of the estimator, and the devices."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from popdanceset.devices import AUTO, CPU, find_device
from popdanceset.operations.findings import Finding, failed, ok, warning

if TYPE_CHECKING:
    from popdanceset.settings import Settings

LEAST_MEMORY = 4 << 30
"""Free bytes of a GPU below which batches become small."""


def models(settings: Settings) -> Finding:
    """Looks for the model files of `pose.estimator`, and compares them with their hashes."""
    from hybrik_runner.assets import State, model_folder, read_pins
    from hybrik_runner.blazepose import assets as blazepose
    from hybrik_runner.estimator import GROUP
    from hybrik_runner.hybrik import assets as hybrik

    name = settings.pose.estimator
    known = sorted(point.name for point in entry_points(group=GROUP))
    if name not in known:
        return failed(
            f"no pose estimator is called {name!r}", f"installed: {', '.join(known)}", "pose.estimator"
        )
    pins = read_pins(settings)
    found = [*blazepose.findings(settings, pins), *hybrik.findings(settings, pins)]
    own = [each for each in found if name in each.needed_by]
    lacking = [each for each in own if each.state is not State.PRESENT]
    if not lacking:
        return ok(f"{name}: {len(own)} files in {model_folder(settings)}")
    names = ", ".join(each.path.name for each in lacking)
    absent = {each.path.name for each in lacking}
    blocked = any(blazepose.obstacle(asset) for asset in blazepose.needed_by(name) if asset.name in absent)
    if name in blazepose.ESTIMATORS and not blocked and all(e.state is State.MISSING for e in lacking):
        return warning(
            f"{names} will be fetched when they are needed",
            "popdanceset assets --fetch",
            str(lacking[0].path.parent),
        )
    first = lacking[0]
    return failed(f"{names} missing or damaged: {first.note}", f"see `popdanceset assets`; {first.source}",
                  str(first.path.parent))  # fmt: skip


def devices(settings: Settings) -> Finding:
    """Tries `pose.devices`, and reads the free memory of GPUs.

    Raises:
        SettingsError: this machine lacks one of them.
    """
    named = settings.pose.devices
    from hybrik_runner.blazepose.assets import ESTIMATORS

    if settings.pose.estimator in ESTIMATORS:
        if any(name not in (AUTO, CPU) for name in named):
            return warning("BlazePose works on the processor only", "set pose.devices=cpu", "pose.devices")
        return ok("cpu")
    found = [find_device(name, "pose.devices") for name in named]
    described = []
    for device in found:
        if not device.startswith("cuda"):
            described.append(device)
            continue
        import torch

        free, total = torch.cuda.mem_get_info(device)
        text = f"{device} {torch.cuda.get_device_name(device)}, {free / 1e9:.1f} of {total / 1e9:.1f} GB free"
        if free < LEAST_MEMORY:
            return warning(text, "stop what else uses the GPU, or expect small batches", "pose.devices")
        described.append(text)
    return ok("; ".join(described))

"""What the parts of the check share: networks of a record, and norms of gradients by their released names."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from torch import nn

from training.baselines.bailando.config import Objective
from training.baselines.bailando.gpt import DanceGpt
from training.baselines.bailando.released import gpt_from, setting, vqvae_from
from training.baselines.bailando.vqvae import MotionVqVae
from training.recorded import read_record, recorded_in

VQVAE, GPT = "vqvae_io.pt", "gpt_io.pt"


def recorded_vqvae(folder: Path) -> MotionVqVae:
    """The VQ-VAE of a record, in evaluation mode."""
    return vqvae_from(*_weights(folder / "vqvae_weights.pt")).eval()


def recorded_commitment(folder: Path) -> float:
    """The weight of the commitment in the losses of a record."""
    _, settings = _weights(folder / "vqvae_weights.pt")
    return float(setting(settings, "commit", Objective().commitment))


def recorded_gpt(folder: Path) -> DanceGpt:
    """Actor and critic of a record, in evaluation mode."""
    return gpt_from(*_weights(folder / "gpt_weights.pt")).eval()


def gradient_norms(model: nn.Module, names: Iterable[tuple[str, str]]) -> dict[str, float]:
    """Norms of the gradients of all parameters that have one, by their released names."""
    gradients = {name: parameter.grad for name, parameter in model.named_parameters()}
    return {
        theirs: gradient.double().norm().item()
        for ours, theirs in names
        if (gradient := gradients.get(ours)) is not None
    }


def whole_norm(module: nn.Module) -> float:
    """The norm of the gradients of all parameters together."""
    gradients = (parameter.grad for parameter in module.parameters())
    squares = (gradient.double().square().sum().item() for gradient in gradients if gradient is not None)
    return float(sum(squares) ** 0.5)


def _weights(path: Path) -> tuple[dict[str, Any], Any]:
    saved = read_record(path)
    with recorded_in(path):
        weights = {name.removeprefix("module."): value for name, value in saved["state_dict"].items()}
        return weights, saved["config"]

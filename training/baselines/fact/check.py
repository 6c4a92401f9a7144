"""Compares FACT with values that the released code recorded.

    python -m training.baselines.fact.check FOLDER

FOLDER contains `weights.npz` (variables of the checkpoint) and `io.npz` (sizes; inputs; outputs, loss and
gradient; a dance; learning rates; losses in training), of a network of any size. Prints the largest
difference of each value; the exit code is 1 if a difference is too large. Differences of arrays are relative
to the largest expected value, those of single numbers to the expected number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from numpy.typing import NDArray

from popdanceset.commands import run
from training.baselines.fact.config import PRESETS, FactConfig
from training.baselines.fact.dancing import dance
from training.baselines.fact.keras_adam import KerasAdam
from training.baselines.fact.losses import prediction_loss
from training.baselines.fact.model import FACT
from training.baselines.fact.released import from_released, read_variables
from training.fitting.recipe import Recipe
from training.recorded import (
    Difference,
    compare_numbers,
    compare_to_largest,
    read_record,
    recorded_in,
    report,
)

Record = Mapping[str, NDArray[Any]]


def differences(folder: Path) -> Iterator[Difference]:
    """All comparisons, in order.

    Raises:
        InputError: a file is missing, damaged, or of another format.
    """
    variables = read_variables(folder / "weights.npz")
    recorded = read_record(folder / "io.npz")
    with recorded_in(folder / "io.npz"):
        config = recorded_config(recorded["config"])
        yield from _outputs(from_released(variables, config).eval(), recorded)
        steps = [int(step) for step in recorded["lr_steps"]]
        recipe = Recipe(steps=2_400_000, **PRESETS["released"].recipe)
        yield compare_numbers(
            "learning rates",
            {str(step): recipe.learning_rate_at(step) for step in steps},
            {str(step): float(rate) for step, rate in zip(steps, recorded["lr_values"], strict=True)},
        )
        yield from _training(from_released(variables, config), recorded)


def recorded_config(lines: NDArray[Any]) -> FactConfig:
    """The sizes of a network from lines such as `hidden=800`."""
    sizes = {name: int(value) for name, _, value in (str(line).partition("=") for line in lines)}
    return FactConfig(
        width=sizes["hidden"],
        heads=sizes["heads"],
        feedforward=sizes["intermediate"],
        motion_layers=sizes["motion_layers"],
        audio_layers=sizes["audio_layers"],
        cross_layers=sizes["cross_layers"],
        motion_frames=sizes["motion_len"],
        audio_frames=sizes["audio_len"],
        future=sizes["future"],
        motion_width=sizes["out_dim"],
        music_dim=sizes["audio_dim"],
        window=max(sizes["motion_len"] + sizes["future"], sizes["audio_len"]),
    )


@torch.no_grad()
def _outputs(model: FACT, recorded: Record) -> Iterator[Difference]:
    motion, audio = _tensor(recorded["motion_input"]), _tensor(recorded["audio"])
    window = audio[:, : model.config.audio_frames]
    for name, value in (
        ("motion_features", model.encode_motion(motion)),
        ("audio_features", model.encode_audio(window)),
        ("output", model(motion, window, motion.shape[1] + window.shape[1])),
        ("auto_regressive", dance(model, motion, audio, recorded["auto_regressive"].shape[1])),
    ):
        expected = _tensor(recorded[name])
        yield compare_to_largest(name.replace("_", " "), value[: len(expected)], expected)


def _training(model: FACT, recorded: Record) -> Iterator[Difference]:
    """The loss and its gradient, and the losses of the first steps of the optimizer on the same batch."""
    motion, target = _tensor(recorded["motion_input"]), _tensor(recorded["target"])
    audio = _tensor(recorded["audio"])[:, : model.config.audio_frames]
    expected = recorded["adam_lr1e3_losses"]
    optimizer = KerasAdam(model.parameters(), lr=1e-3)
    for step in range(len(expected)):
        optimizer.zero_grad()
        loss = prediction_loss(model(motion, audio), target)
        torch.autograd.backward(loss)
        if step == 0:
            yield _number("loss", loss.item(), recorded["loss"])
            squares = sum(
                parameter.grad.double().square().sum().item()
                for parameter in model.parameters()
                if parameter.grad is not None
            )
            yield _number("norm of the gradient", squares**0.5, recorded["grad_global_norm"])
        yield _number(f"loss after {step} steps of Adam", loss.item(), expected[step])
        optimizer.step()


def _number(name: str, value: float, expected: Any) -> Difference:
    return compare_numbers(name, {name: value}, {name: float(expected)})


def _tensor(array: NDArray[Any]) -> torch.Tensor:
    return torch.from_numpy(np.asarray(array, np.float32))


@click.command(context_settings={"max_content_width": 110})
@click.argument("folder", metavar="FOLDER", type=click.Path(path_type=Path))
def check(folder: Path) -> int:
    """Compare FACT with values recorded from the released code in FOLDER."""
    return report(differences(folder))


if __name__ == "__main__":
    run(check, "python -m training.baselines.fact.check")

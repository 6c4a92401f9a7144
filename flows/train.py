"""Trains a model on the newest release and evaluates it, with the commands that a researcher types."""

from __future__ import annotations

import shlex
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

import click
from prefect import flow, get_run_logger, task
from pydantic import Field

from flows.artifacts import show_text
from flows.beginnings import begin
from flows.conduct import load
from flows.endings import ENDINGS
from flows.parameters import Hours, Overrides
from popdanceset import layout
from popdanceset.release.versions import newest
from popdanceset.store import Store
from training.evaluate import evaluate as evaluate_command
from training.evaluation.table import written
from training.models import load as load_model
from training.sample import sample as sample_command
from training.sampling.choices import SamplerName
from training.train import train as train_command


@task
def run_command(command: click.Command, release: str, *arguments: str) -> None:
    """Runs a command of `popdanceset` on a release; the log shows the line, which a person can repeat.

    Raises:
        PopDanceSetError: the command failed.
    """
    shown = shlex.join(["popdanceset", str(command.name), "--release", str(Store(release)), *arguments])
    get_run_logger().info("%s", shown)
    command.main(
        ["--release", release, *arguments], prog_name=f"popdanceset {command.name}", standalone_mode=False
    )


@flow(**ENDINGS)
def train(
    settings: Overrides | None = None,
    release: str = "",
    model: Literal["popdg", "edge", "fact", "bailando"] = "popdg",
    out: Annotated[str, Field(min_length=1)] = "runs",
    preset: Literal["", "paper", "ours", "released"] = "",
    epochs: Annotated[float, Field(gt=0)] | None = None,
    batch_size: Annotated[int, Field(ge=1)] | None = None,
    window: Annotated[int, Field(ge=4)] | None = None,
    stride: Annotated[int, Field(ge=1)] | None = None,
    sizes: dict[str, int] | None = None,
    precision: Literal["no", "bf16"] = "no",
    device: str = "",
    sampler: SamplerName | None = None,
    sampler_steps: Annotated[int, Field(ge=0)] = 0,
    against_paper: bool = False,
    late_hours: Hours = 24.0,
) -> str:
    """Trains a model on a release, dances to its test music and measures the dances.

    A training that was stopped continues; a finished one is only evaluated again. Every release and model has
    a run of its own, in a folder of this machine; the stages of Bailando are trained one after the other.

    Args:
        settings: settings that differ from the worker's own.
        release: version of the release; empty: the newest one of the store.
        model: POPDG or one of its baselines.
        out: folder of this machine for checkpoints, dances and tables: OUT/RELEASE/MODEL.
        preset: network and loss: paper (popdg only), ours (baselines only), or released, as the authors' code
            has them; empty: paper or ours.
        epochs: length of the training, of each stage (default: of the preset; popdg 2000).
        batch_size: windows in a step (default: of the preset; popdg 128).
        window: length of a window in frames (default: of the preset; popdg 150).
        stride: frames between the starts of two windows (default: of the preset; popdg 15).
        sizes: sizes of the network that differ from the preset's, e.g. width and layers.
        precision: mixed precision; no for single precision.
        device: torch device, e.g. cuda:0; empty: a GPU if there is one.
        sampler: sampling algorithm of the evaluated dances of popdg and edge (default: ddim).
        sampler_steps: steps of the sampler; 0: its default.
        against_paper: add the rows of Table 2 of the POPDG paper to the table.
        late_hours: skip a scheduled run that cannot start within this many hours; 0: never skip.

    Returns:
        The table of metrics, a file of this machine.
    """
    begin(settings, "train", late_hours=late_hours)
    store = Store(load(settings).store)
    name = release or newest(store).version
    address, folder = store.address_of(layout.release(name)), Path(out, PurePosixPath(name).name, model)
    kind = load_model(model)
    place, run = given(device=device), None
    for number, (stage, chosen) in enumerate(kind.stages(preset).items(), start=1):
        start, run = run, folder / ("run" if number == 1 else f"run-{number}")
        run_command(
            train_command, address, "--out", str(run), "--model", model, "--preset", stage,
            "--epochs", str(epochs or chosen.epochs), "--precision", precision,
            *given(start=start, batch_size=batch_size, window=window, stride=stride),
            *(word for size, value in (sizes or {}).items() for word in ("--model", f"{size}={value}")),
            *place,
        )  # fmt: skip
    run_command(
        sample_command, address, "--checkpoint", str(run), "--split", "test",
        "--out", str(folder / "dances"), "--format", "npz",
        *given(sampler=sampler, steps=sampler_steps), *place,
    )  # fmt: skip
    table = folder / "table.md"
    run_command(
        evaluate_command, address, "--motions", f"{kind.title}={folder / 'dances'}",
        "--table", str(table), *(["--against", "paper"] if against_paper else []),
    )  # fmt: skip
    shown = f"{written(table)}\n\n{table.absolute()}"
    show_text(shown, "metrics", f"{kind.title} trained on release {name}.")
    return str(table)


def given(**options: object) -> list[str]:
    """Options of a command, without those that are empty, 0 or None."""
    return [
        word
        for name, value in options.items()
        if value
        for word in (f"--{name.replace('_', '-')}", str(value))
    ]

"""`python -m training.train`: trains POPDG on a release.

    python -m training.train --release R --out runs/popdg --preset paper
    accelerate launch --num_processes 2 -m training.train …        several devices or machines

With FSDP (`accelerate config`), the network is wrapped as a whole: auto wrap policy NO_WRAP, version 2.

Stop it whenever you like; the same line goes on where it stopped.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click

from popdanceset.commands import run
from popdanceset.errors import InputError
from training.popdg.config import ABLATIONS, PRESETS, ModelConfig
from training.popdg.config import ablate as without


@click.command(context_settings={"max_content_width": 110})
@click.option("--release", required=True, metavar="DIR", help="A release's folder or address.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of checkpoints and logs.")
@click.option(
    "--preset", type=click.Choice(list(PRESETS)), default="paper", show_default=True,
    help="What the paper describes, or what the authors' code does.",
)  # fmt: skip
@click.option(
    "--ablate", multiple=True, type=click.Choice(list(ABLATIONS)), help="Take a part away (Tables 3, 4)."
)
@click.option(
    "--model", "sizes", multiple=True, metavar="NAME=VALUE", help="A size of the network: width=128."
)
@click.option("--extractor", default="baseline", show_default=True, help="Which music features.")
@click.option("--window", default=150, show_default=True, type=click.IntRange(4), help="Frames.")
@click.option(
    "--stride", default=15, show_default=True, type=click.IntRange(1), help="Frames between windows."
)
@click.option("--epochs", type=click.FloatRange(0, min_open=True), help="How long to train (paper: 2000).")
@click.option("--steps", type=click.IntRange(1), help="The same in steps of the optimiser.")
@click.option("--batch-size", default=128, show_default=True, help="Windows of a step, over all processes.")
@click.option("--learning-rate", default=2e-4, show_default=True, help="The paper prints 1e-3.")
@click.option("--weight-decay", default=0.02, show_default=True)
@click.option("--warmup", default=0, show_default=True, help="Steps in which the learning rate rises.")
@click.option("--clip", default=1.0, show_default=True, help="Largest norm of the gradient; 0: any.")
@click.option("--average", default=0.9999, show_default=True, help="Decay of the mean of the parameters.")
@click.option("--precision", type=click.Choice(["no", "bf16"]), default="no", show_default=True)
@click.option("--compile", is_flag=True, help="Let torch compile the network.")
@click.option("--mirror", "mirrored", is_flag=True, help="Augment: half of the dances in a mirror.")
@click.option("--yaw", "turned", is_flag=True, help="Augment: dances turned about the vertical.")
@click.option("--raw-music", is_flag=True, help="Take music features as they are (implied by 'released').")
@click.option("--seed", default=0, show_default=True)
@click.option("--checkpoint-every", default=1000, show_default=True, help="Steps.")
@click.option("--keep", default=3, show_default=True, help="Checkpoints that stay.")
@click.option("--validate-every", default=0, show_default=True, help="Steps; 0: never.")
@click.option("--log", type=click.Choice(["tensorboard", "wandb", "none"]), default="tensorboard")
@click.option("--log-every", default=10, show_default=True, help="Steps.")
@click.option(
    "--cache", type=click.Path(path_type=Path), help="Folder of the arrays (default: user's cache)."
)
def train(
    release: str,
    out: Path,
    preset: str,
    ablate: tuple[str, ...],
    sizes: tuple[str, ...],
    extractor: str,
    window: int,
    stride: int,
    epochs: float | None,
    steps: int | None,
    raw_music: bool,
    cache: Path | None,
    **settings: Any,
) -> None:
    """Trains POPDG on a release, or goes on where it was stopped."""
    from training.data import DanceWindows
    from training.fitting.recipe import Recipe
    from training.fitting.trainer import Trainer
    from training.fitting.validation import validation

    if (epochs is None) == (steps is None):
        raise InputError("how long to train?", do="give either --epochs or --steps")
    chosen = PRESETS[preset]
    windows = DanceWindows(release, "train", window, stride, cache_dir=cache, extractor=extractor)
    if steps is None:
        assert epochs is not None
        steps = max(1, round(epochs * len(windows) / max(1, settings["batch_size"])))
    standardise = not raw_music and preset != "released"
    recipe = Recipe(steps=steps, standardise=standardise, **settings)
    trainer = Trainer(windows, without(_sized(chosen.model, sizes), ablate), chosen.objective, recipe, out)
    unseen = None
    if recipe.validate_every:
        unseen = validation(
            DanceWindows(release, "test", window, stride, trainer.windows.scaler, cache, extractor)
        )
    last = trainer.run(unseen)
    if trainer.accelerator.is_main_process:
        click.echo(f"{trainer.done} steps done: {last}")
    trainer.accelerator.end_training()


def _sized(model: ModelConfig, sizes: tuple[str, ...]) -> ModelConfig:
    known = {field.name for field in dataclasses.fields(model)}
    given: dict[str, Any] = {}
    for size in sizes:
        name, _, value = size.partition("=")
        if name not in known or name in ("window", "music_dim"):
            choices = ", ".join(sorted(known - {"window", "music_dim"}))
            raise InputError(f"{name!r} is no size of the network", "--model", f"choose from {choices}")
        kind = type(getattr(model, name))
        try:
            given[name] = value.lower() in ("1", "true", "yes") if kind is bool else kind(value)
        except ValueError as error:
            raise InputError(f"{value!r} is no {kind.__name__}", f"--model {name}") from error
    return dataclasses.replace(model, **given)


if __name__ == "__main__":
    run(train, "python -m training.train")

"""`popdanceset train`: trains POPDG on a release.

    popdanceset train --release R --out runs/popdg --epochs 2000
    accelerate launch --num_processes 2 -m training.train …        several devices or machines

`python -m training.train` is the same program. With FSDP (`accelerate config`), the network must be wrapped
as a whole: auto wrap policy NO_WRAP, version 2. A training can be stopped at any time; the same command
continues it.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click

from popdanceset.commands import UserPath, run
from popdanceset.errors import InputError
from training.popdg.config import ABLATIONS, PRESETS, ModelConfig
from training.popdg.config import ablate as without

PATH = UserPath()


@click.command(context_settings={"max_content_width": 110})
@click.option("--release", required=True, metavar="DIR", help="Folder or address of a release.")
@click.option("--out", required=True, type=PATH, metavar="DIR", help="Output folder of checkpoints and logs.")
@click.option(
    "--preset", type=click.Choice(list(PRESETS)), default="paper", show_default=True,
    help="Network and loss: as the paper describes them, or as the authors' code has them.",
)  # fmt: skip
@click.option(
    "--ablate", multiple=True, type=click.Choice(list(ABLATIONS)),
    help="Remove a part of the network (Tables 3 and 4); may be repeated.",
)  # fmt: skip
@click.option(
    "--model", "sizes", multiple=True, metavar="NAME=VALUE",
    help="Set a size of the network, e.g. width=128; may be repeated.",
)  # fmt: skip
@click.option("--extractor", default="baseline", show_default=True, help="Name of the music features.")
@click.option(
    "--tier", type=click.Choice(["A", "B", "C"], case_sensitive=False),
    help="Train on clips of this quality tier or better; A is the best (default: all clips).",
)  # fmt: skip
@click.option(
    "--window", default=150, show_default=True, type=click.IntRange(4), help="Length of a window, frames."
)
@click.option(
    "--stride", default=15, show_default=True, type=click.IntRange(1), help="Frames between windows."
)
@click.option(
    "--epochs", type=click.FloatRange(0, min_open=True), help="Length of the training (paper: 2000)."
)
@click.option("--steps", type=click.IntRange(1), help="Length of the training in optimizer steps.")
@click.option("--batch-size", default=128, show_default=True, help="Windows in a step, over all processes.")
@click.option(
    "--learning-rate", default=2e-4, show_default=True, help="Learning rate of Adan (the paper prints 1e-3)."
)
@click.option("--weight-decay", default=0.02, show_default=True, help="Weight decay of Adan.")
@click.option("--warmup", default=0, show_default=True, help="Steps in which the learning rate rises from 0.")
@click.option(
    "--gradient-clipping", "--clip", "gradient_clipping", default=1.0, show_default=True,
    help="Largest norm of the gradient; 0 for no clipping.",
)  # fmt: skip
@click.option(
    "--ema-decay", "--average", "ema_decay", default=0.9999, show_default=True,
    help="Decay of the moving average of the parameters.",
)  # fmt: skip
@click.option(
    "--precision", type=click.Choice(["no", "bf16"]), default="no", show_default=True,
    help="Mixed precision; no for single precision.",
)  # fmt: skip
@click.option("--compile", is_flag=True, help="Compile the network with torch.")
@click.option("--mirror", "mirrored", is_flag=True, help="Augmentation: mirror half of the dances.")
@click.option("--yaw", "rotated", is_flag=True, help="Augmentation: rotate dances about the vertical axis.")
@click.option(
    "--raw-music", is_flag=True, help="Do not standardise music features (implied by --preset released)."
)
@click.option("--seed", default=0, show_default=True, help="Seed of all random numbers.")
@click.option("--checkpoint-every", default=1000, show_default=True, help="Steps between checkpoints.")
@click.option("--keep", default=3, show_default=True, help="Number of checkpoints to keep.")
@click.option("--validate-every", default=0, show_default=True, help="Steps between validations; 0 for none.")
@click.option(
    "--log", type=click.Choice(["tensorboard", "wandb", "none"]), default="tensorboard", show_default=True,
    help="Where to log losses.",
)  # fmt: skip
@click.option("--log-every", default=10, show_default=True, help="Steps between log records.")
@click.option(
    "--device", help="cpu, cuda, cuda:1, mps … (default: a GPU if there is one; several: accelerate launch)."
)
@click.option(
    "--cache", type=PATH, metavar="DIR", help="Folder of cached arrays (default: the user's cache folder)."
)
@click.option(
    "--cache-size", default=10.0, show_default=True, type=click.FloatRange(0), metavar="GB",
    help="Largest size of the cache if RELEASE is elsewhere: its clips are fetched when they are needed.",
)  # fmt: skip
def train(
    release: str,
    out: Path,
    preset: str,
    ablate: tuple[str, ...],
    sizes: tuple[str, ...],
    extractor: str,
    tier: str | None,
    window: int,
    stride: int,
    epochs: float | None,
    steps: int | None,
    raw_music: bool,
    cache: Path | None,
    cache_size: float,
    device: str | None,
    **settings: Any,
) -> None:
    """Train POPDG on a release, or continue a training that was stopped."""
    from popdanceset.devices import find_device
    from training.data import DanceWindows
    from training.fitting.recipe import Recipe
    from training.fitting.trainer import Trainer
    from training.fitting.validation import validation

    if (epochs is None) == (steps is None):
        raise InputError(
            "the length of the training is missing or given twice", do="give --epochs or --steps"
        )
    if device is not None:
        find_device(device, "--device")  # before the windows are cached, which may take minutes
    chosen = PRESETS[preset]
    cache_bytes = round(cache_size * 1e9)
    windows = DanceWindows(
        release, "train", window, stride,
        cache_dir=cache, extractor=extractor, cache_bytes=cache_bytes, tier=tier,
    )  # fmt: skip
    if steps is None:
        assert epochs is not None
        steps = max(1, round(epochs * len(windows) / max(1, settings["batch_size"])))
    standardise = not raw_music and preset != "released"
    recipe = Recipe(steps=steps, standardise=standardise, **settings)
    model = without(_sized(chosen.model, sizes), ablate)
    trainer = Trainer(windows, model, chosen.objective, recipe, out, device)
    unseen = None
    if recipe.validate_every:
        unseen = validation(
            DanceWindows(
                release,
                "test",
                window,
                stride,
                trainer.windows.scaler,
                cache,
                extractor,
                cache_bytes=cache_bytes,
            )
        )
    last = trainer.run(unseen)
    if trainer.accelerator.is_main_process:
        click.echo(f"{trainer.done} steps finished: {last}")
    trainer.accelerator.end_training()


def _sized(model: ModelConfig, sizes: tuple[str, ...]) -> ModelConfig:
    known = {field.name for field in dataclasses.fields(model)}
    given: dict[str, Any] = {}
    for size in sizes:
        name, _, value = size.partition("=")
        if name not in known or name in ("window", "music_dim"):
            choices = ", ".join(sorted(known - {"window", "music_dim"}))
            raise InputError(f"{name!r} is not a size of the network", "--model", f"choose from {choices}")
        kind = type(getattr(model, name))
        try:
            given[name] = value.lower() in ("1", "true", "yes") if kind is bool else kind(value)
        except ValueError as error:
            raise InputError(f"{value!r} is not of type {kind.__name__}", f"--model {name}") from error
    return dataclasses.replace(model, **given)


if __name__ == "__main__":
    run(train, "python -m training.train")

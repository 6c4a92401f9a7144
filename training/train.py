"""`popdanceset train`: trains POPDG, or another model, on a release.

    popdanceset train --release R --out runs/popdg --epochs 2000
    popdanceset train --model edge --release R --out runs/edge --epochs 2000
    popdanceset train --distil runs/popdg --release R --out runs/popdg-4 --epochs 200
    accelerate launch --num_processes 2 -m training.train …        several devices or machines

`python -m training.train` is the same program. With FSDP (`accelerate config`), the network must be wrapped
as a whole: auto wrap policy NO_WRAP, version 2. A training can be stopped at any time; the same command
continues it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from popdanceset.commands import UserPath, run
from popdanceset.errors import InputError
from training.models import FIRST, MODELS

if TYPE_CHECKING:
    from training.interface import Model
    from training.presets import Preset

PATH = UserPath()


@click.command(
    context_settings={"max_content_width": 110},
    short_help="Train a model on a release, or continue a training.",
)
@click.option("--release", required=True, metavar="DIR", help="Folder or address of a release.")
@click.option("--out", required=True, type=PATH, metavar="DIR", help="Output folder of checkpoints and logs.")
@click.option(
    "--model", "chosen", multiple=True, metavar="NAME|SIZE=VALUE",
    help=f"Model to train: {', '.join(MODELS)} (default: {FIRST}). Or set a size of its network, "
    "e.g. width=128; may be repeated.",
)  # fmt: skip
@click.option(
    "--preset", metavar="NAME",
    help="Network, loss and settings: paper (default) or released for popdg, ours (default) or released for "
    "the baselines. Released is as the authors' code has them.",
)  # fmt: skip
@click.option(
    "--ablate", multiple=True, metavar="PART",
    help="Remove a part of the network (Tables 3 and 4): mf-attention, ds-attention, alignment, iddpm or "
    "half-width of popdg; may be repeated.",
)  # fmt: skip
@click.option(
    "--start", type=PATH, metavar="FILE",
    help="Checkpoint of a finished training whose weights the training begins with.",
)  # fmt: skip
@click.option(
    "--distil", type=PATH, metavar="FILE",
    help="Distil a checkpoint of popdg, or the newest in a folder, into a network that dances in few steps.",
)  # fmt: skip
@click.option(
    "--sampling-steps", type=click.IntRange(1, 4),
    help="Steps in which the distilled network dances (default: 4).",
)  # fmt: skip
@click.option("--extractor", default="baseline", show_default=True, help="Name of the music features.")
@click.option(
    "--tier", type=click.Choice(["A", "B", "C"], case_sensitive=False),
    help="Train on clips of this quality tier or better; A is the best (default: all clips).",
)  # fmt: skip
@click.option(
    "--window", type=click.IntRange(4), help="Length of a window, frames (default: of the preset; popdg 150)."
)
@click.option(
    "--stride", type=click.IntRange(1), help="Frames between windows (default: of the preset; popdg 15)."
)
@click.option(
    "--epochs", type=click.FloatRange(0, min_open=True), help="Length of the training (paper: 2000)."
)
@click.option("--steps", type=click.IntRange(1), help="Length of the training in optimizer steps.")
@click.option(
    "--batch-size", type=int,
    help="Windows in a step, over all processes (default: of the preset; popdg 128).",
)  # fmt: skip
@click.option(
    "--learning-rate", type=float,
    help="Learning rate (default: of the preset; popdg 2e-4, where the paper prints 1e-3).",
)  # fmt: skip
@click.option("--weight-decay", type=float, help="Weight decay of Adan (default: of the preset; popdg 0.02).")
@click.option("--warmup", default=0, show_default=True, help="Steps in which the learning rate rises from 0.")
@click.option(
    "--gradient-clipping", "--clip", "gradient_clipping", type=float,
    help="Largest norm of the gradient; 0 for no clipping (default: of the preset; popdg 1).",
)  # fmt: skip
@click.option(
    "--ema-decay", "--average", "ema_decay", type=float,
    help="Decay of the moving average of the parameters (default: of the preset; popdg 0.9999).",
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
    "--log", type=click.Choice(["tensorboard", "wandb", "file", "none"]), default="tensorboard",
    show_default=True, help="Where to log losses; file is log.jsonl in the output folder.",
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
    chosen: tuple[str, ...],
    preset: str | None,
    ablate: tuple[str, ...],
    start: Path | None,
    distil: Path | None,
    sampling_steps: int | None,
    extractor: str,
    tier: str | None,
    window: int | None,
    stride: int | None,
    epochs: float | None,
    steps: int | None,
    raw_music: bool,
    cache: Path | None,
    cache_size: float,
    device: str | None,
    **settings: Any,
) -> None:
    """Train a model on a release, or continue a training that was stopped."""
    from popdanceset.devices import find_device
    from training.data import DanceWindows
    from training.fitting.recipe import Recipe
    from training.fitting.trainer import Trainer
    from training.fitting.validation import validation
    from training.models import load

    if (epochs is None) == (steps is None):
        raise InputError(
            "the length of the training is missing or given twice", do="give --epochs or --steps"
        )
    if device is not None:
        find_device(device, "--device")  # before the windows are cached, which may take minutes
    names = [name for name in chosen if "=" not in name]
    if len(names) > 1:
        raise InputError(f"{len(names)} models are named", "--model", "train one after the other")
    kind = None
    scalers: dict[str, Any] = {}
    if distil is not None:
        from training.distillation.planning import planned_distillation

        kind, plan = planned_distillation(distil, sampling_steps or 4, click.get_current_context())
        model, extractor = plan.model, kind.teacher.extractor
        scalers = {"scaler": kind.teacher.scaler, "music_scaler": kind.teacher.music_scaler}
    elif sampling_steps is not None:
        raise InputError("only a distilled network has them", "--sampling-steps", "give --distil too")
    else:
        plan, model = planned(load(names[0] if names else FIRST), preset, chosen, ablate, window)
    window, stride = window or model.window, stride or plan.stride
    given = {name: value for name, value in settings.items() if value is not None}
    settings = {**plan.recipe, **given}
    if raw_music:
        settings["standardise"] = False
    recipe = Recipe(steps=steps or 1, **settings)
    cache_bytes = round(cache_size * 1e9)
    windows = DanceWindows(
        release, "train", window, stride,
        cache_dir=cache, extractor=extractor, cache_bytes=cache_bytes, tier=tier, **scalers,
    )  # fmt: skip
    if plan.drop_epochs:
        epoch = len(windows) / recipe.batch_size
        recipe = dataclasses.replace(recipe, drops=tuple(round(drop * epoch) for drop in plan.drop_epochs))
    if steps is None:
        assert epochs is not None
        steps = max(1, round(epochs * len(windows) / recipe.batch_size))
        recipe = dataclasses.replace(recipe, steps=steps)
    trainer = Trainer(windows, model, plan.objective, recipe, out, device, start, kind)
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
            ),
            distilled=None if kind is None else kind.mark(plan.objective),
        )
    last = trainer.run(unseen)
    if trainer.accelerator.is_main_process:
        click.echo(f"{trainer.done} steps finished: {last}")
    trainer.accelerator.end_training()


def planned(
    kind: Model, preset: str | None, chosen: Sequence[str], ablate: Sequence[str], window: int | None
) -> tuple[Preset[Any, Any], Any]:
    """The preset that the options name, and the sizes of the network; arguments as the options.

    Raises:
        InputError: the model has no such preset, size or part to remove, or the sizes are impossible.
    """
    plan = next(iter(kind.stages(preset).values()))
    model = _sized(kind, plan.model, [size for size in chosen if "=" in size], window)
    for part in ablate:
        if part not in kind.ablations:
            known = f"choose from {', '.join(kind.ablations)}" if kind.ablations else "leave it out"
            raise InputError(f"{kind.title} has no part {part!r} to remove", "--ablate", known)
        model = kind.ablations[part](model)
    return plan, model


def _sized(kind: Model, model: Any, sizes: list[str], window: int | None) -> Any:
    known = {field.name for field in dataclasses.fields(model)}
    given: dict[str, Any] = {} if window is None else {"window": window}
    for size in sizes:
        name, _, value = size.partition("=")
        if name not in known or name in ("window", "music_dim"):
            choices = ", ".join(sorted(known - {"window", "music_dim"}))
            raise InputError(
                f"{name!r} is not a size of the network of {kind.title}", "--model", f"choose from {choices}"
            )
        of_type = type(getattr(model, name))
        try:
            given[name] = value.lower() in ("1", "true", "yes") if of_type is bool else of_type(value)
        except ValueError as error:
            raise InputError(f"{value!r} is not of type {of_type.__name__}", f"--model {name}") from error
    return dataclasses.replace(model, **given)


if __name__ == "__main__":
    run(train, "python -m training.train")

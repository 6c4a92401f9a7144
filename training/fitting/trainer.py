"""The training loop; its result does not depend on interruptions or on the number of processes."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from popdanceset.atomic import atomic_write
from popdanceset.errors import InputError, PopDanceSetError
from popdanceset.progress import Advance, ignore, track
from training.data import DanceWindows
from training.data.augmentation import augment
from training.data.music_scaler import MusicScaler
from training.data.representation import MinMaxScaler
from training.data.seeds import mixed
from training.data.shuffled_batches import ShuffledBatches
from training.fitting import checkpoint, snapshot
from training.fitting.accelerator import open_accelerator
from training.fitting.draws import Draws, draws
from training.fitting.ema import ExponentialMovingAverage
from training.fitting.logs import open_log
from training.fitting.recipe import Recipe, identity, must_match
from training.interface import Model, Sizes
from training.models import model_of

_log = logging.getLogger(__name__)

Validate = Callable[[Any, MinMaxScaler, MusicScaler], dict[str, float]]
"""Measures a network in evaluation mode, given the scalers of motion and music."""


class TrainingError(PopDanceSetError):
    """Training produced NaN or infinity and cannot continue."""


class Trainer:
    """A training: new, or continued from the newest checkpoint in its folder.

    Started by `accelerate launch` or `torchrun`, each process trains on its share of every batch, and
    gradients are averaged over the processes.

    Args:
        windows: of the training part.
        model: the sizes of the network, which name its model; window and music width are those of `windows`.
        objective: of the model's loss.
        recipe: all other settings.
        folder: of checkpoints and logs; created if missing.
        device: name in torch; None for accelerate's choice.
        start: checkpoint of a finished training, with whose weights a new one begins; None: random weights.
        kind: the model; None: the one that the sizes name.

    Raises:
        SettingsError: this machine has no such device.
        InputError: the folder is not writable or contains another run, the batch cannot be shared, or `start`
            is of another network.
    """

    def __init__(
        self,
        windows: DanceWindows,
        model: Sizes,
        objective: Any,
        recipe: Recipe,
        folder: Path,
        device: str | None = None,
        start: Path | None = None,
        kind: Model | None = None,
    ) -> None:
        # Precision is set in each step: accelerate would fix it for the lifetime of the process.
        log_with = None if recipe.log in ("none", "file") else recipe.log
        self.accelerator = open_accelerator(device, log_with, folder)
        rank, world = self.accelerator.process_index, self.accelerator.num_processes
        if recipe.batch_size % world:
            raise InputError(
                f"{world} processes cannot share a batch of {recipe.batch_size}",
                "training",
                f"give a multiple of {world}",
            )
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"not writable: {error.strerror}", folder, "name another folder") from error
        self.objective, self.recipe, self.folder = objective, recipe, folder
        self.kind = kind or model_of(model)
        self.config: Any = replace(model, window=windows.length, music_dim=windows.music_width)  # type: ignore[type-var]
        self.identity = identity(self.config, objective, recipe, windows)
        found = checkpoint.newest(folder)
        if found is not None:
            must_match(found[1]["identity"], self.identity, folder)

        place = self.accelerator.device
        # The samples of `self.windows` have the units that the network is trained on.
        self.windows = windows.with_scalers(*self.kind.scalers(windows, recipe))
        self.scaler = self.windows.scaler.to(place)
        self.music_scaler = self.windows.music_scaler
        self.batches = ShuffledBatches(
            self.windows, recipe.batch_size, recipe.seed, rank, world, scaled=False
        )
        torch.manual_seed(mixed(recipe.seed))
        network = self.kind.network(self.config)
        if start is not None and found is None:
            self._begin(network, start)
        self.model, self.optimizer = self.accelerator.prepare(
            torch.compile(network) if recipe.compile else network,
            self.kind.optimizer(network, recipe),
        )
        self.average = ExponentialMovingAverage(self.model.parameters(), recipe.ema_decay)
        self.done = 0
        if found is not None:
            path, saved = found
            snapshot.put(saved, self.model, self._bare_optimizer, self.average)
            self.done = saved["step"]
            _log.info("continues after step %d of %s", self.done, path)

    @property
    def network(self) -> Any:
        """The network without its wrappers for several devices."""
        network: torch.nn.Module = self.accelerator.unwrap_model(self.model, keep_torch_compile=False)
        return network

    @property
    def _bare_optimizer(self) -> torch.optim.Optimizer:
        optimizer: torch.optim.Optimizer = self.optimizer.optimizer
        return optimizer

    def run(self, validate: Validate | None = None) -> Path:
        """Trains until the number of steps in the recipe is reached.

        Args:
            validate: measures the network, with the moving average of its parameters.

        Returns:
            The last checkpoint.

        Raises:
            InputError: memory is too small, wandb is not installed, or a checkpoint cannot be written.
            TrainingError: the loss or its gradient is NaN or infinite; the batch is saved in the folder.
        """
        recipe, end = self.recipe, self.recipe.steps
        first, began = self.done, time.perf_counter()
        with (
            open_log(self.accelerator, recipe.log, self.folder, first + 1, self.identity) as log,
            _memory_watched(self.batches),
            _progress(end, first, self.accelerator.is_main_process) as advance,
        ):
            self.model.train()
            for step, motion, music in self.batches.stream(first, end):
                values = self.step(step, motion, music)
                advance(1, f"loss {values['loss/total']:.4f}")
                measured = self._validated(validate)
                if measured or self.done % recipe.log_every == 0 or self.done == end:
                    log(self.done, values | measured)
                if self.done % recipe.checkpoint_every == 0 or self.done == end:
                    self.save()
        _log.info(
            "trained steps %d to %d on %d windows in %.1f s",
            first, self.done, len(self.windows), time.perf_counter() - began,
        )  # fmt: skip
        return self.folder / checkpoint.name_of(self.done)

    def step(self, step: int, motion: torch.Tensor, music: torch.Tensor) -> dict[str, float]:
        """One step of the optimizer.

        Args:
            step: its number, on which all of its random numbers depend.
            motion: (share, window, 156), unscaled.
            music: (share, window, width), unscaled.

        Returns:
            The loss, its parts and the norm of the gradient, over all processes.
        """
        recipe, accelerator = self.recipe, self.accelerator
        chance = self._chance(step)
        torch.manual_seed(mixed(recipe.seed, step, accelerator.process_index))  # of dropout
        for group in self.optimizer.param_groups:
            group["lr"] = self.kind.learning_rate_at(recipe, step)
        motion, music = motion.to(accelerator.device), music.to(accelerator.device)
        motion = augment(motion, chance.mirrored, chance.angles)
        loss = self.kind.loss(
            self._predict,
            self.objective,
            self.kind.encode(self.config, motion, self.scaler),
            self.music_scaler(music),
            chance.chance,
            self.scaler,
        )
        summed = torch.stack([loss.total.detach(), *(part.detach() for part in loss.parts.values())])
        means = accelerator.reduce(summed, "mean").tolist()
        values = {f"loss/{name}": mean for name, mean in zip(["total", *loss.parts], means, strict=True)}
        self._must_be_finite("loss", values["loss/total"], step, motion, music, chance.chance)
        accelerator.backward(loss.total)
        norm = accelerator.clip_grad_norm_(self.model.parameters(), recipe.gradient_clipping or math.inf)
        values["gradient"] = float(norm)
        self._must_be_finite("gradient", values["gradient"], step, motion, music, chance.chance)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.average.update()
        self.done = step + 1
        return values

    def save(self) -> None:
        """Writes a checkpoint; every process must call it."""
        content = snapshot.take(self.model, self._bare_optimizer, self.average)
        if self.accelerator.is_main_process:
            content |= {
                "identity": self.identity,
                "config": asdict(self.config),
                "scaler": {"minimum": self.scaler.minimum.cpu(), "maximum": self.scaler.maximum.cpu()},
                "music": {
                    "extractor": self.windows.extractor,
                    "mean": self.music_scaler.mean,
                    "deviation": self.music_scaler.deviation,
                },
                "guidance": self.kind.guidance(self.objective),
                "architecture": self.config.architecture,
                "versions": {name: version(name) for name in ("popdanceset", "torch")},
                **self.kind.remarks(self.objective),
            }
            checkpoint.save(self.folder, self.done, content, self.recipe.keep)
        self.accelerator.wait_for_everyone()

    def _begin(self, network: torch.nn.Module, start: Path) -> None:
        saved = checkpoint.load(start)
        try:
            checkpoint.must_be_of(saved, self.config.architecture, start)
            self.kind.begin(network, saved["average"])
        except (KeyError, RuntimeError) as error:
            raise InputError(
                f"does not fit the network: {error}".splitlines()[0], start, "start from another checkpoint"
            ) from error

    def _predict(self, *inputs: Any) -> Any:
        """The output of the network in single precision, in which losses are computed at any precision."""
        half = self.recipe.precision == "bf16"
        with torch.autocast(self.accelerator.device.type, torch.bfloat16, enabled=half):
            output = self.model(*inputs)
        return _in_single_precision(output)

    def _chance(self, step: int) -> Draws:
        drawn = draws(
            lambda size, generator: self.kind.draw(self.config, self.objective, size, generator),
            self.recipe.seed,
            step,
            self.recipe.batch_size,
            mirrored=self.recipe.mirrored,
            rotated=self.recipe.rotated,
            rank=self.accelerator.process_index,
            world=self.accelerator.num_processes,
        )
        return drawn.to(self.accelerator.device)

    def _validated(self, validate: Validate | None) -> dict[str, float]:
        if validate is None or not self.recipe.validate_every or self.done % self.recipe.validate_every:
            return {}
        measured: dict[str, float] = {}
        with self.average.applied():
            self.model.eval()
            if self.accelerator.is_main_process:
                measured = validate(self.network, self.scaler, self.music_scaler)
            self.model.train()
        self.accelerator.wait_for_everyone()
        return measured

    def _must_be_finite(
        self, what: str, value: float, step: int, motion: torch.Tensor, music: torch.Tensor, chance: Any
    ) -> None:
        """Every process has the same value, so all stop together, and each saves its share of the batch."""
        if math.isfinite(value):
            return
        path = self.folder / f"not-finite-{step:08d}-{self.accelerator.process_index}.pt"
        batch = {"step": step, "motion": motion, "music": music, **chance._asdict()}
        with atomic_write(path) as file:
            torch.save(batch, file)
        raise TrainingError(
            f"the {what} of step {step} is {value}; its batch is saved",
            path,
            "lower the learning rate, or look for odd frames in it; checkpoints before it are whole",
        )


def _in_single_precision(output: Any) -> Any:
    if isinstance(output, torch.Tensor):
        return output.float() if output.is_floating_point() else output
    if isinstance(output, tuple):
        parts = map(_in_single_precision, output)
        return type(output)(*parts) if hasattr(output, "_fields") else tuple(parts)
    return output


@contextmanager
def _progress(total: int, done: int, shown: bool) -> Iterator[Advance]:
    if not shown:
        yield ignore
        return
    with track("train", total) as advance:
        advance(done)
        yield advance


@contextmanager
def _memory_watched(batches: ShuffledBatches) -> Iterator[None]:
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        # torch's CPU allocator raises a plain RuntimeError.
        short = isinstance(error, torch.OutOfMemoryError | MemoryError)
        if not short and "can't allocate memory" not in str(error):
            raise
        raise InputError(
            f"out of memory with {batches.share} windows in a process and step",
            "training",
            f"try a batch of {max(1, batches.size // 2)}, bf16 or more processes",
        ) from error

"""Where the numbers of a training go: TensorBoard's files, or Weights & Biases."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from popdanceset.errors import InputError


class Log(Protocol):
    """Takes numbers by their names."""

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Numbers after so many steps."""
        ...

    def close(self) -> None:
        """Everything is on disk, or sent."""
        ...


class NoLog:
    """For processes that are not the first, and for those who want none."""

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Forgets them."""

    def close(self) -> None:
        """Nothing to do."""


class TensorBoardLog:
    """Event files below a folder; a resumed run's files follow on, and hide what it does again."""

    def __init__(self, folder: Path, first_step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer: Any = SummaryWriter(str(folder / "log"), purge_step=first_step)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """One scalar each."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Flushes the file."""
        self._writer.close()


class WandbLog:
    """A run at Weights & Biases, under the folder's name, so that a resumed run goes on there.

    Raises:
        InputError: the package is not installed.
    """

    def __init__(self, folder: Path, config: Mapping[str, Any]) -> None:
        try:
            import wandb
        except ImportError as error:
            raise InputError(
                "wandb is not installed", "--log", "pip install wandb, or log tensorboard"
            ) from error
        self._run: Any = wandb.init(
            project="popdanceset",
            id=folder.resolve().name,
            resume="allow",
            dir=str(folder),
            config=dict(config),
        )

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """One record a step."""
        self._run.log(dict(values), step=step)

    def close(self) -> None:
        """Ends the run."""
        self._run.finish()


def open_log(kind: str, folder: Path, first_step: int, config: Mapping[str, Any]) -> Log:
    """The log of this kind: `tensorboard`, `wandb` or `none`.

    Raises:
        InputError: wandb is wanted and not installed.
    """
    if kind == "tensorboard":
        return TensorBoardLog(folder, first_step)
    return WandbLog(folder, config) if kind == "wandb" else NoLog()

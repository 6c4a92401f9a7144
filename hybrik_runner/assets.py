"""Model files: where they lie, whether they are the right ones, and how an estimator describes its own."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from popdanceset.errors import AssetError

if TYPE_CHECKING:
    from popdanceset.settings import Settings


class State(StrEnum):
    """What is known of a model file."""

    PRESENT = "present"
    MISSING = "missing"
    DAMAGED = "damaged"  # there, but not the file we know


@dataclass(frozen=True, slots=True)
class Asset:
    """A model file.

    Attributes:
        name: its file name in the model folder.
        size: bytes.
        sha256: hash of the only content that is accepted.
        source: where its owner offers it, for people.
        licence: under which terms.
    """

    name: str
    size: int
    sha256: str
    source: str
    licence: str

    def state(self, folder: Path) -> State:
        """Whether the folder holds exactly this file.

        Raises:
            AssetError: the file is there but may not be read.
        """
        path = folder / self.name
        try:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            return State.MISSING
        except OSError as error:
            raise AssetError(
                f"model file may not be read: {error.strerror}", path, "check permissions"
            ) from error
        return State.PRESENT if digest == self.sha256 else State.DAMAGED


def model_folder(settings: Settings) -> Path:
    """`pose.model_dir`, or `models` in the user's cache of this program."""
    if settings.pose.model_dir:
        return Path(settings.pose.model_dir).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("popdanceset") / "models"


@contextlib.contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Makes the folder and lets one thread of one process at a time into the block.

    The lock belongs to an open file, so a killed process gives it back.

    Raises:
        AssetError: the folder cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("w")
    except OSError as error:
        raise AssetError(
            f"model folder is not writable: {error.strerror}",
            folder,
            "set pose.model_dir to a folder that is",
        ) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield

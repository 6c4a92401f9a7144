"""Model files: where they are, whether they are the right ones, and how an estimator describes its own.

One folder holds all of them, `pose.model_dir` or `models` in the user's cache:

    pose_detection.tflite, pose_landmark_full.tflite    BlazePose; fetched when needed
    pose_landmark_heavy.tflite                          blazepose-heavy, blazepose-auto; fetched when needed
    hybrik_hrnet.pth or hybrik_res34.pth                HybrIK; `pose.hybrik_checkpoint` names another file
    basicModel_neutral_lbs_10_207_0_v1.0.0.pkl          SMPL, or SMPL_NEUTRAL.pkl; `pose.smpl_dir` names
    J_regressor_h36m.npy, h36m_mean_beta.npy            another folder for these three

Files whose hash is not published anywhere are checked by their content. To pin them, save the hashes that
`popdanceset assets` prints in a file, in the format of sha256sum, and name it in `pose.pins`.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from popdanceset.checksum import sha256_of
from popdanceset.errors import AssetError, SettingsError
from popdanceset.locks import locked

if TYPE_CHECKING:
    from popdanceset.settings import Settings


class State(StrEnum):
    """What a check found."""

    PRESENT = "present"
    MISSING = "missing"
    DAMAGED = "damaged"  # present, but not what it should be
    UNCHECKED = "unchecked"  # present, but nothing installed can read it


@dataclass(frozen=True, slots=True)
class Asset:
    """A model file.

    Attributes:
        name: its file name in the model folder.
        size: bytes.
        sha256: hash of the only content that is accepted.
        source: where its owner offers it, for people to read.
        licence: its terms.
        purpose: what it is for.
    """

    name: str
    size: int
    sha256: str
    source: str
    licence: str
    purpose: str = ""

    def state(self, folder: Path) -> State:
        """Returns whether the folder holds exactly this file.

        Raises:
            AssetError: the file exists but may not be read.
        """
        digest = sha256(folder / self.name)
        if digest is None:
            return State.MISSING
        return State.PRESENT if digest == self.sha256 else State.DAMAGED


@dataclass(frozen=True, slots=True)
class Finding:
    """What is known of one model file on this machine, and what a user should know about it.

    Attributes:
        path: where it is or should be.
        needed_by: names of the estimators that cannot run without it.
        state: whether it is present and correct.
        note: what the check found.
        sha256: hash of the file that is present; empty if there is none.
        size: bytes of the file that is present.
        purpose: what it is for.
        licence: its terms, and what a download requires.
        source: where its owner offers it.
        without: what works without it.
    """

    path: Path
    needed_by: tuple[str, ...]
    state: State
    note: str
    sha256: str
    size: int
    purpose: str
    licence: str
    source: str
    without: str


def sha256(path: Path) -> str | None:
    """Returns the hash of a file's content; None if there is no file.

    Raises:
        AssetError: the file exists but may not be read.
    """
    try:
        return sha256_of(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise AssetError(
            f"model file may not be read: {error.strerror}", path, "check permissions"
        ) from error


def read_pins(settings: Settings) -> dict[str, str]:
    """Reads expected hashes by file name from the file that `pose.pins` names; empty without one.

    Raises:
        SettingsError: the file is missing, or a line is not in the format of sha256sum.
    """
    if not settings.pose.pins:
        return {}
    path = Path(settings.pose.pins).expanduser()
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"pins cannot be read: {error}", "pose.pins", f"check {path}") from error
    pins = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        match = re.fullmatch(r"([0-9a-fA-F]{64})[ \t]+\*?(.*\S)\s*", line)
        if match is None:
            raise SettingsError(
                f"line {number} is not a hash and a name",
                path,
                "write lines as sha256sum or `assets` prints them",
            )
        pins[Path(match[2]).name] = match[1].lower()
    return pins


def against_pins(path: Path, pins: Mapping[str, str], digest: str | None = None) -> str:
    """Returns what is wrong with a file according to `pose.pins`; empty if nothing is, or if it is not
    listed.

    Args:
        path: the file.
        pins: as returned by `read_pins`.
        digest: the file's hash, if it is already known.
    """
    expected = pins.get(path.name)
    if expected is None or (digest or sha256(path)) == expected:
        return ""
    return f"its sha256 is not the one that pose.pins expects, {expected[:12]}…"


def model_folder(settings: Settings) -> Path:
    """Returns `pose.model_dir`, or `models` in the user's cache folder of this program."""
    if settings.pose.model_dir:
        return Path(settings.pose.model_dir).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("popdanceset") / "models"


@contextlib.contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Creates the folder and lets one thread of one process at a time into the block.

    Raises:
        AssetError: the folder cannot be created or written to.
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locked(folder / ".lock"))
        except OSError as error:
            raise AssetError(
                f"model folder is not writable: {error.strerror or error}",
                folder,
                "set pose.model_dir to a folder that is",
            ) from error
        yield

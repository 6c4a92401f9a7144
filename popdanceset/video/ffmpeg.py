"""The ffmpeg program: the one on the PATH, else the one that imageio-ffmpeg installs."""

from __future__ import annotations

import functools
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from popdanceset.errors import InputError, MediaError, StoreError
from popdanceset.safety import says_full


@functools.cache
def executable() -> str:
    """Returns the path of the program.

    Raises:
        InputError: it is not installed.
    """
    if found := shutil.which("ffmpeg"):
        return found
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise InputError("ffmpeg is not installed", "PATH", "install ffmpeg or imageio-ffmpeg") from error


def run(arguments: Sequence[str | Path], where: Path) -> None:
    """Runs ffmpeg to its end, silently and without waiting for keys.

    Args:
        where: the file it reads, named in errors.

    Raises:
        MediaError: it failed; the message is its last line.
        StoreError: the disk is full.
    """
    command = [executable(), "-nostdin", "-hide_banner", "-loglevel", "error", "-y", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode == 0:
        return
    said = done.stderr.decode(errors="replace").strip() or f"exit code {done.returncode}"
    if says_full(said):
        raise StoreError("the disk is full", where, "free some space and run again")
    raise MediaError(f"ffmpeg cannot cut it: {said.splitlines()[-1]}", where, "fetch the file again")

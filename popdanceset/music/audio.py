"""Reads audio: an audio file as it is, and the audio track of a video at the rate that fingerprints use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from popdanceset.errors import InputError, MediaError
from popdanceset.media.sound import blocks
from popdanceset.music.fingerprint import RATE, Samples

Floats = np.ndarray[Any, np.dtype[np.float32]]


def read_audio(path: Path) -> tuple[Floats, int]:
    """Reads an audio file and mixes it to one channel.

    Returns:
        (samples,) float32 in -1..1, and the sampling rate in Hz.

    Raises:
        InputError: there is no such file.
        MediaError: libsndfile cannot read the format.
    """
    import soundfile

    if not Path(path).is_file():
        raise InputError("no such file", path, "check the path")
    try:
        channels, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise MediaError(
            f"is not a readable audio file: {error.error_string}", path, "cut the clip again"
        ) from error
    return channels.mean(axis=1, dtype=np.float32), int(rate)


def read_track(path: str | Path) -> Samples:
    """Reads the first audio track of a video or audio file, mixed to one channel.

    Returns:
        (n,) int16 at `popdanceset.music.fingerprint.RATE`; empty if the file has no audio track.

    Raises:
        InputError: there is no such file, or it may not be read.
        MediaError: the audio is damaged.
    """
    pieces = [block.samples[0].astype("<i2") for block in blocks(path, RATE, dtype="int16")]
    return np.concatenate(pieces) if pieces else np.zeros(0, np.int16)

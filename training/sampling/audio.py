"""Music from any file that has sound: song, film, recording."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from popdanceset.errors import InputError, MediaError
from popdanceset.film import Sound
from popdanceset.media import opened

SHORTEST = 1.0
"""Seconds of music that a dance can be made to."""

_RATE = 48_000
_LOW_RATE = 15_360
"""Samples a second from which on the music features hear all that they were made for."""
_SILENCE = 1e-4

_log = logging.getLogger(__name__)


def read_audio(path: Path) -> Sound:
    """The first sound track of a file, stereo at 48 kHz.

    A warning tells of music with a rate so low that the features miss what they were trained with.

    Raises:
        InputError: there is no such file, or its sound is shorter than a second or silent.
        MediaError: it has no sound, or its sound is damaged.
    """
    import av

    with opened(path) as container:
        if not container.streams.audio:
            raise MediaError("has no sound", path, "name a file with music")
        stream = container.streams.audio[0]
        rate = stream.rate
        resampler = av.AudioResampler("fltp", "stereo", _RATE)
        try:
            blocks = [
                piece.to_ndarray()
                for frame in [*container.decode(stream), None]
                for piece in resampler.resample(frame)
            ]
        except av.FFmpegError as error:
            raise MediaError(f"its sound is damaged: {error.strerror}", path, "fetch it again") from error
    samples = np.concatenate(blocks, axis=1).T if blocks else np.zeros((0, 2), np.float32)
    seconds = len(samples) / _RATE
    if seconds < SHORTEST:
        raise InputError(f"has {seconds:.2f} s of music", path, f"give at least {SHORTEST:g} s")
    if not np.isfinite(samples).all():
        raise MediaError("holds samples that are no numbers", path, "fetch it again")
    if np.abs(samples).max() < _SILENCE:
        raise InputError("is silent", path, "give music: a dance needs something to follow")
    if rate < _LOW_RATE:
        _log.warning(
            "%s: recorded at %d Hz; all above %d Hz is missing, to which the model may have listened",
            path,
            rate,
            rate // 2,
        )
    return Sound(np.ascontiguousarray(samples, np.float32), _RATE)

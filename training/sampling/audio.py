"""Audio of any file that has an audio track: song, video, recording."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from popdanceset.errors import InputError, MediaError
from popdanceset.film import Sound
from popdanceset.media import opened

SHORTEST = 1.0
"""Least number of seconds of music to dance to."""

_RATE = 48_000
_LOW_RATE = 15_360
"""Samples a second below which the music features miss frequencies that they use."""
_SILENCE = 1e-4

_log = logging.getLogger(__name__)


def read_audio(path: Path) -> Sound:
    """Reads the first audio track of a file, as stereo at 48 kHz.

    Logs a warning if the sample rate is so low that frequencies used by the music features are missing.

    Raises:
        InputError: there is no such file, or its audio is shorter than a second or silent.
        MediaError: it has no audio track, or the track is damaged.
    """
    import av

    with opened(path) as container:
        if not container.streams.audio:
            raise MediaError("has no audio track", path, "name a file with music")
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
            raise MediaError(
                f"its audio track is damaged: {error.strerror}", path, "download it again"
            ) from error
    samples = np.concatenate(blocks, axis=1).T if blocks else np.zeros((0, 2), np.float32)
    seconds = len(samples) / _RATE
    if seconds < SHORTEST:
        raise InputError(f"has {seconds:.2f} s of music", path, f"give at least {SHORTEST:g} s")
    if not np.isfinite(samples).all():
        raise MediaError("its audio contains NaN or infinity", path, "download it again")
    if np.abs(samples).max() < _SILENCE:
        raise InputError("is silent", path, "name a file with music")
    if rate < _LOW_RATE:
        _log.warning(
            "%s: recorded at %d Hz; frequencies above %d Hz, which the model may rely on, are missing",
            path,
            rate,
            rate // 2,
        )
    return Sound(np.ascontiguousarray(samples, np.float32), _RATE)

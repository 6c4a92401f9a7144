"""Beats of a film's sound, where a long clip may be divided."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from popdanceset.compiled_librosa import load_librosa
from popdanceset.errors import MediaError
from popdanceset.media import opened

log = logging.getLogger(__name__)

RATE = 22_050  # 1/s


def beats(path: Path) -> list[float]:
    """Times of the beats, seconds from the first picture; empty where there is no sound or no beat in it.

    Onset strength and dynamic programming (Ellis, "Beat Tracking by Dynamic Programming", 2007), as librosa
    has them.

    Raises:
        InputError, MediaError: the file cannot be opened.
    """
    librosa = load_librosa()

    try:
        wave, delay = _sound(path)
    except MediaError as error:
        log.warning("%s; divided without its beats", error)
        return []
    if len(wave) < RATE or not np.any(wave):
        return []
    strength = librosa.onset.onset_strength(y=wave, sr=RATE)
    _, times = librosa.beat.beat_track(onset_envelope=strength, sr=RATE, units="time")
    return [float(time) + delay for time in np.atleast_1d(times)]


def _sound(path: Path) -> tuple[np.ndarray[tuple[int], np.dtype[np.float32]], float]:
    """(samples,) mono at `RATE`, and when it begins, seconds from the first picture."""
    import av

    from popdanceset.media import probe

    start = probe(path).start
    pieces: list[np.ndarray[tuple[int], np.dtype[np.float32]]] = []
    delay = 0.0
    with opened(path) as container:
        if not container.streams.audio:
            return np.zeros(0, np.float32), 0.0
        resampler = av.AudioResampler("flt", "mono", RATE)
        try:
            for frame in container.decode(container.streams.audio[0]):
                if not pieces:
                    delay = float(frame.time or 0.0) - start
                pieces += [piece.to_ndarray()[0] for piece in resampler.resample(frame)]
        except av.FFmpegError as error:
            raise MediaError(f"its sound is damaged: {error.strerror}", path, "fetch it again") from error
    return np.concatenate(pieces) if pieces else np.zeros(0, np.float32), delay

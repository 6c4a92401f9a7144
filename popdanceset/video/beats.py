"""Beats of a video's music, where a long clip may be divided."""

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
    """Detects beats by onset strength and dynamic programming, as librosa implements them.

    Source: Ellis, "Beat Tracking by Dynamic Programming" (2007).

    Returns:
        Times in seconds from the first frame; empty without audio, or if it has no beat.

    Raises:
        InputError, MediaError: the file cannot be opened.
    """
    librosa = load_librosa()

    try:
        wave, delay = _read_audio(path)
    except MediaError as error:
        log.warning("%s; its clips are divided without beats", error)
        return []
    if len(wave) < RATE or not np.any(wave):
        return []
    strength = librosa.onset.onset_strength(y=wave, sr=RATE)
    _, times = librosa.beat.beat_track(onset_envelope=strength, sr=RATE, units="time")
    return [float(time) + delay for time in np.atleast_1d(times)]


def _read_audio(path: Path) -> tuple[np.ndarray[tuple[int], np.dtype[np.float32]], float]:
    """(samples,) mono at `RATE`, and when it begins, seconds from the first frame."""
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
            raise MediaError(f"its audio is damaged: {error.strerror}", path, "fetch it again") from error
    return np.concatenate(pieces) if pieces else np.zeros(0, np.float32), delay

"""Beats of a video's music, where a long clip may be divided."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from popdanceset.compiled_librosa import load_librosa
from popdanceset.errors import MediaError
from popdanceset.media import probe
from popdanceset.media.sound import blocks, placed

log = logging.getLogger(__name__)

RATE = 22_050  # 1/s
_BEFORE = 10.0  # seconds of sound before the first frame that are listened to


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
        found = probe(path)
        first = next(blocks(path, RATE), None)
        if first is None:
            return []
        end = found.start + found.available
        # Silence before and after the sound would mislead the tracker about the tempo.
        begin = min(max(first.time, found.start - _BEFORE), end)
        wave = np.trim_zeros(placed(path, RATE, "mono", begin, end)[0], "b")
    except MediaError as error:
        log.warning("%s; its clips are divided without beats", error)
        return []
    if len(wave) < RATE or not np.any(wave):
        return []
    strength = librosa.onset.onset_strength(y=wave, sr=RATE)
    _, times = librosa.beat.beat_track(onset_envelope=strength, sr=RATE, units="time")
    return [float(time) + begin - found.start for time in np.atleast_1d(times)]

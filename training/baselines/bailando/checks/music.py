"""The music features of a recorded tone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from popdanceset.errors import InputError
from training.baselines.bailando.music import BEAT, HOP, WIDTH, features_438, resampled
from training.recorded import (
    Difference,
    compare,
    compare_exactly,
    compare_to_largest,
    read_record,
    recorded_in,
)

TOLERANCE = 1e-3
"""Largest difference of a feature, relative to expected values above 1: MFCC reach 800."""

_DANCE, _CODES = 60.0, 7.5
_BLOCKS = {
    "MFCC": slice(0, 20),
    "differences of MFCC": slice(20, 40),
    "chroma": slice(40, 52),
    "onsets": slice(52, 53),
    "tempogram": slice(54, WIDTH),
}


def differences(folder: Path) -> Iterator[Difference]:
    """All comparisons."""
    import soundfile

    path = folder / "tone.wav"
    try:
        tone, rate = soundfile.read(path, dtype="float32")
    except soundfile.LibsndfileError as error:
        raise InputError(f"not readable: {error.error_string}", path, "check the path") from error
    recorded = read_record(folder / "music_438.pt")
    with recorded_in(folder / "music_438.pt"):
        expected = recorded["features_60fps_438"]
        audio = tone if rate == HOP * _DANCE else resampled(tone, rate, _DANCE)
        fast = torch.from_numpy(features_438(audio, _DANCE))
        yield from _features("60 fps", fast[:, : expected.shape[1]], expected)
        tempogram = fast[::8, _BLOCKS["tempogram"]]
        yield compare("60 fps: tempogram", tempogram, recorded["tempogram_60fps_every_8th_frame"], TOLERANCE)
        audio = recorded["audio_3840"]
        found = torch.from_numpy(resampled(tone, rate, _CODES))
        yield compare_to_largest("audio at 3,840 Hz", found, audio)
        slow = torch.from_numpy(features_438(np.asarray(audio), _CODES))
        yield from _features("7.5 fps", slow, recorded["features_7p5fps_438"])


def _features(title: str, found: torch.Tensor, expected: torch.Tensor) -> Iterator[Difference]:
    for name, columns in _BLOCKS.items():
        if columns.start < expected.shape[1]:
            yield compare(f"{title}: {name}", found[:, columns], expected[:, columns], TOLERANCE)
    yield compare_exactly(f"{title}: beats", found[:, BEAT], expected[:, BEAT])

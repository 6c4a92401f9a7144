"""The 438 music features of Bailando, computed with librosa.

| columns | meaning |
|---|---|
| 0..19   | MFCC of the mel spectrogram in decibels |
| 20..39  | their differences |
| 40..51  | chroma of the harmonic part |
| 52      | onset strength of the percussive part |
| 53      | 1 in frames with a beat |
| 54..437 | tempogram |

Features at 7.5 frames a second go into the network, the beats at 60 frames a second into the reward. The
frame rate is set by the sampling rate, since a frame has 512 samples. The released code computes them with
librosa 0.8.1, which pads audio by reflection, after a resampler of essentia; values at the ends differ.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from popdanceset.errors import InputError

Floats = NDArray[np.float32]

WIDTH = 438
BEAT = 53
HOP = 512
_WINDOW = 2048
_LOW_RATE = 15_360


def resampled(samples: Floats, rate: int, fps: float) -> Floats:
    """Audio with 512 samples a frame.

    Args:
        samples: (n,) mono.
        rate: samples a second.
        fps: wanted frames a second: 60, or 7.5.

    Returns:
        (n',) at 512 · `fps` samples a second.
    """
    import librosa

    wanted = round(HOP * fps)
    audio: Floats = librosa.resample(samples, orig_sr=rate, target_sr=wanted, res_type="soxr_hq")
    return audio


def features_438(audio: Floats, fps: float) -> Floats:
    """The features of mono audio.

    Args:
        audio: (n,) at 512 · `fps` samples a second, see `resampled`.
        fps: frames a second.

    Returns:
        (1 + n // 512, 438).

    Raises:
        InputError: the audio is too short.
    """
    import librosa

    if len(audio) < 2 * _WINDOW:
        raise InputError(f"{len(audio)} samples are too few for music features", "music")
    rate = round(HOP * fps)
    mel = librosa.feature.melspectrogram(y=audio, sr=rate, n_fft=_WINDOW, hop_length=HOP)
    mfcc = librosa.feature.mfcc(S=librosa.power_to_db(mel, ref=np.max), n_mfcc=20)
    harmonic, percussive = librosa.effects.hpss(audio)
    chroma = librosa.feature.chroma_cqt(
        y=harmonic, sr=rate, hop_length=HOP, n_octaves=7 if rate > _LOW_RATE else 5, bins_per_octave=36
    )
    onset = librosa.onset.onset_strength(y=percussive, sr=rate, hop_length=HOP, aggregate=np.median)
    rows: list[NDArray[Any]] = [
        mfcc,
        librosa.feature.delta(mfcc, width=3),
        chroma,
        onset[None],
        beats(onset, rate)[None],
        librosa.feature.tempogram(onset_envelope=onset, sr=rate, hop_length=HOP, win_length=384),
    ]
    return np.concatenate(rows).T.astype(np.float32)


def beats(onset: NDArray[Any], rate: int) -> Floats:
    """(frames,) onset strength → (frames,) 1 in frames with a beat, 0 elsewhere."""
    import librosa

    _, frames = librosa.beat.beat_track(onset_envelope=onset, sr=rate, hop_length=HOP)
    marks = np.zeros(len(onset), np.float32)
    marks[frames] = 1
    return marks

"""The 35 music features of a frame that EDGE and POPDG call `baseline` (after FACT's), at 30 frames a second.

| columns | feature |
|---|---|
| 0       | onset strength |
| 1..20   | MFCC |
| 21..32  | CENS chroma |
| 33      | 1 at an onset peak, else 0 |
| 34      | 1 at a beat, else 0 |

Frame k is centred at k / 30 s: the hop is 512 samples at 30 · 512 = 15,360 Hz.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from popdanceset.compiled_librosa import load_librosa
from popdanceset.errors import InputError, MediaError
from popdanceset.schema import FPS

Floats = np.ndarray[Any, np.dtype[np.float32]]

HOP = 512
RATE = FPS * HOP
WIDTH = 35
EVENTS = slice(33, 35)
"""The columns that say 0 or 1: onset peaks and beats."""

Mode = Literal["released", "corrected"]
_TEMPO_RATE = 22_050


@dataclass(frozen=True, slots=True)
class Baseline:
    """The baseline features as a `popdanceset.music.features.FeatureExtractor`.

    Attributes:
        mode: where the beat tracker's first guess of the tempo comes from. `released`, like the published
        code: from
            the sound at another rate (22,050 Hz), where an envelope frame lasts 23 ms. `corrected`: from the
            very envelope in which the beats are then sought, so both speak of the same 33 ms frames.
    """

    width: ClassVar[int] = WIDTH
    events: ClassVar[slice] = EVENTS
    mode: Mode = "released"

    @property
    def name(self) -> str:
        """What the features are called in a release."""
        return "baseline" if self.mode == "released" else f"baseline-{self.mode}"

    def __call__(self, path: Path) -> Floats:
        """Features of a sound file: (frames, 35) float32.

        Raises:
            InputError: there is no such file.
            MediaError: it is no readable sound, or holds no samples.
        """
        samples, rate = read_sound(path)
        try:
            return baseline_features(samples, rate, self.mode)
        except MediaError as error:
            raise MediaError(error.what, path, error.do) from error


def read_sound(path: Path) -> tuple[Floats, int]:
    """A sound file mixed to one channel: (samples,) float32 in -1..1, and its sampling rate in Hz.

    Raises:
        InputError: there is no such file.
        MediaError: it is in no format that libsndfile reads.
    """
    import soundfile

    if not Path(path).is_file():
        raise InputError("no such file", path, "check the path")
    try:
        channels, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise MediaError(f"is no readable sound: {error.error_string}", path, "cut the clip again") from error
    return channels.mean(axis=1, dtype=np.float32), int(rate)


def baseline_features(samples: Floats, rate: int, mode: Mode = "released") -> Floats:
    """The 35 features of a sound.

    Args:
        samples: (n,) float32, one channel.
        rate: its sampling rate, Hz.
        mode: see `Baseline`.

    Returns:
        (1 + n · 30 // rate, 35) float32. Silence has no peaks and no beats.

    Raises:
        MediaError: no samples, or samples that are no numbers.
    """
    librosa = load_librosa()

    if not len(samples):
        raise MediaError("holds no sound", do="cut the clip again")
    if not np.isfinite(samples).all():
        raise MediaError("holds samples that are no finite numbers", do="cut the clip again")
    sound = librosa.resample(samples, orig_sr=rate, target_sr=RATE)
    strength = librosa.onset.onset_strength(y=sound, sr=RATE, hop_length=HOP)
    mfcc = librosa.feature.mfcc(y=sound, sr=RATE, n_mfcc=20, hop_length=HOP)
    chroma = librosa.feature.chroma_cens(y=sound, sr=RATE, hop_length=HOP, n_chroma=12)
    peaks = librosa.onset.onset_detect(onset_envelope=strength, sr=RATE, hop_length=HOP)
    if mode == "released":
        guess = librosa.feature.tempo(
            y=librosa.resample(samples, orig_sr=rate, target_sr=_TEMPO_RATE), sr=_TEMPO_RATE, hop_length=HOP
        )
    else:
        guess = librosa.feature.tempo(onset_envelope=strength, sr=RATE, hop_length=HOP)
    _, beats = librosa.beat.beat_track(
        onset_envelope=strength, sr=RATE, hop_length=HOP, start_bpm=float(guess[0]), tightness=100
    )
    features = np.zeros((len(strength), WIDTH), np.float32)
    features[:, 0] = strength
    features[:, 1:21] = mfcc.T
    features[:, 21:33] = chroma.T
    features[peaks, 33] = 1
    features[beats, 34] = 1
    return features

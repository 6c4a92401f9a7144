"""The 35 music features per frame that EDGE and POPDG call `baseline` (after FACT's), at 30 frames a second.

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

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from popdanceset.compiled_librosa import load_librosa
from popdanceset.errors import MediaError
from popdanceset.music.audio import read_audio
from popdanceset.music.extractor import Floats
from popdanceset.schema import FPS

HOP = 512
RATE = FPS * HOP
WIDTH = 35
EVENTS = slice(33, 35)
"""The columns that hold 0 or 1: onset peaks and beats."""

Mode = Literal["released", "corrected"]
_TEMPO_RATE = 22_050
_AIST_MUSIC = re.compile(r"(?:aist:)?m(?P<genre>BR|PO|LO|MH|LH|HO|WA|KR|JS|JB)(?P<number>\d)")


def aist_tempo(music_id: str) -> float | None:
    """The tempo of a piece of AIST++, beats a minute, which its name states (`mBR0`, or `aist:mBR0`).

    House is between 110 and 135 in steps of 5, all other genres between 80 and 130 in steps of 10.

    Source: Tsuchida et al., AIST Dance Video Database, ISMIR 2019; the published code of FACT and EDGE.

    Returns:
        None if the name is not one of AIST++.
    """
    match = _AIST_MUSIC.fullmatch(music_id)
    if match is None:
        return None
    lowest, step = (110, 5) if match["genre"] == "HO" else (80, 10)
    return float(lowest + step * int(match["number"]))


@dataclass(frozen=True, slots=True)
class Baseline:
    """The baseline features as a `popdanceset.music.extractor.FeatureExtractor`.

    Attributes:
        mode: where the beat tracker's initial tempo estimate comes from. `released` follows the published
            code and uses the audio at another rate (22,050 Hz), where an envelope frame lasts 23 ms.
            `corrected` uses the same envelope in which the beats are then tracked, with frames of 33 ms.
        tempo: this estimate, beats a minute, where it is known (`aist_tempo`); None: as `mode` says.
    """

    width: ClassVar[int] = WIDTH
    events: ClassVar[slice] = EVENTS
    mode: Mode = "released"
    tempo: float | None = None

    @property
    def name(self) -> str:
        """What the features are called in a release."""
        return "baseline" if self.mode == "released" else f"baseline-{self.mode}"

    def __call__(self, path: Path) -> Floats:
        """Returns the features of an audio file: (frames, 35) float32.

        Raises:
            InputError: there is no such file.
            MediaError: the file is not readable audio, or holds no samples.
        """
        samples, rate = read_audio(path)
        try:
            return baseline_features(samples, rate, self.mode, self.tempo)
        except MediaError as error:
            raise MediaError(error.what, path, error.do) from error


def baseline_features(
    samples: Floats, rate: int, mode: Mode = "released", tempo: float | None = None
) -> Floats:
    """Computes the 35 features of audio samples.

    Args:
        samples: (n,) float32, one channel.
        rate: sampling rate in Hz.
        mode, tempo: see `Baseline`.

    Returns:
        (1 + n · 30 // rate, 35) float32. Silence has no peaks and no beats.

    Raises:
        MediaError: there are no samples, or some are NaN or infinite.
    """
    librosa = load_librosa()

    if not len(samples):
        raise MediaError("holds no audio", do="cut the clip again")
    if not np.isfinite(samples).all():
        raise MediaError("holds samples that are NaN or infinite", do="cut the clip again")
    resampled = librosa.resample(samples, orig_sr=rate, target_sr=RATE)
    strength = librosa.onset.onset_strength(y=resampled, sr=RATE, hop_length=HOP)
    mfcc = librosa.feature.mfcc(y=resampled, sr=RATE, n_mfcc=20, hop_length=HOP)
    chroma = librosa.feature.chroma_cens(y=resampled, sr=RATE, hop_length=HOP, n_chroma=12)
    peaks = librosa.onset.onset_detect(onset_envelope=strength, sr=RATE, hop_length=HOP)
    if tempo is not None:
        start = tempo
    elif mode == "released":
        low = librosa.resample(samples, orig_sr=rate, target_sr=_TEMPO_RATE)
        start = float(librosa.feature.tempo(y=low, sr=_TEMPO_RATE, hop_length=HOP)[0])
    else:
        start = float(librosa.feature.tempo(onset_envelope=strength, sr=RATE, hop_length=HOP)[0])
    _, beats = librosa.beat.beat_track(
        onset_envelope=strength, sr=RATE, hop_length=HOP, start_bpm=start, tightness=100
    )
    features = np.zeros((len(strength), WIDTH), np.float32)
    features[:, 0] = strength
    features[:, 1:21] = mfcc.T
    features[:, 21:33] = chroma.T
    features[peaks, 33] = 1
    features[beats, 34] = 1
    return features

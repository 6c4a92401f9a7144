"""The 438 music features: their order, and the beats of clicks."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs the extra 'train'")

from popdanceset.errors import InputError
from training.baselines.bailando.music import BEAT, HOP, WIDTH, features_438, resampled

RATE = HOP * 60


def clicks(seconds: float, times: float) -> np.ndarray:
    """A short noise `times` a second, and a quiet A."""
    noise = np.random.default_rng(0).normal(size=RATE // 100)
    time = np.arange(int(seconds * RATE)) / RATE
    audio = 0.02 * np.sin(2 * np.pi * 440 * time)
    for click in range(int(seconds * times)):
        first = int(click / times * RATE)
        audio[first : first + len(noise)] += noise * np.linspace(1, 0, len(noise))
    return (audio / np.abs(audio).max()).astype(np.float32)


def test_features_of_clicks() -> None:
    audio = clicks(4, times=2)
    features = features_438(audio, 60)
    assert features.shape == (1 + len(audio) // HOP, WIDTH)
    assert features.dtype == np.float32
    beats = np.flatnonzero(features[:, BEAT])
    assert set(np.unique(features[:, BEAT])) == {0, 1}
    assert np.abs(np.diff(beats) - 30).max() <= 2  # half a second, at 60 frames a second
    assert features[:, 40:52].mean(axis=0).argmax() == 9  # the tone A
    assert np.allclose(features[:, 54], 1)  # the tempogram is 1 without a lag
    onsets = features[:, 52]
    assert onsets[beats[1:-1]].mean() > 5 * onsets.mean()


def test_audio_is_resampled_to_512_samples_a_frame() -> None:
    audio = clicks(3, times=2)
    slow = resampled(audio, RATE, 7.5)
    assert len(slow) == 3 * 3840
    assert features_438(slow, 7.5).shape == (1 + 3 * 3840 // HOP, WIDTH)
    with pytest.raises(InputError, match="too few"):
        features_438(slow[:2000], 7.5)

"""The 35 baseline features: against the published code's values, and on audio whose beats are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from popdanceset.errors import InputError, MediaError
from popdanceset.music.audio import read_audio
from popdanceset.music.baseline import Baseline, aist_tempo, baseline_features

RATE = 48_000


def clicks(seconds: float, bpm: float) -> np.ndarray:
    """Short bursts of a decaying tone on every beat, from 0 s on."""
    time = np.arange(int(seconds * RATE)) / RATE
    since = time % (60 / bpm)
    return (0.8 * np.exp(-since * 60) * np.sin(2 * np.pi * 900 * since)).astype(np.float32)


@pytest.fixture(scope="module")
def golden(shared: Path) -> dict:
    torch = pytest.importorskip("torch")
    return torch.load(shared / "golden/popdg/data_pipeline.pt", weights_only=False)


def test_whole_files_have_the_values_of_the_published_code(golden: dict, shared: Path) -> None:
    for clip_id, expected in golden["fullclip_baseline_feats_truncated150"].items():
        features = Baseline()(shared / f"golden/popdg/raw_wavs/{clip_id}.wav")
        np.testing.assert_allclose(features[:150], expected, atol=1e-4, rtol=0)


def test_five_second_slices_have_the_values_of_the_published_code(
    golden: dict, shared: Path, tmp_path: Path
) -> None:
    for name, expected in list(golden["slice_baseline_feats"].items())[::6]:
        clip_id, _, number = name.rpartition("_slice")
        samples, rate = soundfile.read(shared / f"golden/popdg/raw_wavs/{clip_id}.wav", always_2d=True)
        samples = samples.mean(axis=1)  # the published slices were mixed, then written with 16 bits
        start = int(int(number) * 0.5 * rate)
        soundfile.write(tmp_path / "slice.wav", samples[start : start + 5 * rate], rate)
        features = Baseline()(tmp_path / "slice.wav")
        np.testing.assert_allclose(features[:150], expected, atol=1e-4, rtol=0, err_msg=name)


@pytest.mark.parametrize("mode", ["released", "corrected"])
def test_beats_of_a_click_track_fall_on_the_clicks(mode: str) -> None:
    features = baseline_features(clicks(10, bpm=120), RATE, mode)
    assert features.shape == (301, 35)
    assert features.dtype == np.float32
    beats = np.flatnonzero(features[:, 34])
    assert len(beats) >= 16
    distance = np.abs((beats + 7) % 15 - 7)  # a beat every 15 frames
    assert distance.max() <= 1
    peaks = np.flatnonzero(features[:, 33])
    assert np.abs((peaks + 7) % 15 - 7).max() <= 1


def test_a_note_activates_its_pitch_class() -> None:
    time = np.arange(3 * RATE) / RATE
    features = baseline_features((0.5 * np.sin(2 * np.pi * 440 * time)).astype(np.float32), RATE)
    chroma = features[20:70, 21:33].mean(0)
    assert chroma.argmax() == 9  # A, counted from C


def test_silence_has_no_peaks_and_no_beats() -> None:
    features = baseline_features(np.zeros(4 * RATE, np.float32), RATE)
    assert np.isfinite(features).all()
    assert not features[:, 33:].any()


@pytest.mark.filterwarnings("ignore:n_fft=")
@pytest.mark.parametrize(("samples", "rate"), [(1, 48_000), (700, 8_000), (30_000, 44_100)])
def test_short_audio_and_odd_rates_have_features_too(samples: int, rate: int) -> None:
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, samples).astype(np.float32)
    features = baseline_features(noise, rate)
    assert features.shape == (1 + samples * 30 // rate, 35)
    assert np.isfinite(features).all()


def test_stereo_is_mixed(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "s.wav", np.array([[0.5, -0.25]] * 100), RATE, subtype="FLOAT")
    samples, rate = read_audio(tmp_path / "s.wav")
    assert rate == RATE
    np.testing.assert_allclose(samples, 0.125)


def test_the_modes_have_names() -> None:
    assert Baseline().name == "baseline"
    assert Baseline("corrected").name == "baseline-corrected"


def test_a_file_without_audio_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        Baseline()(tmp_path / "missing.wav")
    (tmp_path / "text.wav").write_text("hello")
    with pytest.raises(MediaError, match=r"text\.wav: is not a readable audio file"):
        Baseline()(tmp_path / "text.wav")
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), RATE)
    with pytest.raises(MediaError, match=r"empty\.wav: holds no audio"):
        Baseline()(tmp_path / "empty.wav")
    soundfile.write(tmp_path / "nan.wav", np.full(9, np.nan), RATE, subtype="FLOAT")
    with pytest.raises(MediaError, match="samples that are NaN or infinite"):
        Baseline()(tmp_path / "nan.wav")


def test_names_of_aist_tell_the_tempo() -> None:
    told = {"mBR0": 80, "mBR5": 130, "mHO0": 110, "mHO5": 135, "mJB3": 110, "aist:mWA2": 100}
    assert {name: aist_tempo(name) for name in told} == told
    for other in ("", "m1", "mBR", "mXX1", "gBR_sBM_cAll_d04_mBR0_ch01", "mBR0 "):
        assert aist_tempo(other) is None


def test_a_known_tempo_decides_where_the_beats_are_counted() -> None:
    """Clicks at 120 beats a minute are tracked at 60 where that is what the name tells."""
    sound = clicks(20, bpm=120)
    for tempo in (60.0, 120.0):
        beats = np.flatnonzero(baseline_features(sound, RATE, tempo=tempo)[:, 34])
        assert np.median(np.diff(beats)) == pytest.approx(60 / tempo * 30, abs=1)

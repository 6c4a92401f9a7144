"""Songs of any file: their samples, their features, and files that are not usable as music."""

import logging
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from popdanceset.cli import popdanceset
from popdanceset.errors import InputError, MediaError
from popdanceset.music import song
from popdanceset.music.baseline import baseline_features
from popdanceset.music.song import read_song


def test_audio_that_is_not_usable(tmp_path, caplog):
    def sound(name, samples, rate):
        soundfile.write(tmp_path / name, samples, rate)
        return tmp_path / name

    with pytest.raises(InputError, match=r"0\.50 s of music .*at least 1 s"):
        read_song(sound("short.wav", np.ones(4000) * 0.1, 8000))
    with pytest.raises(InputError, match="is silent"):
        read_song(sound("silent.wav", np.zeros(48_000), 24_000))
    with pytest.raises(InputError, match="no such file"):
        read_song(tmp_path / "none.mp3")
    (tmp_path / "text.mp3").write_text("la la la")
    with pytest.raises(MediaError, match="is not a readable video or audio file"):
        read_song(tmp_path / "text.mp3")
    with caplog.at_level(logging.WARNING):
        low = read_song(sound("low.wav", np.sin(np.arange(16_000) / 5), 8000))
    assert "recorded at 8000 Hz; frequencies above 4000 Hz" in caplog.text
    assert low.samples.shape == pytest.approx((96_000, 2), abs=600)
    assert low.rate == 48_000


@pytest.fixture
def clicks(tmp_path):
    """`clicks(seconds)` → a WAV file of two clicks a second."""

    def make(seconds, rate=22_050):
        time = np.arange(int(seconds * rate)) / rate
        samples = (time % 0.5 < 0.02) * np.sin(2 * np.pi * 900 * time)
        soundfile.write(tmp_path / "clicks.wav", samples.astype(np.float32), rate)
        return tmp_path / "clicks.wav"

    return make


def test_only_as_much_is_read_as_wanted(clicks, monkeypatch):
    assert read_song(clicks(3), seconds=1.5).samples.shape == (72_000, 2)
    monkeypatch.setattr(song, "LONGEST", 2.0)
    with pytest.raises(InputError, match="lasts more than"):
        read_song(clicks(3))
    assert read_song(clicks(3), seconds=2).samples.shape == (96_000, 2)


def test_channels_that_change_in_the_middle(tmp_path):
    """Two MPEG streams one after the other, as recordings of broadcasts are: mono, then stereo."""
    rate = 48_000
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
    parts = []
    for channels in (1, 2):
        path = tmp_path / f"{channels}.mp3"
        soundfile.write(path, np.stack([tone] * channels, 1), rate, format="MP3")
        parts.append(path.read_bytes())
    (tmp_path / "both.mp3").write_bytes(b"".join(parts))
    whole = read_song(tmp_path / "both.mp3")
    assert len(whole.samples) / rate == pytest.approx(2, abs=0.15)
    for second in (0.5, 1.5):
        heard = whole.samples[int(second * rate) :][: rate // 10]
        assert np.abs(heard).max(0) == pytest.approx([0.3, 0.3], abs=0.1)


def run(*arguments):
    return CliRunner().invoke(popdanceset, ["features", *map(str, arguments)], catch_exceptions=False)


def test_features_of_one_song(clicks, tmp_path):
    path = clicks(3)
    for ending in ("npz", "npy"):
        result = run(path, "--out", tmp_path / f"new/f.{ending}")
        assert result.exit_code == 0
        assert result.output == f"{tmp_path}/new/f.{ending}: 90 frames of 35 baseline features\n"
    with np.load(tmp_path / "new/f.npz") as archive:
        assert (float(archive["fps"]), str(archive["extractor"])) == (30, "baseline")
        np.testing.assert_array_equal(archive["features"], np.load(tmp_path / "new/f.npy"))
        expected = baseline_features(*soundfile.read(path, dtype="float32"))[:90]
        found = archive["features"]
    assert np.flatnonzero(found[:, 34]).tolist() == np.flatnonzero(expected[:, 34]).tolist()
    np.testing.assert_allclose(found[:, 21:33], expected[:, 21:33], atol=0.1)


def test_a_file_and_its_output_need_each_other(clicks, tmp_path):
    for arguments, message in (
        ([clicks(2)], "FILE and --out need each other"),
        (["--out", tmp_path / "f.npz"], "FILE and --out need each other"),
        ([clicks(2), "--out", tmp_path / "f.txt"], "use .npz or .npy"),
        ([clicks(2), "--out", clicks(2) / "f.npy"], "not writable"),
    ):
        with pytest.raises(InputError, match=message):
            run(*arguments)


def test_music_of_a_second_gives_no_warnings(clicks, tmp_path):
    """In a process of its own: pytest would catch the warnings."""
    command = ["features", clicks(1.01), "--out", tmp_path / "f.npy"]
    done = subprocess.run(
        [sys.executable, "-m", "popdanceset", *command], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    assert np.load(tmp_path / "f.npy").shape == (30, 35)

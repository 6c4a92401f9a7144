"""Audio of any file, and files that are not usable as music."""

import logging

import numpy as np
import pytest
import soundfile

from popdanceset.errors import InputError, MediaError
from training.sampling.audio import read_audio


def test_audio_that_is_not_usable(tmp_path, caplog):
    def sound(name, samples, rate):
        soundfile.write(tmp_path / name, samples, rate)
        return tmp_path / name

    with pytest.raises(InputError, match=r"0\.50 s of music .*at least 1 s"):
        read_audio(sound("short.wav", np.ones(4000) * 0.1, 8000))
    with pytest.raises(InputError, match="is silent"):
        read_audio(sound("silent.wav", np.zeros(48_000), 24_000))
    with pytest.raises(InputError, match="no such file"):
        read_audio(tmp_path / "none.mp3")
    (tmp_path / "text.mp3").write_text("la la la")
    with pytest.raises(MediaError, match="is not a readable video or audio file"):
        read_audio(tmp_path / "text.mp3")
    with caplog.at_level(logging.WARNING):
        low = read_audio(sound("low.wav", np.sin(np.arange(16_000) / 5), 8000))
    assert "recorded at 8000 Hz; frequencies above 4000 Hz" in caplog.text
    assert low.samples.shape == pytest.approx((96_000, 2), abs=600)
    assert low.rate == 48_000

"""Beats are detected where the clicks are, on the clock of the frames."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from popdanceset.video.beats import beats


@pytest.mark.parametrize("delay", [0.0, 0.4])
def test_beats_are_the_clicks(film: Any, tmp_path: Path, delay: float) -> None:
    """Clicks every half second, from a quarter second on."""
    time = np.arange(12 * 48_000) / 48_000
    since = (time - 0.25) % 0.5
    sound = (0.8 * np.exp(-since * 60) * np.sin(2 * np.pi * 900 * since)).astype(np.float32)
    path = film.write(tmp_path / "clicks.mkv", 360, sound=sound, sound_delay=delay)
    found = np.array(beats(path))
    assert len(found) > 15
    gap = (found - 0.25 - delay + 0.25) % 0.5 - 0.25
    assert np.abs(gap).max() < 0.06


def test_without_audio_there_are_no_beats(film: Any, tmp_path: Path) -> None:
    assert beats(film.write(tmp_path / "silent.mp4", 10)) == []

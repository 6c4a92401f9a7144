"""The same sound has the same name."""

from pathlib import Path

import av
import numpy as np
import pytest

from popdanceset.errors import InputError, MediaError
from popdanceset.music.identity import music_id

RATE = 48_000


def film(path: Path, sound: np.ndarray | None, grey: int = 90) -> Path:
    """A film of one second with the sound given, losslessly."""
    with av.open(str(path), "w") as out:
        track = out.add_stream("libx264", rate=30)
        track.width = track.height = 64
        track.pix_fmt = "yuv420p"
        voice = None
        if sound is not None:
            voice = out.add_stream("pcm_s16le", rate=RATE, layout="mono")
        for _ in range(30):
            image = np.full((64, 64, 3), grey, np.uint8)
            out.mux(track.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
        out.mux(track.encode())
        if voice is not None and sound is not None:
            frame = av.AudioFrame.from_ndarray((sound * 32767).astype(np.int16)[None], "s16", "mono")
            frame.rate = RATE
            out.mux(voice.encode(frame))
            out.mux(voice.encode())
    return path


def tone(hertz: float) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(RATE) / RATE)


def test_films_with_the_same_sound_share_it(tmp_path: Path) -> None:
    first = music_id(film(tmp_path / "a.mkv", tone(440)), "BV1")
    second = music_id(film(tmp_path / "b.mkv", tone(440), grey=180), "BV2")
    other = music_id(film(tmp_path / "c.mkv", tone(441)), "BV3")
    assert first == second != other
    assert first.startswith("sound:")


def test_films_without_sound_share_nothing(tmp_path: Path) -> None:
    silent = film(tmp_path / "a.mkv", None)
    assert music_id(silent, "BV1") == "silent:BV1"
    assert music_id(silent, "BV2") == "silent:BV2"
    assert music_id(film(tmp_path / "b.mkv", 0 * tone(1)), "BV3") == "silent:BV3"


def test_what_is_no_film_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no film")
    with pytest.raises(MediaError, match=r"text\.mp4"):
        music_id(tmp_path / "text.mp4", "BV1")
    with pytest.raises(InputError, match=r"gone\.mp4"):
        music_id(tmp_path / "gone.mp4", "BV1")

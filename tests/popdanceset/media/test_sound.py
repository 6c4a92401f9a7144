"""The sound of a file whatever changes in it: channels, rate, length, gaps; a clip's wav, to the sample."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from popdanceset.media import probe
from popdanceset.media.sound import placed
from popdanceset.music.audio import read_track
from popdanceset.music.fingerprint import RATE as FINGERPRINT_RATE
from popdanceset.video import cutting
from popdanceset.video.beats import beats
from popdanceset.video.cutting import cut

FFmpeg = Callable[..., Path]

RATE = 48_000
PIECES = {
    # what changes in the middle: (channels, rate) of the pieces
    "stereo to mono": ((2, 44_100), (1, 44_100)),
    "mono to stereo": ((1, 48_000), (2, 48_000)),
    "rate": ((2, 44_100), (2, 48_000)),
    "low rate": ((1, 22_050), (1, 48_000)),
    "5.1 to stereo": ((6, 48_000), (2, 48_000)),
    "back again": ((2, 44_100), (1, 32_000), (2, 44_100)),
}


def clicks(seconds: float, delay: float = 0.0) -> np.ndarray:
    sound = np.zeros(round(seconds * RATE), np.float32)
    for moment in np.arange(0.25, seconds, 0.5):
        sound[round((moment + delay) * RATE) :][:192] = 0.9
    return sound


def times_of(sound: np.ndarray) -> np.ndarray:
    loud = np.flatnonzero(sound > 0.3)
    return loud[np.diff(loud, prepend=-RATE) > 0.2 * RATE] / RATE


def joined(film: Any, ffmpeg: FFmpeg, folder: Path, pieces: tuple[tuple[int, int], ...], suffix: str) -> Path:
    """Pieces of two seconds, with sound of other kinds."""
    whole = b""
    for n, (channels, rate) in enumerate(pieces):
        numbers = map(film.picture, range(60 * n, 60 * n + 60))
        plain = film.write(folder / f"{n}.mkv", pictures=numbers, sound=clicks(2.0))
        options = ("-c:v", "libx264", "-bf", 0, "-g", 30, "-c:a", "aac", "-ac", channels, "-ar", rate)
        offset = ("-output_ts_offset", 5 + 2 * n, "-muxdelay", 0)
        whole += ffmpeg("-i", plain, *options, *offset, folder / f"{n}.ts").read_bytes()
    (folder / "joined.ts").write_bytes(whole)
    return folder / "joined.ts"


@pytest.mark.parametrize("kind", PIECES)
def test_sound_that_changes_in_the_middle(kind: str, film: Any, ffmpeg: FFmpeg, tmp_path: Path) -> None:
    source = joined(film, ffmpeg, tmp_path, PIECES[kind], "ts")
    seconds = 2.0 * len(PIECES[kind])
    start = probe(source).start
    heard = placed(source, RATE, "mono", start, start + seconds)[0]
    assert times_of(heard) == pytest.approx(np.arange(0.25, seconds, 0.5), abs=0.003)
    assert len(read_track(source)) / FINGERPRINT_RATE == pytest.approx(seconds, abs=0.2)  # encoders add some
    beats(source)
    for begin, end in ((0.0, 2.0), (1.0, 3.0), (1.5, seconds), (0.0, seconds)):
        made = cut(source, begin, end, tmp_path / "clip.mp4", tmp_path / "clip.wav")
        wave, rate = soundfile.read(tmp_path / "clip.wav", always_2d=True)
        assert (len(wave), rate) == (made * RATE // 30, RATE)
        expected = [t - begin for t in np.arange(0.25, seconds, 0.5) if begin <= t < end]
        assert times_of(wave.max(1)) == pytest.approx(expected, abs=0.003)


@pytest.mark.parametrize("delay", [0.0, 1.0, 2.5])
@pytest.mark.parametrize("lasts", [0.1, 1.0, 6.0])
@pytest.mark.parametrize("suffix", ["mp4", "flv", "mkv"])
def test_sound_that_is_late_short_or_long(
    suffix: str, lasts: float, delay: float, film: Any, ffmpeg: FFmpeg, tmp_path: Path
) -> None:
    plain = film.write(tmp_path / "plain.mkv", 90, sound=clicks(lasts), sound_delay=delay)
    source = ffmpeg("-i", plain, "-c:v", "libx264", "-c:a", "aac", tmp_path / f"film.{suffix}")
    for begin, end in ((0.0, 1.0), (0.5, 3.0), (2.0, 3.0)):
        made = cut(source, begin, end, tmp_path / "clip.mp4", tmp_path / "clip.wav")
        wave, _ = soundfile.read(tmp_path / "clip.wav")
        assert len(wave) == made * RATE // 30 == round((end - begin) * RATE)
        moments = np.arange(0.25, lasts, 0.5) + delay - begin
        expected = moments[(moments >= 0) & (moments < end - begin)]
        assert times_of(wave) == pytest.approx(expected, abs=0.003)


def test_a_gap_is_silent_and_what_follows_is_in_step(film: Any, ffmpeg: FFmpeg, tmp_path: Path) -> None:
    plain = film.write(tmp_path / "plain.mkv", 120, sound=clicks(4.0))
    gap = ("-bsf:a", "noise=drop=between(n\\,47\\,93)")
    source = ffmpeg("-i", plain, "-c:v", "copy", "-c:a", "copy", *gap, tmp_path / "gap.mkv")
    heard = placed(source, RATE, "mono", 0.0, 4.0)[0]
    assert times_of(heard) == pytest.approx([0.25, 0.75, 2.25, 2.75, 3.25, 3.75], abs=0.002)
    assert np.abs(heard[round(1.1 * RATE) : round(1.9 * RATE)]).max() == 0


def test_damaged_packets_of_sound_are_left_out(
    film: Any, ffmpeg: FFmpeg, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plain = film.write(tmp_path / "plain.mkv", 120, sound=clicks(4.0))
    ffmpeg("-i", plain, "-c:v", "libx264", "-c:a", "aac", tmp_path / "film.mp4")
    noisy = ("-bsf:a", "noise=amount=if(between(n\\,20\\,24)\\,3\\,0)")
    source = ffmpeg("-i", tmp_path / "film.mp4", "-c", "copy", *noisy, tmp_path / "noisy.mp4")
    assert cut(source, 0.0, 4.0, tmp_path / "clip.mp4", tmp_path / "clip.wav") == 120
    assert soundfile.info(tmp_path / "clip.wav").frames == 4 * RATE
    assert set(np.round(times_of(soundfile.read(tmp_path / "clip.wav")[0]), 1)) >= {1.2, 1.8, 3.2, 3.8}
    read_track(source)


def test_the_length_of_a_wav_is_checked(film: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = film.write(tmp_path / "plain.mkv", 60, sound=clicks(2.0))
    write = cutting._write_wav
    monkeypatch.setattr(cutting, "_write_wav", lambda path, heard, name: write(path, heard[:, ::2], name))
    with pytest.raises(cutting.MediaError, match="60 frames and 48000 samples instead of 60 and 96000"):
        cut(source, 0.0, 2.0, tmp_path / "clip.mp4", tmp_path / "clip.wav")


def test_six_channels_stay_six(film: Any, ffmpeg: FFmpeg, tmp_path: Path) -> None:
    plain = film.write(tmp_path / "plain.mkv", 60, sound=clicks(2.0))
    source = ffmpeg("-i", plain, "-c:v", "copy", "-ac", 6, "-c:a", "aac", tmp_path / "six.mp4")
    cut(source, 0.0, 2.0, tmp_path / "clip.mp4", tmp_path / "clip.wav")
    info = soundfile.info(tmp_path / "clip.wav")
    assert (info.channels, info.frames) == (6, 2 * RATE)


def test_shared_cases(shared: Path, tmp_path: Path) -> None:
    """Media as people have them: each clip's wav is as long as the clip."""
    folder = shared / "cases" / "data"
    files = [*(folder / "media").glob("m04*"), *(folder / "media").glob("m12*"), folder / "legacy.flv"]
    for file in files:
        end = min(2.0, probe(file).duration)
        made = cut(file, 0.0, end, tmp_path / "clip.mp4", tmp_path / "clip.wav")
        assert soundfile.info(tmp_path / "clip.wav").frames == made * RATE // 30, file.name
        read_track(file)
        beats(file)

"""Clips have the right frames, the right number of them, and audio that is in step."""

import wave
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from popdanceset.errors import InputError, MediaError
from popdanceset.media import probe
from popdanceset.video import ffmpeg
from popdanceset.video.cutting import cut, frame_count

RATE = 48_000
MILLISECOND = 1e-3


def clicks(seconds: float, rate: int = RATE, every: float = 1.0) -> np.ndarray:
    """A short click at every whole second, as the flash of the numbered video at 30 frames a second."""
    sound = np.zeros(round(seconds * rate), np.float32)
    for time in np.arange(0, seconds, every):
        first = round(time * rate)
        sound[first : first + round(0.004 * rate)] = 0.9
    return sound


def click_times(sound: np.ndarray, rate: int, least_gap: float = 0.5) -> np.ndarray:
    """When clicks begin: where the audio first passes half its peak."""
    loud = np.flatnonzero(np.abs(sound) > 0.45)
    begins = loud[np.diff(loud, prepend=-rate) > least_gap * rate]
    return begins / rate


@pytest.fixture(scope="module")
def flashing(film: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film.write(tmp_path_factory.mktemp("films") / "flash.mkv", 360, sound=clicks(12))


@pytest.mark.parametrize(("start", "end"), [(0.0, 3.0), (2.0, 5.0), (1 + 1 / 30, 4.5), (9.7, 12.0)])
def test_the_frames_are_those_of_the_span(
    film: Any, flashing: Path, tmp_path: Path, start: float, end: float
) -> None:
    made = cut(flashing, start, end, tmp_path / "clip.mp4", None)
    first = round(start * 30)
    assert made == frame_count(start, end)
    assert film.numbers(tmp_path / "clip.mp4") == list(range(first, first + made))
    assert probe(tmp_path / "clip.mp4").fps == 30


def test_clips_that_are_cut_at_once_are_the_same_bytes(tmp_path: Path) -> None:
    """Soft clouds and a round body that moves: something for the encoder's lookahead to weigh."""
    grain = np.random.default_rng(0).integers(0, 255, (240, 900, 3), dtype=np.uint8)
    clouds = cv2.GaussianBlur(grain, (0, 0), 6)
    with av.open(str(tmp_path / "film.mp4"), "w") as film:
        track = film.add_stream("libx264", rate=30, options={"preset": "ultrafast", "crf": "20"})
        track.width, track.height, track.pix_fmt = 320, 240, "yuv420p"
        for k in range(90):
            picture = np.ascontiguousarray(clouds[:, k : k + 320])
            center = (round(160 + 80 * np.sin(k / 7)), round(120 + 60 * np.cos(k / 5)))
            cv2.circle(picture, center, 60, (220, 40, 90), -1)
            film.mux(track.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        film.mux(track.encode())

    def made(number: int) -> bytes:
        cut(tmp_path / "film.mp4", 0, 3, tmp_path / f"{number}.mp4", None)
        return (tmp_path / f"{number}.mp4").read_bytes()

    with ThreadPoolExecutor(5) as threads:
        assert len(set(threads.map(made, range(20)))) == 1


@pytest.mark.parametrize("start", [0.0, 1.7, 9.7])
def test_clicks_stay_with_their_flashes(
    film: Any, heard: Callable[..., Any], flashing: Path, tmp_path: Path, start: float
) -> None:
    clip, sound = tmp_path / "clip.mp4", tmp_path / "clip.wav"
    frames = cut(flashing, start, start + 2.3, clip, sound)
    expected = [t - start for t in range(12) if start <= t < start + 2.3]

    with wave.open(str(sound)) as file:
        assert (file.getframerate(), file.getsampwidth()) == (RATE, 2)
        assert file.getnframes() == frames * RATE // 30
        samples = np.frombuffer(file.readframes(-1), "<i2").reshape(-1, file.getnchannels())[:, 0] / 32768
    assert click_times(samples, RATE) == pytest.approx(expected, abs=MILLISECOND)

    flashes = [n / 30 for n, number in enumerate(film.numbers(clip)) if number % 30 == 0]
    assert flashes == pytest.approx(expected, abs=1e-6)
    decoded, begins, rate = heard(clip)  # AAC smears a click by a part of its window
    assert click_times(decoded, rate) + begins == pytest.approx(expected, abs=6 * MILLISECOND)


def test_sound_does_not_drift_in_a_long_span(film: Any, tmp_path: Path) -> None:
    film.write(tmp_path / "long.mp4", 1000, 25, sound=clicks(40, 44_100), sound_rate=44_100)
    cut(tmp_path / "long.mp4", 0.4, 39.4, tmp_path / "clip.mp4", tmp_path / "clip.wav")
    cut(tmp_path / "long.mp4", 0.0, 40.0, tmp_path / "whole.mp4", tmp_path / "whole.wav")
    times = []
    for name in ("clip", "whole"):
        with wave.open(str(tmp_path / f"{name}.wav")) as file:
            times.append(click_times(np.frombuffer(file.readframes(-1), "<i2") / 32768, RATE))
    assert len(times[0]) == 39
    assert times[0] + 0.4 == pytest.approx(times[1][1:], abs=MILLISECOND)
    assert times[1] == pytest.approx(np.arange(40), abs=3 * MILLISECOND)  # the source is AAC already


def test_a_sound_that_begins_late_is_preceded_by_silence(film: Any, tmp_path: Path) -> None:
    film.write(tmp_path / "late.mkv", 150, sound=clicks(4.0), sound_delay=0.5)
    cut(tmp_path / "late.mkv", 0.0, 5.0, tmp_path / "clip.mp4", tmp_path / "clip.wav")
    with wave.open(str(tmp_path / "clip.wav")) as file:
        assert file.getnframes() == 5 * RATE
        times = click_times(np.frombuffer(file.readframes(-1), "<i2") / 32768, RATE)
    assert times == pytest.approx([0.5, 1.5, 2.5, 3.5], abs=MILLISECOND)


def test_time_stamps_of_a_file_may_begin_anywhere(
    film: Any, heard: Callable[..., Any], tmp_path: Path
) -> None:
    plain, shifted = film.write(tmp_path / "plain.mp4", 120, sound=clicks(4)), tmp_path / "shifted.ts"
    ffmpeg.run(["-i", plain, "-c", "copy", "-output_ts_offset", "7.3", shifted], plain)
    assert probe(shifted).start > 7
    cut(shifted, 0.5, 3.5, tmp_path / "a.mp4", tmp_path / "a.wav")
    cut(plain, 0.5, 3.5, tmp_path / "b.mp4", tmp_path / "b.wav")
    assert film.numbers(tmp_path / "a.mp4") == list(range(15, 105))
    both = [click_times(heard(tmp_path / f"{name}.wav")[0], RATE) for name in "ab"]
    assert both[0] == pytest.approx(both[1], abs=MILLISECOND)


@pytest.mark.parametrize("rate", [15, 24, 50, 60])
def test_other_rates_become_thirty(film: Any, tmp_path: Path, rate: int) -> None:
    film.write(tmp_path / "source.mp4", 3 * rate, rate)
    cut(tmp_path / "source.mp4", 1.0, 3.0, tmp_path / "clip.mp4", None)
    numbers = np.array(film.numbers(tmp_path / "clip.mp4"))
    early = numbers / rate - (1.0 + np.arange(60) / 30)
    assert len(numbers) == 60
    # A picture comes at the nearest tick, so up to half a tick early, and stays until its next.
    assert early.max() <= 1 / 60 + 1e-6
    assert early.min() > 1 / 60 - 1 / rate - 1e-6


def test_an_uneven_rate_becomes_even(film: Any, tmp_path: Path) -> None:
    stamps = np.cumsum(np.random.default_rng(4).integers(15, 70, 90)) - 15
    film.write(tmp_path / "source.mkv", 90, times=stamps.tolist())
    end = float(stamps[-1]) / 1000
    frames = cut(tmp_path / "source.mkv", 0.0, end, tmp_path / "clip.mp4", None)
    numbers = film.numbers(tmp_path / "clip.mp4")
    begin = stamps / 1000 - stamps[0] / 1000
    shown = [begin[n] for n in numbers]
    assert len(numbers) == frames
    assert max(abs(shown - np.arange(frames) / 30)) < 0.070


COLOURS = {"bt709": (1, 1, 1), "smpte170m": (6, 6, 6), "bt2020": (9, 14, 9)}
"""Primaries, transfer and matrix by ITU-T H.273."""


@pytest.mark.parametrize(
    ("space", "pix_fmt"),
    [
        ("bt709", "yuv420p"), ("bt709", "yuvj420p"), ("smpte170m", "yuv420p"), ("bt2020", "yuv420p10le"),
        (None, "yuv420p"),
    ],
)  # fmt: skip
def test_colour_tags_and_colours_stay(tmp_path: Path, space: str | None, pix_fmt: str) -> None:
    names = {"bt2020": ("bt2020", "bt2020-10", "bt2020nc")}.get(space or "", (space,) * 3)
    tags = "colorprim={}:transfer={}:colormatrix={}".format(*names) if space else ""
    arguments = ["-f", "lavfi", "-i", "color=0xC04020:s=96x64:r=30:d=0.5", "-c:v", "libx264", "-crf", "4"]
    arguments += ["-pix_fmt", pix_fmt, *(["-x264-params", tags] if tags else [])]
    ffmpeg.run([*arguments, tmp_path / "source.mp4"], tmp_path / "source.mp4")
    cut(tmp_path / "source.mp4", 0.0, 0.5, tmp_path / "clip.mp4", None)

    def seen(name: str) -> tuple[Any, ...]:
        with av.open(str(tmp_path / name)) as file:
            track = file.streams.video[0].codec_context
            image = next(file.decode(video=0)).to_ndarray(format="rgb24")
            tags = int(track.color_primaries), int(track.color_trc), int(track.colorspace)
            return tags, track.pix_fmt, int(track.color_range), image.mean((0, 1))

    (tags_before, format_before, range_before, before) = seen("source.mp4")
    (tags_after, format_after, range_after, after) = seen("clip.mp4")
    assert format_before == pix_fmt
    assert tags_before == tags_after == (COLOURS[space] if space else (2, 2, 2))
    assert format_after == "yuv420p"
    assert range_after == (1 if range_before == 2 else range_before)  # full range becomes limited
    assert after == pytest.approx(before, abs=2)


def test_mono_stays_mono(film: Any, tmp_path: Path) -> None:
    film.write(tmp_path / "source.mkv", 60, sound=clicks(2, 44_100), sound_rate=44_100)
    cut(tmp_path / "source.mkv", 0.0, 2.0, tmp_path / "clip.mp4", tmp_path / "clip.wav")
    with wave.open(str(tmp_path / "clip.wav")) as file:
        assert (file.getnchannels(), file.getframerate(), file.getnframes()) == (1, RATE, 2 * RATE)
    with av.open(str(tmp_path / "clip.mp4")) as clip:
        assert (clip.streams.audio[0].layout.name, clip.streams.audio[0].rate) == ("mono", RATE)


def test_stereo_stays_stereo(film: Any, tmp_path: Path) -> None:
    left = clicks(3)
    film.write(tmp_path / "source.mkv", 90, sound=np.stack([left, 0 * left]))
    cut(tmp_path / "source.mkv", 0.0, 3.0, tmp_path / "clip.mp4", tmp_path / "clip.wav")
    with wave.open(str(tmp_path / "clip.wav")) as file:
        assert file.getnchannels() == 2
        samples = np.frombuffer(file.readframes(-1), "<i2").reshape(-1, 2)
    assert np.abs(samples[:, 0]).max() > 20_000
    assert np.abs(samples[:, 1]).max() == 0


def test_without_audio_no_wav_is_made(film: Any, tmp_path: Path) -> None:
    film.write(tmp_path / "silent.mp4", 60)
    cut(tmp_path / "silent.mp4", 0.0, 2.0, tmp_path / "clip.mp4", tmp_path / "clip.wav")
    assert not (tmp_path / "clip.wav").exists()
    assert not probe(tmp_path / "clip.mp4").has_sound


def test_odd_sizes_lose_a_row_and_a_column(film: Any, tmp_path: Path) -> None:
    pictures = [np.full((65, 97, 3), 80, np.uint8)] * 30
    film.write(tmp_path / "odd.mkv", pictures=pictures, pix_fmt="yuv444p")
    cut(tmp_path / "odd.mkv", 0.0, 1.0, tmp_path / "clip.mp4", None)
    made = probe(tmp_path / "clip.mp4")
    assert (made.width, made.height) == (96, 64)


def test_rotation_is_applied(film: Any, tmp_path: Path, turned: Callable[[Path, int], Path]) -> None:
    pictures = [np.zeros((64, 96, 3), np.uint8) for _ in range(30)]
    for picture in pictures:
        picture[:16] = 255  # white above
    source = turned(film.write(tmp_path / "level.mp4", pictures=pictures), 90)
    cut(source, 0.0, 1.0, tmp_path / "clip.mp4", None)
    from popdanceset.media import frames

    expected = next(frames(source)).image
    got = next(frames(tmp_path / "clip.mp4"))
    made = probe(tmp_path / "clip.mp4")
    assert (made.width, made.height, made.rotation) == (64, 96, 0)
    assert np.abs(got.image.astype(int) - expected).mean() < 3


def test_a_span_past_the_end_is_refused(flashing: Path, tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="has no span"):
        cut(flashing, 10.0, 14.0, tmp_path / "clip.mp4", None)
    with pytest.raises(MediaError, match="has no span"):
        cut(flashing, 3.0, 3.0, tmp_path / "clip.mp4", None)


def test_a_missing_source_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.mp4: no such file"):
        cut(tmp_path / "gone.mp4", 0.0, 1.0, tmp_path / "clip.mp4", None)


def test_ffmpeg_failure_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(MediaError) as caught:
        ffmpeg.run(["-i", tmp_path / "none.mp4", tmp_path / "clip.mp4"], tmp_path / "none.mp4")
    assert "No such file" in str(caught.value)
    assert "\n" not in str(caught.value)

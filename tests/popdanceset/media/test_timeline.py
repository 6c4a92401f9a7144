"""Time stamps as they come: jumps, restarts, none at all, tracks of other lengths; bounds on their claims."""

import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from popdanceset.errors import MediaError
from popdanceset.media import frames, probe
from popdanceset.media.sound import placed
from popdanceset.media.timeline import timeline
from popdanceset.video.cutting import cut
from popdanceset.video.screening.screen import screen

FFmpeg = Callable[..., Path]

RATE = 48_000
X264 = ("-c:v", "libx264", "-preset", "veryfast", "-crf", 12, "-g", 30, "-bf", 2, "-c:a", "aac")


def clicks(seconds: float) -> np.ndarray:
    """A click at 0.25 s and every half second from there."""
    sound = np.zeros(round(seconds * RATE), np.float32)
    for moment in np.arange(0.25, seconds, 0.5):
        sound[round(moment * RATE) :][:192] = 0.9
    return sound


def clicks_of(path: Path) -> np.ndarray:
    """Seconds from the first frame."""
    line = timeline(path)
    loud = np.flatnonzero(placed(path, RATE, "mono", line.start, line.end)[0] > 0.4)
    return loud[np.diff(loud, prepend=-RATE) > 0.2 * RATE] / RATE


@pytest.fixture(scope="module")
def halves(film: Any, ffmpeg: FFmpeg, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two seconds of numbered frames with clicks, and two more."""
    folder = tmp_path_factory.mktemp("halves")
    made = []
    for n in range(2):
        numbers = map(film.picture, range(60 * n, 60 * n + 60))
        film.write(folder / f"{n}.mkv", pictures=numbers, sound=clicks(2.0))
        made.append(ffmpeg("-i", folder / f"{n}.mkv", *X264, folder / f"{n}.mp4"))
    return made


def join(halves: list[Path], target: Path, jump: float, sound: bool = True) -> Path:
    """The packets of both halves in one file, the second ones `jump` seconds later than they should be."""
    with av.open(str(target), "w") as out:
        tracks: dict[int, Any] = {}
        for n, half in enumerate(halves):
            with av.open(str(half)) as source:
                streams = [s for s in source.streams if sound or s.type == "video"]
                tracks = tracks or {s.index: out.add_stream_from_template(s) for s in streams}
                packets = [p for p in source.demux(*streams) if p.dts is not None]
                for packet in sorted(packets, key=lambda p: p.dts * p.time_base):
                    ticks = round(n * (2 + Fraction(jump)) / packet.time_base)
                    packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks
                    packet.stream = tracks[packet.stream_index]
                    out.mux_one(packet)
    return target


def check_whole(film: Any, path: Path, tmp_path: Path, sound: bool = True) -> None:
    """All frames at their times, the sound in step, and clips from both halves."""
    shown = list(frames(path))
    assert [film.number(frame.image) for frame in shown] == list(range(120))
    assert [frame.time for frame in shown] == pytest.approx(np.arange(120) / 30, abs=0.002)
    assert probe(path).duration == pytest.approx(4.0, abs=0.002)
    assert sum(1 for _ in frames(path, fps=30)) == 120
    if sound:
        assert clicks_of(path) == pytest.approx(np.arange(0.25, 4, 0.5), abs=0.006)
    cut(path, 1.0, 3.5, tmp_path / "clip.mp4", tmp_path / "clip.wav")
    assert film.numbers(tmp_path / "clip.mp4") == list(range(30, 105))


@pytest.mark.parametrize("sound", [True, False])
@pytest.mark.parametrize("jump", [36_000, 60, 12])
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "flv", "ts"])
def test_stamps_that_jump(
    suffix: str, jump: float, sound: bool, halves: list[Path], film: Any, tmp_path: Path
) -> None:
    path = join(halves, tmp_path / f"jump.{suffix}", jump, sound)
    begun = time.monotonic()
    check_whole(film, path, tmp_path, sound)
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize("sound", [(), ("-an",)])
@pytest.mark.parametrize("offset", [0.0, 0.5, -1.0, 36_000.0])
def test_stamps_that_begin_again(
    sound: tuple[str, ...], offset: float, halves: list[Path], film: Any, ffmpeg: FFmpeg, tmp_path: Path
) -> None:
    """Two streams stored one after the other, as recordings are joined by hand."""
    whole = b""
    for n, half in enumerate(halves):
        at = 5 + n * offset
        arguments = ("-c", "copy", *sound, "-output_ts_offset", at, "-muxdelay", 0)
        whole += ffmpeg("-i", half, *arguments, tmp_path / f"{n}.ts").read_bytes()
    (tmp_path / "again.ts").write_bytes(whole)
    check_whole(film, tmp_path / "again.ts", tmp_path, not sound)


def test_screening_sees_a_joint_as_one_film(halves: list[Path], tmp_path: Path, settings: Any) -> None:
    path = join(halves, tmp_path / "jump.ts", 36_000)
    report = screen(path, settings.screening, lambda image, near=None: np.zeros((0, 4)))
    assert report.duration == pytest.approx(4.0, abs=0.01)
    assert report.damaged == ()


def test_a_joint_is_reported(halves: list[Path], tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    timeline(join(halves, tmp_path / "jump.mp4", 36_000))
    assert "its time stamps jump after 2.00 s" in caplog.text


def test_a_picture_that_is_held_is_no_jump(film: Any, tmp_path: Path) -> None:
    """The sound goes on, or the other pictures are held as long."""
    stamps = [*range(0, 1000, 33), *range(21_000, 22_000, 33)]
    film.write(tmp_path / "held.mkv", len(stamps), times=stamps, sound=clicks(22))
    assert probe(tmp_path / "held.mkv").duration == pytest.approx(22, abs=0.1)
    film.write(tmp_path / "slides.mkv", 4, times=[0, 20_000, 40_000, 60_000])
    assert probe(tmp_path / "slides.mkv").duration > 60


def test_what_a_few_bytes_claim_is_bounded(halves: list[Path], film: Any, tmp_path: Path) -> None:
    hours = [n * 3_600_000 for n in range(5)]
    film.write(tmp_path / "hours.mkv", 5, times=hours)
    begun = time.monotonic()
    with pytest.raises(MediaError, match="time stamps"):
        probe(tmp_path / "hours.mkv")
    assert time.monotonic() - begun < 5


def test_stamps_without_any_order_are_refused(film: Any, tmp_path: Path) -> None:
    """About every second picture is hours before or after the last one."""
    film.write(tmp_path / "plain.mkv", 90, gop=1)
    target = tmp_path / "disorder.ts"
    with av.open(str(tmp_path / "plain.mkv")) as source, av.open(str(target), "w", format="mpegts") as out:
        track = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.pts = packet.dts = packet.pts + round(3600 / packet.time_base)
                packet.stream = track
                out.mux_one(packet)
    data = bytearray(target.read_bytes())
    for at in range(0, len(data), 188):  # every second picture's stamps lose an hour
        begin = data.find(b"\0\0\1\xe0", at, at + 188)
        if begin >= 0 and (at // 188) % 2 and data[begin + 7] & 0x80:
            data[begin + 9] ^= 0x0E
    target.write_bytes(data)
    with pytest.raises(MediaError, match="their order is unknown"):
        probe(target)


@pytest.mark.parametrize("b_frames", [0, 3])
@pytest.mark.parametrize("suffix", ["h264", "avi"])
@pytest.mark.parametrize("rate", [30, 24])
def test_pictures_without_true_stamps_are_shown_in_order(
    suffix: str, b_frames: int, rate: int, film: Any, ffmpeg: FFmpeg, tmp_path: Path
) -> None:
    film.write(tmp_path / "plain.mkv", 60, rate)
    options = ("-c:v", "libx264", "-crf", 12, "-x264-params", f"bframes={b_frames}:b-adapt=0")
    path = ffmpeg("-i", tmp_path / "plain.mkv", *options, tmp_path / f"film.{suffix}")
    shown = list(frames(path))
    assert [film.number(frame.image) for frame in shown] == list(range(60))
    assert [frame.time for frame in shown] == pytest.approx(np.arange(60) / rate, abs=0.002)
    assert (probe(path).frames, probe(path).fps) == (60, pytest.approx(rate, rel=0.01))
    cut(path, 0.5, 1.5, tmp_path / "clip.mp4", None)
    if rate == 30:
        assert film.numbers(tmp_path / "clip.mp4") == list(range(15, 45))


@pytest.mark.parametrize("suffix", ["flv", "mkv", "mp4", "ts"])
@pytest.mark.parametrize("longer", ["sound", "subtitle"])
def test_the_picture_is_as_long_as_itself(
    longer: str, suffix: str, film: Any, ffmpeg: FFmpeg, tmp_path: Path, settings: Any
) -> None:
    if longer == "subtitle":
        if suffix not in ("mkv", "mp4"):
            pytest.skip("no subtitles in this container")
        film.write(tmp_path / "plain.mkv", 90)
        (tmp_path / "s.srt").write_text("1\n00:00:00,500 --> 00:00:07,000\nla\n")
        codec = ("-c:s", "srt" if suffix == "mkv" else "mov_text", "-c:v", "libx264")
        path = ffmpeg(
            "-i", tmp_path / "plain.mkv", "-i", tmp_path / "s.srt", *codec, tmp_path / f"film.{suffix}"
        )
    else:
        film.write(tmp_path / "plain.mkv", 90, sound=clicks(5.0))
        path = ffmpeg("-i", tmp_path / "plain.mkv", *X264, tmp_path / f"film.{suffix}")
    assert probe(path).duration == pytest.approx(3.0, abs=0.05)
    report = screen(path, settings.screening, lambda image, near=None: np.zeros((0, 4)))
    assert report.duration == pytest.approx(3.0, abs=0.05)


@pytest.mark.parametrize("suffix", ["flv", "mkv"])
def test_a_file_that_is_cut_off_is_still_damaged(
    suffix: str, film: Any, ffmpeg: FFmpeg, tmp_path: Path, settings: Any
) -> None:
    """Though its sound was longer than the picture."""
    film.write(tmp_path / "plain.mkv", 90, sound=clicks(5.0))
    path = ffmpeg("-i", tmp_path / "plain.mkv", *X264, tmp_path / f"film.{suffix}")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    with pytest.raises(MediaError, match="ends after"):
        screen(path, settings.screening, lambda image, near=None: np.zeros((0, 4)))


@pytest.mark.parametrize("order", [("still", "film"), ("film", "still")])
def test_a_still_beside_the_film_is_not_the_film(
    order: tuple[str, str], film: Any, ffmpeg: FFmpeg, tmp_path: Path
) -> None:
    film.write(tmp_path / "film.mkv", 60)
    film.write(tmp_path / "still.mkv", pictures=[np.zeros((40, 40, 3), np.uint8)])
    inputs = [argument for name in order for argument in ("-i", tmp_path / f"{name}.mkv")]
    path = ffmpeg(*inputs, "-map", 0, "-map", 1, "-c", "copy", tmp_path / "both.mkv")
    assert (probe(path).width, probe(path).frames) == (160, 60)
    assert film.numbers(path) == list(range(60))
    cut(path, 0.0, 1.0, tmp_path / "clip.mp4", None)
    assert film.numbers(tmp_path / "clip.mp4") == list(range(30))


def test_a_last_picture_of_ten_hours_lasts_as_long_as_the_others(film: Any, tmp_path: Path) -> None:
    film.write(tmp_path / "plain.mp4", 60)
    with av.open(str(tmp_path / "plain.mp4")) as source, av.open(str(tmp_path / "long.mp4"), "w") as out:
        track = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                last = packet.pts * packet.time_base > 1.95
                packet.duration = round(36_000 / packet.time_base) if last else packet.duration
                packet.stream = track
                out.mux(packet)
    assert probe(tmp_path / "long.mp4").duration == pytest.approx(2.0, abs=0.01)
    assert sum(1 for _ in frames(tmp_path / "long.mp4", fps=30)) == 60


def test_shared_cases(shared: Path, film: Any) -> None:
    """Media as people have them: (seconds, frames)."""
    media = shared / "cases" / "data" / "media"
    for name, seconds, number in (
        ("m09_jump.flv", 4.0, 120), ("m09_jump.ts", 4.0, 120), ("m08_raw.h264", 3.0, 90),
        ("m08_bframes.avi", 3.0, 90), ("m08_xvid.avi", 3.0, 90), ("m05_sound_longer.flv", 4.0, 120),
        ("m05_sound_longer.mp4", 4.0, 120), ("m05_sound_longer.ts", 4.0, 120),
        ("m15_still_first_not_marked.mkv", 3.0, 90), ("m15_cover_first.mp4", 3.0, 90),
        ("m17_edit.mp4", 2.3, 69), ("m22_slides_1fps.mp4", 8.0, 8),
    ):  # fmt: skip
        found = probe(media / name)
        assert (found.duration, found.frames) == (pytest.approx(seconds, abs=0.05), number), name
        times = [frame.time for frame in frames(media / name)]
        assert len(times) == number, name
        assert times[-1] < seconds, name

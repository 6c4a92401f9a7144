"""Odd files of every kind as a table: what `probe` reports, what screening sees, and what its clips contain.

Frames carry their number in a row of squares along their upper side, read only if they are upright.
The sound has a click at 0.25 s and every half second from there on the same clock.
"""

import wave
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from popdanceset.commands import with_values
from popdanceset.errors import MediaError
from popdanceset.media import Probe, frames, probe
from popdanceset.settings import Settings
from popdanceset.video import ffmpeg
from popdanceset.video.cutting import cut
from popdanceset.video.screening.screen import screen

SECONDS, RATE = 3.0, 48_000
MILLISECOND = 1e-3
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "12")
B_FRAMES = (*X264, "-x264-params", "bframes=3:b-adapt=0:keyint=45")


def clicks() -> np.ndarray:
    sound = np.zeros(round(SECONDS * RATE), np.float32)
    for time in np.arange(0.25, SECONDS, 0.5):
        sound[round(time * RATE) :][:192] = 0.9
    return sound


class Maker:
    """Makes the files of the table in a folder."""

    def __init__(self, film: Any, folder: Path, mark: Callable[[Path, int], Path]) -> None:
        self.film, self.folder, self.mark = film, folder, mark

    def of(
        self, name: str, rate: int | Fraction = 30, sound: bool = True, change: Any = None, **options: Any
    ) -> Path:
        """`SECONDS` of numbered frames with clicks; `change` alters each frame."""
        pictures = map(self.film.picture, range(round(SECONDS * rate)))
        return self.film.write(
            self.folder / name,
            rate=rate,
            pictures=pictures if change is None else map(change, pictures),
            sound=clicks() if sound else None,
            **options,
        )

    def through(self, source: Path, name: str, *arguments: str, before: tuple[str, ...] = ()) -> Path:
        """What ffmpeg makes of a file."""
        target = self.folder / name
        ffmpeg.run([*before, "-i", source, *arguments, target], source)
        return target

    def cut_off(self, source: Path, share: float) -> Path:
        """The first part of a file's bytes."""
        whole = source.read_bytes()
        source.write_bytes(whole[: int(share * len(whole))])
        return source

    # -- the rows of the table

    def variable_rate(self) -> Path:
        times = np.cumsum(np.random.default_rng(4).integers(15, 52, 90))
        times -= times[0]
        pictures = map(self.film.picture, range(90))
        return self.film.write(
            self.folder / "variable.mkv", pictures=pictures, times=times.tolist(), sound=clicks()
        )

    def turned(self, degrees: int) -> Path:
        return self.mark(self.of("lying.mp4", change=lambda p: np.rot90(p, k=degrees // 90)), degrees)

    def odd_size(self) -> Path:
        def padded(image: np.ndarray) -> np.ndarray:
            return np.pad(image, ((0, 1), (0, 1), (0, 0)), mode="edge")

        return self.of("odd.mkv", change=padded, pix_fmt="yuv444p")

    def b_frames(self) -> Path:
        return self.through(self.of("plain.mkv"), "b_frames.mp4", *B_FRAMES, "-c:a", "aac")

    def negative_start(self) -> Path:
        shift = ("-copyts", "-output_ts_offset", "-0.4", "-avoid_negative_ts", "disabled", "-muxdelay", "0")
        return self.through(self.of("plain.mkv"), "negative.ts", *B_FRAMES, "-c:a", "aac", *shift)

    def late_start(self) -> Path:
        return self.through(
            self.of("plain.mkv"), "late.ts", *B_FRAMES, "-c:a", "aac", "-output_ts_offset", "9"
        )

    def edit_list(self) -> Path:
        """Begins between two key frames; the player hides what lies before."""
        return self.through(self.b_frames(), "edit.mp4", "-c", "copy", before=("-ss", "0.5"))

    def wrong_extension(self) -> Path:
        return self.of("film.mp4").rename(self.folder / "film.mp3")

    def text(self) -> Path:
        path = self.folder / "text.mp4"
        path.write_text("this is no video\n" * 200)
        return path

    def empty(self) -> Path:
        path = self.folder / "empty.mp4"
        path.touch()
        return path

    def sound_only(self) -> Path:
        return self.through(self.of("plain.mkv"), "sound.mp4", "-vn", "-c:a", "aac")

    def without_index(self) -> Path:
        return self.cut_off(self.of("cut.mp4"), 0.6)

    def broken_off(self) -> Path:
        """Its header states three seconds."""
        streaming = ("-c", "copy", "-movflags", "+faststart")
        return self.cut_off(self.through(self.of("whole.mp4"), "broken.mp4", *streaming), 0.6)

    def broken_off_matroska(self) -> Path:
        return self.cut_off(self.of("broken.mkv"), 0.6)


@dataclass(frozen=True)
class Case:
    """A row of the table.

    Attributes:
        make: makes the file.
        size: as displayed.
        rate: as the file says, pictures a second.
        start: time stamp of the first picture.
        first: number of the first picture shown.
        seconds: from the first picture's beginning to the last one's end.
        sound: there is some.
        rotation: that the file asks for.
        refused: by whom, and what is said.
    """

    make: Callable[[Maker], Path]
    size: tuple[int, int] = (160, 96)
    rate: float = 30
    start: float = 0.0
    first: int = 0
    seconds: float = SECONDS
    sound: bool = True
    rotation: int = 0
    refused: tuple[str, str] | None = None


NTSC = Fraction(30_000, 1001)
TABLE = {
    # name:               (file, what is different from 160 × 96, 30 fps, from 0 s, with sound, upright)
    "60 fps": Case(lambda m: m.of("a.mp4", 60), rate=60),
    "24 fps": Case(lambda m: m.of("a.mp4", 24), rate=24),
    "50 fps": Case(lambda m: m.of("a.mp4", 50), rate=50),
    "29.97 fps": Case(lambda m: m.of("a.mp4", NTSC), rate=float(NTSC)),
    "variable rate": Case(Maker.variable_rate, seconds=3.12),
    "turned 90": Case(lambda m: m.turned(90), rotation=90),
    "turned 180": Case(lambda m: m.turned(180), rotation=180),
    "turned 270": Case(lambda m: m.turned(270), rotation=270),
    "odd size": Case(Maker.odd_size, size=(161, 97)),
    "no sound": Case(lambda m: m.of("a.mp4", sound=False), sound=False),
    "B-frames": Case(Maker.b_frames),
    "negative start": Case(Maker.negative_start, start=-0.4),
    "late start": Case(Maker.late_start, start=10.4),
    "edit list": Case(Maker.edit_list, first=15, seconds=2.5),
    "10-bit": Case(lambda m: m.of("a.mkv", pix_fmt="yuv420p10le")),
    "4:4:4": Case(lambda m: m.of("a.mkv", pix_fmt="yuv444p")),
    "mp4 called mp3": Case(Maker.wrong_extension),
    "text called mp4": Case(Maker.text, refused=("probe", "is not a readable video or audio file")),
    "sound only": Case(Maker.sound_only, refused=("probe", "contains no video track")),
    "zero length": Case(Maker.empty, refused=("probe", "is empty")),
    "truncated, no index": Case(Maker.without_index, refused=("probe", "is not a readable video or audio")),
    "truncated mp4": Case(Maker.broken_off, refused=("screen", "is damaged|ends after")),
    "truncated mkv": Case(Maker.broken_off_matroska, refused=("screen", "is damaged|ends after")),
}


@pytest.fixture(params=TABLE)
def case(request: pytest.FixtureRequest) -> Case:
    return TABLE[request.param]


@pytest.fixture
def source(case: Case, film: Any, tmp_path: Path, turned: Callable[[Path, int], Path]) -> Path:
    return case.make(Maker(film, tmp_path, turned))


def shown_at(film: Any, source: Path) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the frames as displayed, and when each begins, by the source's own time stamps."""
    shown = list(frames(source))
    return np.array([film.number(f.image) for f in shown]), np.array([f.time for f in shown])


def clicks_in(path: Path) -> np.ndarray:
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getsampwidth()) == (RATE, 2)
        samples = np.frombuffer(file.readframes(-1), "<i2").reshape(-1, file.getnchannels())[:, 0]
    loud = np.flatnonzero(np.abs(samples) > 0.45 * 32768)
    return loud[np.diff(loud, prepend=-RATE) > 0.2 * RATE] / RATE


def format_of(path: Path) -> tuple[str, Any, int]:
    with av.open(str(path)) as file:
        track = file.streams.video[0]
        return track.format.name, track.average_rate, track.frames


def test_what_probe_says(case: Case, source: Path) -> None:
    if case.refused and case.refused[0] == "probe":
        with pytest.raises(MediaError, match=case.refused[1]) as caught:
            probe(source)
        assert str(caught.value).startswith(f"{source}: ")
        assert "\n" not in str(caught.value)
        return
    found: Probe = probe(source)
    assert (found.width, found.height, found.rotation) == (*case.size, case.rotation)
    assert (found.has_sound, found.fps) == (case.sound, pytest.approx(case.rate, rel=0.02))
    assert found.start == pytest.approx(case.start, abs=0.002)
    assert found.duration == pytest.approx(case.seconds, abs=0.1)


def test_what_screening_sees(case: Case, source: Path, film: Any) -> None:
    """Every frame is upright, at its own time, and the report is as long as the video."""
    seen: list[int] = []

    def nobody(image: np.ndarray, near: Any = None) -> np.ndarray:
        seen.append(film.number(image))
        return np.zeros((0, 4))

    settings = with_values(Settings(), "screening", height=case.size[1], sample_fps=5.0).screening
    if case.refused:
        with pytest.raises(MediaError, match=case.refused[1]) as caught:
            screen(source, settings, nobody)
        assert str(caught.value).startswith(f"{source}: ")
        return
    report = screen(source, settings, nobody)
    assert report.duration == pytest.approx(case.seconds, abs=0.06)
    numbers, begins = shown_at(film, source)
    assert numbers[0] == case.first
    looks = [np.flatnonzero(begins >= k / 5 - 0.002)[0] for k in range(len(seen))]
    assert seen == numbers[looks].tolist()
    assert len(seen) == pytest.approx(5 * report.duration, abs=1)


@pytest.mark.parametrize(("start", "end"), [(0.0, 1.5), (0.7, 2.3)])
def test_what_a_clip_is(
    case: Case, source: Path, film: Any, tmp_path: Path, start: float, end: float
) -> None:
    """30 fps, the right number of frames, each the right one, upright, of even size, 8-bit 4:2:0; audio in
    step with the source's to a millisecond."""
    clip, sound = tmp_path / "clip.mp4", tmp_path / "clip.wav"
    if case.refused:
        for begin in (start, 2.4):  # a span that is there in part, and one that is not there at all
            with pytest.raises(MediaError) as caught:
                cut(source, begin, 2.9, clip, sound)
            assert str(caught.value).startswith(f"{source}: ")
        return
    count = round((end - start) * 30)
    assert cut(source, start, end, clip, sound) == count

    found = probe(clip)
    assert format_of(clip) == ("yuv420p", 30, count)
    assert (found.width, found.height) == tuple(side // 2 * 2 for side in case.size)
    assert (found.rotation, found.start, found.fps) == (0, 0.0, 30.0)

    numbers, begins = shown_at(film, source)
    place = {int(number): time for number, time in zip(numbers, begins, strict=True)}
    early = np.array([place[n] for n in film.numbers(clip)]) - (start + np.arange(count) / 30)
    longest = np.diff(begins).max()
    # A picture comes at the nearest tick, so up to half a tick early, and stays until its next.
    assert early.max() <= 1 / 60 + 0.002
    assert early.min() >= min(0.0, 1 / 60 - longest) - 0.002

    assert found.has_sound == sound.exists() == case.sound
    if case.sound:
        with wave.open(str(sound)) as file:
            assert file.getnframes() == count * RATE // 30
        on_clock = np.arange(0.25, SECONDS, 0.5) - case.first / 30 - start
        inside = on_clock[(on_clock >= 0) & (on_clock < end - start - 0.01)]
        assert clicks_in(sound) == pytest.approx(inside, abs=MILLISECOND)

"""Opening media: what is in a file, and its frames, whatever the container, rate, size or rotation."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from popdanceset.errors import InputError, MediaError
from popdanceset.media import frames, probe

WIDTH, HEIGHT = 160, 96


def picture(number: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """A frame as bright as its number, white in its upper left quarter."""
    image = np.full((height, width, 3), 3 * number % 240, np.uint8)
    image[: height // 2, : width // 2] = 255
    return image


def number(image: np.ndarray) -> int:
    """The number that a frame of fewer than 80 carries."""
    height, width = image.shape[:2]
    return round(float(image[-height // 4 :, -width // 4 :].mean()) / 3)


def write(
    path: Path,
    count: int = 60,
    rate: int | Fraction = 30,
    *,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    times: list[int] | None = None,
    b_frames: int = 0,
    crf: int = 8,
    shown: Callable[[int], np.ndarray] | None = None,
) -> Path:
    with av.open(str(path), "w") as out:
        track = out.add_stream(codec, rate=rate)
        track.width, track.height, track.pix_fmt = *size, pix_fmt
        track.options = {"crf": str(crf), "bf": str(b_frames)} if codec == "libx264" else {}
        if times:
            track.codec_context.time_base = Fraction(1, 1000)
        for n in range(count):
            frame = av.VideoFrame.from_ndarray(
                np.ascontiguousarray(shown(n)) if shown else picture(n, *size), "rgb24"
            )
            if times:
                frame.pts, frame.time_base = times[n], Fraction(1, 1000)
            out.mux(track.encode(frame))
        out.mux(track.encode())
    return path


def tone(path: Path) -> Path:
    with av.open(str(path), "w") as out:
        track = out.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), "s16", "mono")
        frame.rate = 8000
        out.mux(track.encode(frame))
        out.mux(track.encode())
    return path


def test_rough_frames_are_the_same_and_those_that_others_depend_on_are_untouched(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).uniform(0, 255, (HEIGHT // 8, WIDTH // 8 + 40, 3))
    scene = noise.repeat(8, 0).repeat(8, 1).astype(np.uint8)
    path = tmp_path / "film.mp4"
    write(path, 40, 25, b_frames=3, crf=40, shown=lambda n: scene[:, 7 * n : 7 * n + WIDTH])
    plain, rough = list(frames(path)), list(frames(path, rough=True))
    assert [f.time for f in rough] == [f.time for f in plain]
    apart = [float(np.abs(a.image.astype(int) - b.image).mean()) for a, b in zip(plain, rough, strict=True)]
    assert 0 < max(apart) < 3
    assert 10 <= apart.count(0.0) < 40


def test_a_plain_film_is_described(tmp_path: Path) -> None:
    found = probe(write(tmp_path / "film.mp4", 60, 24))
    assert (found.width, found.height, found.frames, found.rotation) == (WIDTH, HEIGHT, 60, 0)
    assert (found.fps, found.duration) == (24, pytest.approx(2.5))
    assert not found.has_sound
    assert (found.start, found.track) == (0.0, 0)


def test_frames_come_in_order_with_their_times(tmp_path: Path) -> None:
    shown = list(frames(write(tmp_path / "film.mp4", 40, 25, b_frames=3)))
    assert [number(f.image) for f in shown] == list(range(40))
    assert [f.time for f in shown] == pytest.approx([n / 25 for n in range(40)])
    assert shown[0].image.shape == (HEIGHT, WIDTH, 3)
    assert shown[0].image.dtype == np.uint8


@pytest.mark.parametrize("rate", [15, Fraction(24000, 1001), 24, Fraction(30000, 1001), 30, 50, 60])
def test_even_frames_are_those_shown_at_the_time(tmp_path: Path, rate: int | Fraction) -> None:
    count = 45
    shown = list(frames(write(tmp_path / "film.mp4", count, rate), fps=30))
    times = np.arange(len(shown)) / 30
    assert [f.time for f in shown] == pytest.approx(times)
    # The last picture that began by then; half a millisecond covers rounded time stamps.
    expected = np.floor((times + 5e-4 + 1e-9) * float(rate)).astype(int)
    assert [number(f.image) for f in shown] == expected.tolist()
    assert len(shown) == int(np.ceil((count / float(rate) - 5e-4) * 30))


def test_even_frames_of_an_uneven_video(tmp_path: Path) -> None:
    times = np.cumsum(np.random.default_rng(1).integers(10, 120, 40))
    path = write(tmp_path / "film.mkv", 40, times=times.tolist())
    begins = times - times[0]
    shown = list(frames(path, fps=30))
    for k, frame in enumerate(shown):
        assert number(frame.image) == np.searchsorted(begins, k / 30 * 1000 + 0.5, side="right") - 1
    assert len(shown) / 30 >= begins[-1] / 1000


def test_frames_are_reduced_but_never_enlarged(tmp_path: Path) -> None:
    path = write(tmp_path / "film.mp4", 3, size=(320, 180))
    assert next(frames(path, height=90)).image.shape == (90, 160, 3)
    assert next(frames(path, height=500)).image.shape == (180, 320, 3)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ten_bit.mkv", {"pix_fmt": "yuv420p10le"}),
        ("odd.mkv", {"size": (97, 65), "pix_fmt": "yuv444p"}),
        ("mpeg4.avi", {"codec": "mpeg4"}),
        ("stream.ts", {"b_frames": 2}),
        ("wrong_extension.jpg", {}),
    ],
)
def test_unusual_files_are_read_like_others(tmp_path: Path, name: str, options: dict[str, object]) -> None:
    if name.endswith(".jpg"):
        path = write(tmp_path / "film.mp4", 20).rename(tmp_path / name)
    else:
        path = write(tmp_path / name, 20, **options)  # type: ignore[arg-type]
    width, height = options.get("size", (WIDTH, HEIGHT))  # type: ignore[misc]
    shown = list(frames(path))
    assert [number(f.image) for f in shown] == pytest.approx(list(range(20)), abs=1)
    assert shown[0].time == 0
    assert shown[0].image.shape == (height, width, 3)
    found = probe(path)
    assert (found.width, found.height) == (width, height)
    assert found.duration == pytest.approx(20 / 30, abs=0.05)


@pytest.mark.parametrize(
    ("degrees", "corner"), [(90, "upper right"), (180, "lower right"), (270, "lower left")]
)
def test_a_rotation_flag_is_applied(tmp_path: Path, degrees: int, corner: str) -> None:
    import subprocess

    import imageio_ffmpeg

    level, path = write(tmp_path / "level.mp4", 5), tmp_path / "turned.mp4"
    arguments = ["-display_rotation", str(-degrees), "-i", str(level), "-c", "copy", str(path)]
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", *arguments], check=True)
    found = probe(path)
    size = (HEIGHT, WIDTH) if degrees % 180 else (WIDTH, HEIGHT)
    assert (found.rotation, found.width, found.height) == (degrees, *size)

    # The white quarter was at the upper left; turning the picture clockwise carries it round.
    image = next(frames(path)).image
    assert image.shape == (size[1], size[0], 3)
    above, left = corner.startswith("upper"), corner.endswith("left")
    rows = slice(None, size[1] // 2) if above else slice(size[1] // 2, None)
    columns = slice(None, size[0] // 2) if left else slice(size[0] // 2, None)
    assert image[rows, columns].mean() > 240

    small = next(frames(path, height=48)).image
    assert small.shape == (48, round(48 * size[0] / size[1]), 3)


def test_files_that_are_not_videos_say_so(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("this is no video")
    whole = write(tmp_path / "whole.mp4").read_bytes()
    (tmp_path / "truncated.mp4").write_bytes(whole[: len(whole) // 2])
    tone(tmp_path / "tone.wav")
    for name, message in (
        ("empty.mp4", "is empty"),
        ("text.mp4", "is not a readable video"),
        ("truncated.mp4", "is not a readable video"),
        ("tone.wav", "contains no video track"),
    ):
        for read in (probe, lambda path: list(frames(path))):
            with pytest.raises(MediaError, match=message) as caught:
                read(tmp_path / name)
            assert str(caught.value).startswith(str(tmp_path / name))
            assert "\n" not in str(caught.value)


def test_paths_that_are_not_files_say_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        probe(tmp_path / "gone.mp4")
    with pytest.raises(InputError, match="is a folder"):
        probe(tmp_path)


def test_an_unreadable_file_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "film.mp4", 2)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(av, "open", refuse)
    with pytest.raises(InputError, match="may not be read"):
        probe(path)


def test_a_real_video(shared: Path) -> None:
    found = probe(shared / "media" / "taiji.mp4")
    assert (found.width, found.height, found.frames) == (1280, 720, 412)
    assert found.fps == pytest.approx(24000 / 1001)
    count = sum(1 for _ in frames(shared / "media" / "taiji.mp4", height=36, fps=30))
    assert count == round(412 * 1001 / 24000 * 30)

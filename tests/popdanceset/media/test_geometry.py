"""Left stays left: display matrices, pixels that are not square, and sizes that change, as players show."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import pytest

from popdanceset.errors import MediaError
from popdanceset.media import frames, geometry, probe
from popdanceset.media.geometry import Orientation
from popdanceset.video.cutting import cut
from popdanceset.video.screening.screen import screen

FFmpeg = Callable[..., Path]

CODED = (160, 96)
ALL_EIGHT = {
    # name: ffmpeg's options for the display matrix, and (rotation, mirrored) as probed
    "level": ([], (0, False)),
    "90": (["-display_rotation", "-90"], (90, False)),
    "180": (["-display_rotation", "180"], (180, False)),
    "270": (["-display_rotation", "90"], (270, False)),
    "mirrored": (["-display_hflip"], (0, True)),
    "upside down": (["-display_vflip"], (180, True)),
    "mirrored 90": (["-display_rotation", "-90", "-display_hflip"], None),
    "mirrored 270": (["-display_rotation", "90", "-display_hflip"], None),
}


def corners(n: int) -> np.ndarray:
    """A frame whose quarters differ: red, green above blue, white; a bar that moves."""
    image = np.zeros((96, 160, 3), np.uint8)
    image[:48, :80, 0] = image[:48, 80:, 1] = image[48:, :80, 2] = 220
    image[48:, 80:] = 220
    image[40 + n % 16, 20:60] = 128
    return image


@pytest.fixture(scope="module")
def level(film: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("level")
    return film.write(folder / "level.mp4", pictures=map(corners, range(45)), gop=15)


def as_players_show(path: Path, size: tuple[int, int], *filters: str) -> np.ndarray:
    """The first frame as ffmpeg shows it, which applies display matrices."""
    import subprocess

    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(path), *filters, "-frames:v", "1"]
    raw = subprocess.run(
        [*command, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], capture_output=True, check=True
    )
    return np.frombuffer(raw.stdout, np.uint8).reshape(size[1], size[0], 3).astype(int)


def differs(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(int) - other).mean())


@pytest.mark.parametrize("name", ALL_EIGHT)
def test_every_orientation_is_as_players_show_it(
    name: str, level: Path, ffmpeg: FFmpeg, tmp_path: Path
) -> None:
    options, expected = ALL_EIGHT[name]
    source = ffmpeg(*options, "-i", level, "-c", "copy", tmp_path / "turned.mp4")
    found = probe(source)
    if expected is not None:
        assert (found.rotation, found.mirrored) == expected
    assert found.mirrored is ("mirrored" in name or name == "upside down")
    size = CODED[::-1] if found.rotation % 180 else CODED
    assert (found.width, found.height) == size
    truth = as_players_show(source, size)
    assert differs(next(frames(source)).image, truth) < 2
    small = next(frames(source, height=48)).image
    assert small.shape[:2] == (48, round(48 * size[0] / size[1]))

    cut(source, 0.5, 1.5, tmp_path / "clip.mp4", None)
    clip = probe(tmp_path / "clip.mp4")
    assert (clip.width, clip.height, clip.rotation, clip.mirrored) == (*size, 0, False)
    assert differs(next(frames(tmp_path / "clip.mp4")).image, truth) < 5


@pytest.mark.parametrize(
    ("ratio", "width"), [("64/45", 228), ("2/1", 320), ("1/2", 80), ("8/9", 142), ("16/15", 171)]
)
@pytest.mark.parametrize("rotation", [0, 90])
def test_pixels_that_are_not_square_are_squared_once(
    ratio: str, width: int, rotation: int, film: Any, ffmpeg: FFmpeg, tmp_path: Path
) -> None:
    film.write(tmp_path / "plain.mkv", pictures=map(corners, range(45)))
    flat = ffmpeg("-i", tmp_path / "plain.mkv", "-vf", f"setsar={ratio}", "-crf", 10, tmp_path / "flat.mp4")
    source = ffmpeg("-display_rotation", -rotation, "-i", flat, "-c", "copy", tmp_path / "source.mp4")
    size = (96, width) if rotation else (width, 96)
    found = probe(source)
    assert (found.width, found.height) == size
    above, below = map(int, ratio.split("/"))
    assert found.pixel_ratio == pytest.approx(above / below, rel=1e-6)

    truth = as_players_show(source, size, "-vf", f"scale={size[0]}:{size[1]},setsar=1")
    assert differs(next(frames(source)).image, truth) < 3
    cut(source, 0.0, 1.0, tmp_path / "clip.mp4", None)
    clip = probe(tmp_path / "clip.mp4")
    assert (clip.width, clip.height) == (size[0] // 2 * 2, size[1] // 2 * 2)
    assert clip.pixel_ratio == 1.0
    made = next(frames(tmp_path / "clip.mp4")).image
    assert differs(made, truth[: clip.height, : clip.width]) < 5


def test_a_ratio_that_is_only_rounding_changes_nothing(film: Any, ffmpeg: FFmpeg, tmp_path: Path) -> None:
    film.write(tmp_path / "plain.mkv", 5)
    source = ffmpeg("-i", tmp_path / "plain.mkv", "-vf", "setsar=1281/1280", tmp_path / "source.mp4")
    assert (probe(source).width, probe(source).height) == CODED


def test_an_absurd_ratio_is_ignored_with_a_warning(
    film: Any,
    ffmpeg: FFmpeg,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(geometry, "_MOST_STRETCH", 1.5)
    film.write(tmp_path / "plain.mkv", 5)
    source = ffmpeg("-i", tmp_path / "plain.mkv", "-vf", "setsar=2/1", tmp_path / "source.mp4")
    assert probe(source).width == CODED[0]
    assert "taken as square" in caplog.text


def joined(film: Any, ffmpeg: FFmpeg, folder: Path, *sizes: tuple[int, int]) -> Path:
    """Pieces of a second, each scaled to another size, one after the other in a stream."""
    whole = b""
    for n, (width, height) in enumerate(sizes):
        plain = film.write(folder / f"{n}.mkv", pictures=map(corners, range(30)))
        scale = ("-vf", f"scale={width}:{height},setsar=1", "-crf", 10, "-output_ts_offset", n)
        whole += ffmpeg("-i", plain, *scale, folder / f"{n}.ts").read_bytes()
    (folder / "joined.ts").write_bytes(whole)
    return folder / "joined.ts"


def test_a_size_that_changes_is_fitted_into_the_first(
    film: Any, ffmpeg: FFmpeg, tmp_path: Path, settings: Any
) -> None:
    source = joined(film, ffmpeg, tmp_path, (160, 96), (96, 160), (80, 48), (160, 96))
    shown = list(frames(source))
    assert {frame.image.shape for frame in shown} == {(96, 160, 3)}
    assert [frame.time for frame in shown if frame.new_shape] == pytest.approx([1.0, 2.0], abs=0.11)
    wide, tall, small = (min(shown, key=lambda f: abs(f.time - t)).image for t in (0.5, 1.5, 2.5))
    assert tall[:, :50].max() < 20  # 58 of 160 columns are filled
    assert tall[:38, 55:78].mean((0, 1)) == pytest.approx(wide[:38, :75].mean((0, 1)), abs=20)
    assert differs(small, wide) < 12  # the same picture from fewer pixels

    report = screen(source, settings.screening, lambda image, near=None: np.zeros((0, 4)))
    assert list(report.cuts) == pytest.approx([1.0, 2.0], abs=0.11)
    assert cut(source, 0.0, 4.0, tmp_path / "clip.mp4", None) == 120
    assert (probe(tmp_path / "clip.mp4").width, probe(tmp_path / "clip.mp4").height) == (160, 96)


def test_frames_of_absurd_size_are_refused(
    film: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = film.write(tmp_path / "film.mp4", 5)
    monkeypatch.setattr(geometry, "MOST_PIXELS", 1000)
    with pytest.raises(MediaError, match="160 × 96 pixels"):
        list(frames(path))


@pytest.mark.parametrize("matrix", [b"", b"\0" * 36, b"\0" * 12])
def test_a_matrix_of_nothing_is_level(matrix: bytes) -> None:
    assert Orientation.of_matrix(matrix) == Orientation()


def test_shared_cases(shared: Path) -> None:
    """Media as people have them."""
    media = shared / "cases" / "data" / "media"
    assert (probe(media / "m16_hflip.mp4").rotation, probe(media / "m16_hflip.mp4").mirrored) == (0, True)
    assert probe(media / "m07_not_square.mp4").width == 320
    flat = probe(shared / "cases" / "research" / "video" / "anamorphic_2to1.mp4")
    assert (flat.width, flat.height) == (720, 720)
    for name in ("m01_resolution_change.ts", "m01_turned_joined.flv", "m03_same_shape_other_size.ts"):
        assert len({frame.image.shape for frame in frames(media / name)}) == 1

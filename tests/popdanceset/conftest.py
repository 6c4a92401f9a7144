"""Videos made for the tests: every frame carries its number, so that it is recognised after encoding."""

import subprocess
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import imageio_ffmpeg
import numpy as np
import pytest

from popdanceset.media import frames
from popdanceset.review.vendoring import vendor
from tests import browsing

BITS, BLOCK = 10, 16  # a row of black and white squares: the number's binary digits


class Film:
    """Writes videos and reads the numbers of their frames."""

    width, height = BITS * BLOCK, 96

    @classmethod
    def picture(cls, number: int) -> np.ndarray:
        """(height, width, 3) uint8: the number above, grey below; white below in every thirtieth."""
        image = np.full((cls.height, cls.width, 3), 255 if number % 30 == 0 else 96, np.uint8)
        digits = [255 * (number >> bit & 1) for bit in range(BITS)]
        image[: 2 * BLOCK] = np.repeat(digits, BLOCK)[None, :, None]
        return image

    @classmethod
    def number(cls, image: np.ndarray) -> int:
        """The number that a frame carries."""
        row = image[BLOCK // 2 : BLOCK, : cls.width, 1].mean(0).reshape(BITS, BLOCK)[:, 4:12].mean(1)
        return sum(1 << bit for bit in range(BITS) if row[bit] > 128)

    @classmethod
    def numbers(cls, path: Path, **options: Any) -> list[int]:
        return [cls.number(frame.image) for frame in frames(path, **options)]

    @classmethod
    def write(
        cls,
        path: Path,
        count: int = 0,
        rate: int = 30,
        *,
        pictures: Iterable[np.ndarray] | None = None,
        times: Iterable[int] | None = None,
        sound: np.ndarray | None = None,
        sound_rate: int = 48_000,
        sound_delay: float = 0.0,
        codec: str = "libx264",
        pix_fmt: str = "yuv420p",
        gop: int = 250,
    ) -> Path:
        """A video of numbered frames, or of those given.

        Args:
            times: time stamps in milliseconds, for a film of uneven rate.
            sound: (samples,) or (channels, samples) float32.
        """
        with av.open(str(path), "w") as out:
            track = out.add_stream(codec, rate=rate)
            track.pix_fmt, track.gop_size = pix_fmt, gop
            options = {"preset": "ultrafast", "crf": "12"} if codec == "libx264" else {}
            track.options = options
            stamps = list(times) if times is not None else None
            if stamps:
                track.codec_context.time_base = Fraction(1, 1000)
            source = pictures if pictures is not None else map(cls.picture, range(count))
            voice = None
            if sound is not None:
                # PCM or AAC: what the container takes.
                voice = out.add_stream("pcm_s16le" if path.suffix == ".mkv" else "aac", rate=sound_rate)
                voice.layout = "stereo" if sound.ndim > 1 else "mono"
            for n, image in enumerate(source):
                if n == 0:
                    track.height, track.width = image.shape[:2]
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), "rgb24")
                if stamps:
                    frame.pts, frame.time_base = stamps[n], Fraction(1, 1000)
                out.mux(track.encode(frame))
            out.mux(track.encode())
            if voice is not None and sound is not None:
                wave = np.atleast_2d(sound).astype(np.float32)
                for start in range(0, wave.shape[1], 1024):
                    block = np.ascontiguousarray(wave[:, start : start + 1024])
                    piece = av.AudioFrame.from_ndarray(block, "fltp", voice.layout.name)
                    piece.rate, piece.pts = sound_rate, start + round(sound_delay * sound_rate)
                    out.mux(voice.encode(piece))
                out.mux(voice.encode())
        return path


@pytest.fixture(scope="session")
def film() -> type[Film]:
    return Film


@pytest.fixture(scope="session")
def heard() -> Callable[[Path], tuple[np.ndarray, float, int]]:
    """Reads audio: (samples,) of the first channel, time of the first one in seconds, rate."""

    def read(path: Path) -> tuple[np.ndarray, float, int]:
        with av.open(str(path)) as source:
            pieces = list(source.decode(audio=0))
        first = pieces[0]
        start = float(first.pts * first.time_base)
        wave = np.concatenate([np.atleast_2d(p.to_ndarray()) for p in pieces], axis=1)
        if not first.format.is_planar:
            wave = wave.reshape(-1, first.layout.nb_channels).T
        scale = 32768.0 if wave.dtype == np.int16 else 1.0
        return wave[0] / scale, start, first.rate

    return read


@pytest.fixture(scope="session")
def turned() -> Callable[[Path, int], Path]:
    """Marks a video to be shown rotated by some degrees clockwise."""

    def turn(path: Path, degrees: int) -> Path:
        target = path.with_name(f"{path.stem}_{degrees}{path.suffix}")
        ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
        arguments = ["-display_rotation", str(-degrees), "-i", str(path), "-c", "copy", str(target)]
        subprocess.run([ffmpeg, "-y", "-loglevel", "error", *arguments], check=True)
        return target

    return turn


@pytest.fixture(scope="session")
def ffmpeg() -> Callable[..., Path]:
    """Runs ffmpeg with some arguments, the last of which is the file that it makes."""

    def run(*arguments: object) -> Path:
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-loglevel", "error", *map(str, arguments)]
        subprocess.run(command, check=True)
        return Path(str(arguments[-1]))

    return run


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium; the tests are skipped where there is none, or where the pages lack three.js."""
    if lacking := vendor.missing():
        pytest.skip(f"the page lacks {', '.join(lacking)}: run `popdanceset review vendor`")
    with browsing.chromium() as running:
        yield running

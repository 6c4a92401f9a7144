"""Videos made for the tests.

`film`: every frame carries its number, so that it is recognised after encoding.
`stage`: a patterned wall, a camera that can be moved, and dancers that are magenta ovals.
"""

import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import imageio_ffmpeg
import numpy as np
import pytest

from popdanceset.media import frames
from popdanceset.video.screening.detector import forget_detectors

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


@pytest.fixture(autouse=True)
def no_detector_of_another_test() -> Iterator[None]:
    """A process keeps its person detector; the tests put different ones in its place."""
    yield
    forget_detectors()


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


FPS, WIDTH, HEIGHT = 30, 320, 180
MARGIN = 40  # pixels of wall beyond each side of the picture
MAGENTA = (230, 20, 220)


def wall(seed: int, brightness: float = 110.0) -> np.ndarray:
    """Blurred noise, greenish or brownish by seed: corners everywhere, no magenta."""
    rng = np.random.default_rng(seed)
    shape = (HEIGHT + 2 * MARGIN, WIDTH + 2 * MARGIN)
    grey = cv2.GaussianBlur(rng.standard_normal(shape), (0, 0), 2.5)
    grey = brightness + 45 * grey / grey.std()
    tint = np.array([[0.6, 1.0, 0.5], [1.0, 0.8, 0.5], [0.5, 0.8, 1.0]][seed % 3])
    return np.clip(grey[..., None] * tint, 0, 255).astype(np.uint8)


def picture(
    background: np.ndarray, camera: Sequence[float] = (0.0, 0.0), people: Sequence[Sequence[float]] = ()
) -> np.ndarray:
    """(HEIGHT, WIDTH, 3) uint8 of the stage.

    Args:
        camera: x, y in pixels by which the wall is seen moved.
        people: x, y, height of each, pixels of the picture.
    """
    move = np.array([[1, 0, camera[0] - MARGIN], [0, 1, camera[1] - MARGIN]], float)
    image = cv2.warpAffine(background, move, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC)
    for x, y, height in people:
        axes = (round(height / 5), round(height / 2))
        cv2.ellipse(image, (round(x), round(y)), axes, 0, 0, 360, MAGENTA, -1)
    return image


def write(path: Path, pictures: Sequence[np.ndarray], fps: int = FPS) -> Path:
    with av.open(str(path), "w") as out:
        track = out.add_stream("libx264", rate=fps, options={"preset": "ultrafast", "crf": "16"})
        track.height, track.width = pictures[0].shape[:2]
        track.pix_fmt = "yuv420p"
        for image in pictures:
            out.mux(track.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(image), "rgb24")))
        out.mux(track.encode())
    return path


def find_ovals(image: np.ndarray, near: np.ndarray | None = None) -> np.ndarray:
    """The person detector of this stage: (n, 4) of the magenta ovals."""
    red, green, blue = (image[..., c].astype(int) for c in range(3))
    mask = ((red - green > 90) & (blue - green > 90)).astype(np.uint8)
    number, _, boxes, centres = cv2.connectedComponentsWithStats(mask)
    found = [
        (*centres[i], max(boxes[i, cv2.CC_STAT_HEIGHT], boxes[i, cv2.CC_STAT_WIDTH]) / 2, 0.9)
        for i in range(1, number)
        if boxes[i, cv2.CC_STAT_AREA] > 60
    ]
    return np.array(found, float).reshape(-1, 4)


class Stage:
    fps, width, height = FPS, WIDTH, HEIGHT
    wall = staticmethod(wall)
    picture = staticmethod(picture)
    write = staticmethod(write)
    find_ovals = staticmethod(find_ovals)

    @staticmethod
    def dancer(n: int) -> tuple[float, float, float]:
        """A dancer that steps from side to side."""
        return 160 + 30 * np.sin(n / 9), 95 + 4 * np.sin(n / 4), 110


@pytest.fixture(scope="session")
def stage() -> type[Stage]:
    return Stage


@pytest.fixture(scope="session")
def noise() -> Callable[..., Any]:
    """Smooth random motion (n, 2) of unit standard deviation around some frequency in hertz."""

    def make(count: int, hertz: float, seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        spectrum = np.fft.rfft(rng.standard_normal((count, 2)), axis=0)
        spectrum *= np.exp(-(((np.fft.rfftfreq(count, 1 / FPS) - hertz) / 2) ** 2))[:, None]
        motion = np.fft.irfft(spectrum, count, axis=0)
        return motion / motion.std(0)

    return make

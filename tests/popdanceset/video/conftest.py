"""A stage for the tests: a patterned wall, a camera that can be moved, and dancers that are magenta ovals."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from popdanceset.settings import Settings
from popdanceset.store import Store
from popdanceset.video import acquire as acquire_module
from popdanceset.video import clips as clips_module
from popdanceset.video.acquire import acquire_video
from popdanceset.video.screening.detector import forget_detectors
from tests.popdanceset.video.four_shots import EARLIER, VIDEO, changed, downloaded, later_stages, named_cut


@pytest.fixture(autouse=True)
def no_detector_of_another_test() -> Iterator[None]:
    """A process keeps its person detector; the tests put different ones in its place."""
    yield
    forget_detectors()


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


@pytest.fixture(scope="session")
def four_shots(stage: Any, film: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four shots: a dancer, 5 s; one who comes late, 7 s; again, 4.2 s; a dancer and a smaller one, 5 s."""
    walls = [stage.wall(seed) for seed in range(4)]
    shots = np.repeat(range(4), [150, 210, 126, 150])

    def picture(n: int, shot: int) -> np.ndarray:
        people = [] if 150 <= n < 182 else [stage.dancer(n)]
        if shot == 3:
            people = [(90 + 9 * np.sin(n / 9), 95, 110), (250 + 9 * np.sin(n / 7), 95, 80)]
        return stage.picture(walls[shot], people=people)

    pictures = [picture(n, int(shot)) for n, shot in enumerate(shots)]
    sound = 0.3 * np.sin(np.arange(len(pictures) * 1600) / 25).astype(np.float32)
    return film.write(tmp_path_factory.mktemp("film") / "film.mp4", pictures=pictures, sound=sound)


@pytest.fixture(scope="session")
def acquired(four_shots: Path, stage: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store as the earlier settings and all later stages left it."""
    folder = tmp_path_factory.mktemp("acquired")
    store = Store(folder / "store")
    downloaded(store, four_shots, folder)
    with pytest.MonkeyPatch.context() as during:
        during.setattr(clips_module, "cut", named_cut)
        acquire_video(VIDEO, changed(Settings(), EARLIER), store, stage.find_ovals)
    later_stages(store)
    return folder


@pytest.fixture
def copy(acquired: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Store]:
    """Copies of that store; neither screening nor encoding happens on them."""
    monkeypatch.setattr(clips_module, "cut", named_cut)
    monkeypatch.setattr(acquire_module, "screen", lambda *_: pytest.fail("screened"))
    monkeypatch.setattr(acquire_module, "download", lambda *_: pytest.fail("downloaded"))

    def make(name: str) -> Store:
        shutil.copytree(acquired / "store", tmp_path / name, copy_function=os.link)
        return Store(tmp_path / name)

    return make

"""Two tiny generated media files, and clients that use the simulator's proxy."""

import json
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
import requests

from popdanceset.simulator.casting import Media, read_media
from popdanceset.simulator.server import Simulator

FPS, RATE, WIDTH, HEIGHT = 30, 48_000, 96, 64


def make_video(path: Path, seconds: float, hertz: float) -> None:
    """A grey ramp with a sine tone."""
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=FPS, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        sound = out.add_stream("aac", rate=RATE)
        for i in range(round(seconds * FPS)):
            noise = np.random.default_rng(i).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
            out.mux(video.encode(av.VideoFrame.from_ndarray(noise, "rgb24")))
        out.mux(video.encode())
        wave = np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE).astype(np.float32)
        for start in range(0, len(wave), 1024):
            frame = av.AudioFrame.from_ndarray(wave[None, start : start + 1024], "fltp", "mono")
            frame.rate, frame.pts = RATE, start
            out.mux(sound.encode(frame))
        out.mux(sound.encode())


@pytest.fixture(scope="session")
def media_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("media")
    shape = {"fps": FPS, "width": WIDTH, "height": HEIGHT}
    index = {
        "waltz": {"file": "waltz.mp4", "seconds": 2.0, "outcome": "accepted", **shape},
        "crowd": {"file": "crowd.mp4", "seconds": 1.0, "outcome": "several_dancers", **shape},
    }
    for name, entry in index.items():
        make_video(folder / entry["file"], entry["seconds"], 440 if name == "waltz" else 880)
    (folder / "index.json").write_text(json.dumps(index))
    return folder


@pytest.fixture(scope="session")
def media(media_folder: Path) -> dict[str, Media]:
    return read_media(media_folder)


@pytest.fixture
def session_to() -> Callable[[Simulator], requests.Session]:
    """Returns a `requests` session with the simulator's proxy and authority, independent of the
    environment.
    """

    def session(simulator: Simulator) -> requests.Session:
        client = requests.Session()
        client.trust_env = False
        client.proxies = {"https": simulator.proxy_url, "http": simulator.proxy_url}
        client.verify = simulator.ca_file
        return client

    return session

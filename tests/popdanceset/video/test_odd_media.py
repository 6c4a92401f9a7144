"""Whatever a file contains, its video ends as a row, and the videos after it are reached."""

import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import pytest
from yt_dlp.extractor.bilibili import BilibiliBaseIE

from popdanceset import layout
from popdanceset.commands import with_values
from popdanceset.manifest import Manifest, ManifestVideo
from popdanceset.schema import CLIPS
from popdanceset.settings import Settings
from popdanceset.simulator.casting import Media
from popdanceset.simulator.population import population
from popdanceset.simulator.records import Mode
from popdanceset.simulator.server import Simulator
from popdanceset.store import Store
from popdanceset.video import ytdlp
from popdanceset.video.acquire import Summary, acquire
from popdanceset.video.manifest_folder import ManifestFolder

SECONDS = 2
MOST = 3 * SECONDS + 30  # seconds that a file may take
MUTATIONS = 24


def nobody(image: np.ndarray, near: Any = None) -> np.ndarray:
    return np.zeros((0, 4))


@pytest.fixture
def acquire_all(settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Summary]:
    """Acquires files, each as a video of its own, through the simulator."""
    monkeypatch.setattr(ytdlp, "_pause", lambda n: 0.0)
    BilibiliBaseIE._wbi_key_cache.clear()

    def run(paths: dict[str, Path]) -> Summary:
        people = population(2 * len(paths) + 20, 3, date(2026, 3, 1))[: len(paths)]
        media = {name: Media(name, path, SECONDS, 30, 160, 96, "") for name, path in paths.items()}
        videos = [
            replace(video, media=name, duration=SECONDS, mode=Mode.OK, parts=1)
            for name, video in zip(paths, people, strict=True)
        ]
        listed = [ManifestVideo(video.bvid, 1.0, mid=video.mid, pages=1) for video in videos]
        with Simulator(videos, media) as simulator:
            there = with_values(
                settings, "network", proxy=simulator.proxy_url, ca_file=simulator.ca_file, timeout=5.0
            )
            quick = with_values(there, "download", retries=0)
            began, times = time.monotonic(), []
            summary = acquire(
                ManifestFolder(Manifest("odd", tuple(listed))),
                quick,
                store,
                lambda n, note: times.append(time.monotonic()),
                nobody,
            )
            assert not simulator.leaks
        assert np.diff([began, *times]).max() < MOST
        assert summary.unfinished == []
        assert {row["bvid"] for row in store.read_table(layout.CLIPS, CLIPS).to_pylist()} == {
            video.bvid for video in videos
        }
        return summary

    return run


def joined(paths: list[Path], target: Path) -> Path:
    """Transport streams one after the other: whatever differs between them changes in the middle."""
    target.write_bytes(b"".join(path.read_bytes() for path in paths))
    return target


@pytest.fixture(scope="module")
def films(film: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Plain films in three containers."""
    folder = tmp_path_factory.mktemp("films")
    sound = 0.3 * np.sin(np.arange(SECONDS * 48_000) / 20).astype(np.float32)
    return {
        kind: film.write(folder / f"film.{kind}", 30 * SECONDS, sound=sound) for kind in ("mp4", "flv", "mkv")
    }


@pytest.fixture(scope="module")
def odd(film: Any, films: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One file of each kind of oddity."""
    folder = tmp_path_factory.mktemp("odd")
    sound = 0.3 * np.sin(np.arange(SECONDS * 48_000) / 20).astype(np.float32)
    rng = np.random.default_rng(0)
    large = [rng.integers(0, 255, (128, 224, 3), np.uint8) for _ in range(30)]
    turned = [np.rot90(film.picture(n)).copy() for n in range(30)]
    parts = {
        "plain": film.write(folder / "plain.ts", 30, sound=sound[:48_000]),
        "large": film.write(folder / "large.ts", pictures=large, sound=sound[:48_000]),
        "turned": film.write(folder / "turned.ts", pictures=turned, sound=sound[:48_000]),
        "stereo": film.write(folder / "stereo.ts", 30, sound=np.stack([sound[:48_000]] * 2)),
        "other_rate": film.write(folder / "rate.ts", 30, sound=sound[:48_000], sound_rate=44_100),
    }
    made = {
        f"then_{name}": joined([parts["plain"], path], folder / f"then_{name}.ts")
        for name, path in parts.items()
        if name != "plain"
    }
    held = [*range(0, 600, 33), *range(1300, 1900, 33)]  # 0.7 s without a picture before a cut
    pictures = [film.picture(n) for n in range(len(held) // 2)]
    pictures += [255 - film.picture(n) for n in range(len(held) - len(pictures))]
    made["held"] = film.write(folder / "held.mp4", pictures=pictures, times=held)
    made["slow"] = film.write(folder / "slow.mp4", 4, rate=1)
    made["one_picture"] = film.write(folder / "one.mp4", 1)
    made["sound_longer"] = film.write(folder / "longer.mkv", 30, sound=sound)
    made["cut_end"] = folder / "cut.mp4"
    made["cut_end"].write_bytes(films["mkv"].read_bytes()[: films["mkv"].stat().st_size // 2])
    made["text"] = folder / "text.mp4"
    made["text"].write_text("no video")
    made["empty_box"] = folder / "box.mp4"
    made["empty_box"].write_bytes(b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2\0\0\0\x08moov")
    made["raw"] = folder / "raw.h264"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-i", films["mp4"]]
    subprocess.run([*command, "-c:v", "copy", "-an", "-f", "h264", made["raw"]], check=True)
    made["only_sound"] = folder / "sound.m4a"
    subprocess.run([*command, "-vn", "-c:a", "copy", made["only_sound"]], check=True)
    return made


def test_every_odd_file_ends_as_a_row(acquire_all: Any, odd: dict[str, Path], films: dict[str, Path]) -> None:
    """None of them is unexpected, and the last one is as good as ever."""
    summary = acquire_all({**odd, "good": films["mp4"]})
    assert summary.failed == []
    assert summary.videos == len(odd) + 1


def mutated(data: bytes, seed: int) -> bytes:
    """Damages a file: flipped bytes, a cut end, exchanged pieces, or a header with absurd numbers."""
    rng = np.random.default_rng(seed)
    body = bytearray(data)
    match seed % 4:
        case 0:
            for place in rng.integers(0, len(body), 20):
                body[place] ^= int(rng.integers(1, 256))
        case 1:
            del body[int(rng.integers(100, len(body))) :]
        case 2:
            size = len(body) // 20
            one, other = sorted(int(start) * size for start in rng.choice(20, 2, replace=False))
            body[one : one + size], body[other : other + size] = (
                body[other : other + size],
                body[one : one + size],
            )
        case _:
            for place in rng.integers(0, min(len(body), 2000), 4):
                body[place : place + 4] = b"\x7f\xff\xff\xff"
    return bytes(body)


@pytest.mark.slow
def test_damaged_files_end_as_rows(acquire_all: Any, films: dict[str, Path], tmp_path: Path) -> None:
    paths = {}
    for seed in range(MUTATIONS):
        kind = list(films)[seed % len(films)]
        paths[f"{seed}"] = tmp_path / f"{seed}.{kind}"
        paths[f"{seed}"].write_bytes(mutated(films[kind].read_bytes(), seed))
    summary = acquire_all(paths)
    assert summary.failed == []


@pytest.mark.slow
def test_the_files_that_people_sent_end_as_rows(acquire_all: Any, shared: Path) -> None:
    files = sorted((shared / "cases" / "data" / "media").iterdir())
    summary = acquire_all({path.name: path for path in files})
    assert summary.failed == []

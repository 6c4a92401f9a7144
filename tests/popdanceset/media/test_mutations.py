"""Broken films of any kind: every step ends with a result or a MediaError, in bounded time and memory.

Films in several containers get flipped bytes, cut ends, exchanged and repeated blocks, absurd headers.
`python tests/popdanceset/media/test_mutations.py 200 FOLDER` writes more of them and reports each.
"""

from __future__ import annotations

import contextlib
import logging
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from popdanceset.errors import MediaError
from popdanceset.media import frames, probe
from popdanceset.music.audio import read_track
from popdanceset.settings import Settings
from popdanceset.video.beats import beats
from popdanceset.video.cutting import cut
from popdanceset.video.planning import plan
from popdanceset.video.screening.screen import screen

SUFFIXES = {
    "mp4": ("-c:v", "libx264", "-bf", 2, "-g", 30, "-c:a", "aac"),
    "mkv": ("-c:v", "libx264", "-bf", 2, "-g", 30, "-c:a", "libopus"),
    "flv": ("-c:v", "libx264", "-g", 30, "-c:a", "aac", "-ar", 44_100),
    "ts": ("-c:v", "libx264", "-g", 30, "-c:a", "aac"),
    "avi": ("-c:v", "mpeg4", "-c:a", "pcm_s16le"),
    "h264": ("-an", "-c:v", "libx264"),
}
WORDS = (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\0\0\0\1", b"\x80\0\0\0")
LONGEST = 40.0  # seconds for all steps of one film of three seconds: three times its length, and thirty
MOST_MEMORY = 2e9  # bytes


def flipped(data: bytearray, dice: random.Random) -> None:
    for _ in range(dice.choice([1, 5, 50, 500])):
        data[dice.randrange(len(data))] = dice.randrange(256)


def cut_off(data: bytearray, dice: random.Random) -> None:
    del data[dice.randrange(len(data) // 3, len(data)) :]
    del data[: dice.choice([0, 0, 1, 188, len(data) // 3])]


def exchanged(data: bytearray, dice: random.Random) -> None:
    for _ in range(dice.choice([1, 4])):
        size = dice.choice([188, 512, 4096])
        one, other = sorted(dice.randrange(0, max(1, len(data) // 2 - size)) * 2 for _ in "ab")
        if other >= one + size:
            data[one : one + size], data[other : other + size] = (
                data[other : other + size],
                data[one : one + size],
            )


def absurd(data: bytearray, dice: random.Random) -> None:
    """Numbers in the first and the last bytes, where headers are."""
    for _ in range(dice.choice([1, 3, 10])):
        first = dice.randrange(0, min(len(data) - 8, 2000))
        at = dice.choice([first, max(0, len(data) - dice.randrange(8, 4000))])
        data[at : at + 4] = dice.choice(WORDS)


def repeated(data: bytearray, dice: random.Random) -> None:
    size, at = dice.choice([1, 188, 2000]), dice.randrange(0, len(data))
    data[at:at] = data[max(0, at - size) : at]


def blanked(data: bytearray, dice: random.Random) -> None:
    size = dice.choice([16, 200, 3000])
    at = dice.randrange(0, max(1, len(data) - size))
    data[at : at + size] = bytes(size)


KINDS = (flipped, cut_off, exchanged, absurd, repeated, blanked)


def mutations(films: list[Path], folder: Path, number: int) -> Iterator[Path]:
    """Writes so many broken copies, of each film in turn and of each kind."""
    for seed in range(number):
        film, kind = films[seed % len(films)], KINDS[seed // len(films) % len(KINDS)]
        data = bytearray(film.read_bytes())
        kind(data, random.Random(seed))
        path = folder / f"{seed}_{kind.__name__}{film.suffix}"
        path.write_bytes(data)
        yield path


def steps(path: Path, folder: Path) -> dict[str, Callable[[], Any]]:
    """What is done with a file on its way to clips."""
    settings = Settings()

    def nobody(image: Any, near: Any = None) -> Any:
        return np.zeros((0, 4))

    clip, sound = folder / "clip.mp4", folder / "clip.wav"
    return {
        "probe": lambda: probe(path),
        "frames": lambda: sum(1 for _ in frames(path, height=90)),
        "even frames": lambda: sum(1 for _ in frames(path, height=90, fps=30)),
        "plan": lambda: plan(screen(path, settings.screening, nobody), settings),
        "cut": lambda: cut(path, 0.0, min(3.0, probe(path).available), clip, sound),
        "cut inside": lambda: cut(path, 0.5, 1.5, clip, sound),
        "track": lambda: read_track(path),
        "beats": lambda: beats(path),
    }


def tried(path: Path, folder: Path) -> dict[str, str]:
    """What each step said; "" if it has a result."""
    said = {}
    for name, step in steps(path, folder).items():
        try:
            step()
            said[name] = ""
        except MediaError as error:
            said[name] = error.what
    return said


def made(ffmpeg: Callable[..., Path], plain: Path, folder: Path) -> list[Path]:
    return [ffmpeg("-i", plain, *options, folder / f"whole.{suffix}") for suffix, options in SUFFIXES.items()]


@pytest.fixture(scope="module")
def wholes(film: Any, ffmpeg: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("wholes")
    sound = 0.5 * np.sin(np.arange(3 * 48_000) / 20).astype(np.float32)
    return made(ffmpeg, film.write(folder / "plain.mkv", 90, sound=sound), folder)


def test_whole_films_pass_every_step(wholes: list[Path], tmp_path: Path) -> None:
    for path in wholes:
        assert set(tried(path, tmp_path).values()) == {""}, path.name


@pytest.mark.slow
def test_broken_films_end_in_a_result_or_a_media_error(tmp_path: Path) -> None:
    """In a process of their own, whose memory is theirs alone."""
    number = len(KINDS) * len(SUFFIXES)
    done = subprocess.run(
        [sys.executable, __file__, str(number), str(tmp_path)], capture_output=True, text=True
    )
    lines = done.stdout.splitlines()
    assert (done.returncode, len(lines)) == (0, number), done.stdout[-2000:] + done.stderr[-2000:]
    for line in lines:
        seconds, memory = re.search(r" ([\d.]+) s, ([\d.]+) GB: ", line).groups()  # type: ignore[union-attr]
        assert float(seconds) < LONGEST, line
        assert 1e9 * float(memory) < MOST_MEMORY, line


def peak_memory() -> int:
    """Largest memory of this program in bytes; `getrusage` would count that of the one that started it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def main(number: int, folder: Path) -> int:
    """Writes mutations of three films below a folder, tries each, and reports it on one line."""
    logging.disable(logging.CRITICAL)
    import imageio_ffmpeg

    def ffmpeg(*arguments: object) -> Path:
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-loglevel", "error", *map(str, arguments)]
        subprocess.run(command, check=True)
        return Path(str(arguments[-1]))

    folder.mkdir(parents=True, exist_ok=True)
    lines = (
        "-f",
        "lavfi",
        "-i",
        "testsrc2=s=320x180:r=30:d=4",
        "-f",
        "lavfi",
        "-i",
        "sine=d=4",
        "-c:v",
        "ffv1",
    )
    plain, wrong = ffmpeg(*lines, folder / "plain.mkv"), 0
    for path in mutations(made(ffmpeg, plain, folder), folder, number):
        begun = time.monotonic()
        with contextlib.suppress(KeyboardInterrupt):
            try:
                said = "; ".join(f"{name}: {what}" for name, what in tried(path, folder).items() if what)
            except Exception as error:  # noqa: BLE001 - the run goes on, and reports it
                said, wrong = f"FAILED: {error!r}", wrong + 1
        memory = peak_memory()
        print(
            f"{path.name} {time.monotonic() - begun:.1f} s, {memory / 1e9:.2f} GB: {said or 'read'}",
            flush=True,
        )
    return wrong


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), Path(sys.argv[2])))

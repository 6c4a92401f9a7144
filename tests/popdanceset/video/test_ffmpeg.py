"""The ffmpeg program is found, and its failures are reported in our own words."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from popdanceset.errors import InputError, MediaError, StoreError
from popdanceset.video import ffmpeg


@pytest.fixture(autouse=True)
def _asked_anew() -> Iterator[None]:
    ffmpeg.executable.cache_clear()
    yield
    ffmpeg.executable.cache_clear()


def test_the_one_on_the_path_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/somewhere/{name}")
    assert ffmpeg.executable() == "/somewhere/ffmpeg"


def test_else_the_one_that_a_package_installs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    version = subprocess.run([ffmpeg.executable(), "-version"], capture_output=True, check=True)
    assert version.stdout.startswith(b"ffmpeg version")


def test_without_any_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import imageio_ffmpeg

    def none() -> str:
        raise RuntimeError("No ffmpeg exe could be found")

    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", none)
    with pytest.raises(InputError, match="install ffmpeg"):
        ffmpeg.executable()


@pytest.mark.parametrize(
    ("said", "meaning", "words"),
    [
        (b"first\nclip.mp4: No space left on device\n", StoreError, "the disk is full"),
        (b"first\nclip.mp4: File too large\n", StoreError, "the disk is full"),
        (b"first\nInvalid data found\n", MediaError, "Invalid data found"),
        (b"", MediaError, "exit code 1"),
    ],
)
def test_failures_are_one_line(
    monkeypatch: pytest.MonkeyPatch, said: bytes, meaning: type[Exception], words: str
) -> None:
    failed = SimpleNamespace(returncode=1, stderr=said)
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: failed)
    with pytest.raises(meaning, match=words) as caught:
        ffmpeg.run(["-i", "a.mp4"], Path("a.mp4"))
    assert "\n" not in str(caught.value)

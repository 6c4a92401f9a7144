"""Model files and their states."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import pytest

from hybrik_runner.assets import Asset, State, exclusive, model_folder
from popdanceset.errors import AssetError
from popdanceset.settings import Settings

ASSET = Asset("net.tflite", 4, hashlib.sha256(b"good").hexdigest(), "its owner", "MIT")


def test_states(tmp_path: Path) -> None:
    assert ASSET.state(tmp_path) is State.MISSING
    (tmp_path / "net.tflite").write_bytes(b"goo")
    assert ASSET.state(tmp_path) is State.DAMAGED
    (tmp_path / "net.tflite").write_bytes(b"good")
    assert ASSET.state(tmp_path) is State.PRESENT


def test_a_folder_in_the_files_place(tmp_path: Path) -> None:
    (tmp_path / "net.tflite").mkdir()
    with pytest.raises(AssetError, match="may not be read"):
        ASSET.state(tmp_path)


def test_folder_of_the_settings_or_the_users_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert model_folder(Settings.load(overrides={"pose": {"model_dir": str(tmp_path)}})) == tmp_path
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = model_folder(Settings.load())
    assert folder.is_relative_to(tmp_path)
    assert folder.parts[-2:] == ("popdanceset", "models")


def test_one_at_a_time(tmp_path: Path) -> None:
    inside, most = 0, 0

    def enter() -> None:
        nonlocal inside, most
        with exclusive(tmp_path / "models"):
            inside += 1
            most = max(most, inside)
            threading.Event().wait(0.02)
            inside -= 1

    threads = [threading.Thread(target=enter) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(AssetError, match=r"not writable.*model_dir"), exclusive(tmp_path / "file" / "models"):
        pass

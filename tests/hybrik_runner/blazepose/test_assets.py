"""Fetching the model files."""

from __future__ import annotations

import subprocess
import threading
import venv
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


@pytest.fixture
def commands(models: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Commands that would have been run; each leaves what pip or uv leaves."""
    run: list[list[str]] = []

    def pretend(command: list[str], environment: dict[str, str]) -> None:
        run.append([*command, environment.get("PYTHONPATH", "")])
        for option in command:
            name, _, value = option.partition("=")
            if name == "--dest":
                wheel(Path(value) / "m.whl", real(models))
            elif name == "--target":
                for member, content in real(models).items():
                    (Path(value) / member).parent.mkdir(parents=True, exist_ok=True)
                    (Path(value) / member).write_bytes(content)

    monkeypatch.setattr(assets, "_run", pretend)
    return run


def without(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    """As in an environment that lacks these modules."""
    find = assets.importlib.util.find_spec
    monkeypatch.setattr(
        assets.importlib.util, "find_spec", lambda name: None if name in modules else find(name)
    )


def test_without_pip_uv_unpacks_the_wheel(
    empty: Settings, commands: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "pip")
    monkeypatch.setattr(assets.shutil, "which", lambda _: "/opt/uv")
    assets.ensure(empty)
    assert commands[0][:4] == ["/opt/uv", "pip", "install", "mediapipe==0.10.21"]


def test_without_pip_and_uv_the_pip_that_python_carries_does_it(
    empty: Settings, commands: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "pip")
    monkeypatch.setattr(assets.shutil, "which", lambda _: None)
    assets.ensure(empty)
    assert commands[0][1:4] == ["-m", "pip", "download"]
    assert Path(commands[0][-1]).name.startswith("pip-")


def test_the_pip_that_python_carries_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In a real environment without pip."""
    bare = tmp_path / "bare"
    venv.create(bare, with_pip=False)
    python = bare / "bin" / "python"
    command = [str(python), "-m", "pip", "--version"]
    assert subprocess.run(command, capture_output=True, check=False).returncode != 0
    monkeypatch.setenv("PYTHONPATH", str(assets._bundled_pip()))
    assert subprocess.check_output(command, text=True).startswith("pip ")


def test_with_neither_the_message_names_the_command(empty: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "pip", "ensurepip")
    monkeypatch.setattr(assets.shutil, "which", lambda _: None)
    with pytest.raises(AssetError, match="has neither pip nor uv") as caught:
        assets.ensure(empty)
    line = "pip download mediapipe==0.10.21 --no-deps --only-binary=:all: --python-version=3.11"
    assert line in str(caught.value)

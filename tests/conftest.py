"""Fixtures for all tests."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

import hypothesis
import numpy as np
import pytest
from hypothesis import HealthCheck

from popdanceset.settings import Settings
from popdanceset.store import Store

if TYPE_CHECKING:
    from tests.in_process import InProcess
    from tests.s3 import FaultyS3

# Set before Prefect is imported anywhere: no telemetry, no update checks, from a test run.
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DO_NOT_TRACK", "1")

# Processes that share the tests also share the cores; set before torch is imported. Threads that wait for
# each other on a core that another test uses take up to seven times as long.
if workers := os.environ.get("PYTEST_XDIST_WORKER_COUNT"):
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // int(workers))))

# The first text drawn on a machine waits for Unicode tables for seconds, which says nothing about the code.
hypothesis.settings.register_profile(
    "unhurried",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
hypothesis.settings.load_profile("unhurried")

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with golden values and test media, next to the project in CI."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("the folder ../shared with golden values does not exist")
    return folder


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("POPDANCESET_"):
            monkeypatch.delenv(name)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Default settings, with everything written below a temporary folder."""
    return Settings.load(
        overrides={
            "store": str(tmp_path / "store"),
            "manifests": str(tmp_path / "manifests"),
            "release": {"figures": False},  # they take two seconds
        }
    )


@pytest.fixture
def store(settings: Settings) -> Store:
    """The store of `settings`."""
    return Store(settings.store)


@pytest.fixture(scope="session")
def _s3_server() -> Iterator[FaultyS3]:
    from tests.s3 import serve

    with serve() as server:
        yield server


@pytest.fixture
def s3(_s3_server: FaultyS3, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyS3]:
    """An S3 server on this machine, and the keys to it; it can be told to misbehave."""
    for name, value in _s3_server.environment.items():
        monkeypatch.setenv(name, value)
    yield _s3_server
    _s3_server.behave()


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> InProcess:
    """The engine that the setting `engine=ray` names, for tests without other machines."""
    from tests.in_process import InProcess

    engine = InProcess()

    class Point:
        name = "ray"

        @staticmethod
        def load() -> Callable[[Settings], InProcess]:
            return lambda settings: engine

    def points(group: str, name: str = "ray") -> list[type[Point]]:
        return [Point] if name == "ray" else []

    monkeypatch.setattr("popdanceset.engine.entry_points", points)
    return engine


@pytest.fixture(scope="session")
def synthetic() -> ModuleType:
    """The module that fills stores."""
    return _module("synthetic")


@pytest.fixture(scope="session")
def web() -> ModuleType:
    """The module with `serve(folder)`: a web server that counts what it sends, and can misbehave."""
    return _module("web")


def _module(name: str) -> ModuleType:
    path = Path(__file__).parent / f"popdanceset/release/{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def make_release(
    store: Store, settings: Settings, synthetic: ModuleType
) -> Callable[[list[dict[str, Any]]], Path]:
    """Publishes clips given as rows of the clip table; returns the release's folder."""

    from popdanceset.release.writer import publish

    def make(clips: list[dict[str, Any]]) -> Path:
        synthetic.fill_store(store, "weekly", clips)
        return Path(settings.store, publish(settings, store, "weekly").path)

    return make


@pytest.fixture
def release_dir(make_release: Callable[..., Path], synthetic: ModuleType) -> Path:
    """Two clips of one video, one of another, one too short, one without audio."""
    row = synthetic.clip_row
    return make_release(
        [
            row("BV1_Clip_1", 170, "m1"),
            row("BV1_Clip_2", 400, "m1"),
            row("BV2_Clip_1", 200, "m2"),
            row("BV3_Clip_1", 40, "m1"),
            row("BV4_Clip_1", 160, "m1", music_path=""),
        ]
    )


class Dance(NamedTuple):
    """SMPL motion and its joints, metres, z up."""

    poses: np.ndarray
    translation: np.ndarray
    joints: np.ndarray


@pytest.fixture(scope="session")
def dance() -> Callable[..., Dance]:
    """`dance(frames, seed, fps)`: a body that stands on the floor, sways, turns and swings its limbs."""
    from scipy.spatial.transform import Rotation

    from popdanceset.motion.joint_motion import mean_body

    def make(frames: int = 90, seed: int = 0, fps: float = 30) -> Dance:
        random = np.random.default_rng(seed)
        time = np.arange(frames)[:, None, None] / fps
        pace, phase = random.uniform(0.3, 1.2, (24, 3)), random.uniform(0, 2 * np.pi, (24, 3))
        poses = 0.25 * np.sin(2 * np.pi * time * pace + phase)
        facing = Rotation.from_rotvec(np.sin(time[:, 0] + seed) * [0, 0, 0.6])
        poses[:, 0] = (facing * Rotation.from_rotvec([np.pi / 2, 0, 0])).as_rotvec()
        root = np.concatenate([0.2 * np.sin(time[:, 0] * [[1.1, 0.7]] + seed), np.zeros((frames, 1))], axis=1)
        root[:, 2] -= mean_body(poses, root)[..., 2].min(1)
        joints = mean_body(poses, root)
        return Dance(poses.astype(np.float32), root.astype(np.float32), joints)

    return make

"""Fixtures for all tests."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest
from hypothesis import HealthCheck

from popdanceset.settings import Settings
from popdanceset.store import Store

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
        overrides={"store": str(tmp_path / "store"), "manifests": str(tmp_path / "manifests")}
    )


@pytest.fixture
def store(settings: Settings) -> Store:
    """The store of `settings`."""
    return Store(settings.store)

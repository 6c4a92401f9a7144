"""The plain EDGE, and small networks."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")


@pytest.fixture(scope="session")
def plain() -> ModuleType:
    """The plain version of EDGE."""
    spec = importlib.util.spec_from_file_location("plain_edge", Path(__file__).with_name("plain.py"))
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def golden(shared: Path) -> Path:
    """The folder of values recorded from the authors' code."""
    return shared / "golden/baselines/edge"

"""Small networks, and the plain one that they are compared with."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")

from training.popdg.config import PRESETS  # noqa: E402
from training.popdg.model import POPDG  # noqa: E402

SIZES = {"music_dim": 7, "width": 32, "feedforward": 48, "heads": 4, "layers": 2, "music_layers": 1}


@pytest.fixture(scope="session")
def plain() -> ModuleType:
    """The plain version of the released network."""
    spec = importlib.util.spec_from_file_location("plain", Path(__file__).with_name("plain.py"))
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def golden(shared: Path) -> Path:
    """The folder of values recorded from the released code."""
    return shared / "golden/popdg"


@pytest.fixture
def small() -> Callable[..., POPDG]:
    """Makes a small network: `small("paper", window=20, kernel=3)`; in evaluation mode."""

    def make(preset: str = "paper", **changes: Any) -> POPDG:
        torch.manual_seed(0)
        return POPDG(replace(PRESETS[preset].model, **(SIZES | {"window": 20} | changes))).eval()

    return make

"""A release to train on."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from popdanceset.release.writer import publish
from popdanceset.settings import Settings
from popdanceset.store import Store

pytest.importorskip("torch", reason="training needs the extra 'train'")


@pytest.fixture(scope="session")
def synthetic() -> ModuleType:
    """The module that fills stores, shared with the tests of releases."""
    path = Path(__file__).parent.parent / "popdanceset/release/synthetic.py"
    spec = importlib.util.spec_from_file_location("synthetic", path)
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

    def make(clips: list[dict[str, Any]]) -> Path:
        synthetic.fill_store(store, "weekly", clips)
        return Path(settings.store, publish(settings, store, "weekly").path)

    return make


@pytest.fixture
def release_dir(make_release: Callable[..., Path], synthetic: ModuleType) -> Path:
    """Two clips of one video, one of another, one too short, one without sound."""
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

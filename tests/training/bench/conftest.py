"""A tiny release and a plan of tiny networks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from popdanceset.release.writer import publish
from popdanceset.settings import Settings
from popdanceset.store import Store
from tests.training.bench.tiny import FACT, POPDG

pytest.importorskip("torch", reason="training needs the extra 'train'")


@pytest.fixture
def publish_clips(tmp_path: Path, synthetic: ModuleType, beats_in_releases: None) -> Callable[..., Path]:
    """`publish_clips(7, 100)`: a release of so many clips of 100 frames, two of seven for testing."""

    def make(clips: int, frames: int = 100) -> Path:
        settings = Settings.load(
            overrides={
                "store": str(tmp_path / "store"),
                "manifests": str(tmp_path / "manifests"),
                "release": {"figures": False, "test_share": 0.5},
            }
        )
        store = Store(settings.store)
        rows = [synthetic.clip_row(f"BV{number}_Clip_1", frames, f"m{number}") for number in range(clips)]
        synthetic.fill_store(store, "weekly", rows)
        return Path(settings.store, publish(settings, store, "weekly").path)

    return make


@pytest.fixture
def plan_file(tmp_path: Path) -> Callable[..., Path]:
    """`plan_file(seeds=[0])`: writes a plan of POPDG and FACT, with these lines in place of its own."""

    def write(**lines: Any) -> Path:
        content = {
            "seeds": [0, 1],
            "budget": {"steps": 4},
            "checkpoint_every": 2,
            "log_every": 1,
            "training": {"window": 30, "stride": 10, "batch-size": 4},
            "protocol": {"replicates": 50, "columns": ["PFC", "Div_k", "BAS"]},
            "models": {"POPDG": POPDG, "FACT": FACT},
            "tables": {"table-2": {"title": "Comparison"}},
            **lines,
        }
        path = tmp_path / "plan.yaml"
        path.write_text(yaml.safe_dump(content, sort_keys=False))
        return path

    return write

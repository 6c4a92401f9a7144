"""A store in which every stage has left something about a video."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from popdanceset.release.writer import publish
from popdanceset.settings import Settings
from popdanceset.store import Store
from tests.popdanceset.withdrawal.planting import DAY, GONE, fill


@pytest.fixture
def planted(settings: Settings, store: Store, synthetic: ModuleType, tmp_path: Path) -> Store:
    """A store with a release, a report and a training cache."""
    fill(store, settings, synthetic)
    publish(settings, store, "weekly", day=DAY)
    content = json.loads(store.read_bytes("releases/2026.01.02/meta/info.json"))["content"]
    cache = tmp_path / "caches" / f"{content.removeprefix('sha256:')[:24]}-baseline-1"
    cache.mkdir(parents=True)
    np.save(cache / "motion.npy", np.zeros(3))
    store.write_bytes("reports/2026.01.02.html", f'<h2>{GONE}_Clip_1</h2><img src="…">'.encode())
    store.write_bytes("reports/older.html", b"<h2>nothing</h2>")
    return store

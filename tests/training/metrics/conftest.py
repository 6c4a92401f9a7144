"""Dances for the tests of metrics."""

from __future__ import annotations

import importlib.util
import json
import pickle
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from training.metrics.clip import Clip

PLAIN = Path(__file__).parents[2] / "benchmarks/metrics.py"


@pytest.fixture(scope="session")
def plain() -> ModuleType:
    """The benchmark module, with its plain loops and invented dances."""
    spec = importlib.util.spec_from_file_location("plain_metrics", PLAIN)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def dance(plain: ModuleType) -> np.ndarray:
    """(90, 24, 3) float64 of a body that swings, z up."""
    return plain.dances(1, 90, seed=7)[0].astype(float)


@pytest.fixture(scope="session")
def expected(shared: Path) -> dict[str, Any]:
    """The released code's numbers for the golden motions."""
    return json.loads((shared / "golden/metrics/expected.json").read_text())


@pytest.fixture(scope="session")
def golden(shared: Path, expected: dict[str, Any]) -> dict[str, list[Clip]]:
    """The golden motions with their music, in the order of `expected`: `real` and `generated`."""
    folder = shared / "golden/metrics"
    return {
        part: [
            Clip(
                name,
                pickle.loads((folder / part / name).read_bytes())["full_pose"],  # noqa: S301 our own files
                30.0,
                np.flatnonzero(
                    np.load(folder / "music_beats" / f"{name.removeprefix('test_')[:-4]}.npy")[:, -1]
                ),
            )
            for name in expected[part]["per_motion"]
        ]
        for part in ("real", "generated")
    }

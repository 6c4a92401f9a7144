"""A detector whose network answers what the test says."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from hybrik_runner.blazepose import detector as module
from hybrik_runner.blazepose.detector import Detector


@pytest.fixture
def fake_network(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> Callable[..., Detector]:
    """`fake_network(cell=(column, row), hips, rim, logit)`: one anchor of the coarsest layer answers."""

    def make(
        cell: tuple[int, int], hips: tuple[float, float], rim: tuple[float, float], logit: float
    ) -> Detector:
        def answer(image: np.ndarray) -> dict[int, np.ndarray]:
            assert image.shape == (224, 224, 3)
            logits, boxes = np.full((2254, 1), -10.0, np.float32), np.zeros((2254, 12), np.float32)
            number = 28 * 28 * 2 + 14 * 14 * 2 + (cell[1] * 7 + cell[0]) * 6
            logits[number], boxes[number, 4:6], boxes[number, 6:8] = logit, hips, rim
            return {2254: logits, 2254 * 12: boxes}

        monkeypatch.setattr(module, "Network", lambda *_: answer)
        return Detector(tmp_path)  # type: ignore[arg-type]

    return make

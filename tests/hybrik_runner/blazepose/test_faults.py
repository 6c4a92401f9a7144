"""Films that give no poses: the embedded estimator rejects them with a reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hybrik_runner.blazepose.estimator import load_estimator
from hybrik_runner.blazepose.landmarks import Landmarks
from hybrik_runner.running import runner
from popdanceset.schema import FRAMES, Reason, shape_of
from popdanceset.settings import Settings
from popdanceset.store import Store

Film = Callable[[str], Path]


@pytest.fixture
def real(models: Path) -> Settings:
    return Settings.load(overrides={"pose": {"model_dir": str(models)}})


def holds_numbers_only(store: Store) -> bool:
    table = store.read_table("poses", FRAMES)
    arrays = [table[field.name].combine_chunks().values for field in FRAMES if shape_of(field)]
    return all(np.isfinite(np.asarray(values, np.float64)).all() for values in arrays)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("empty", Reason.DAMAGED),
        ("nobody", Reason.NOT_TRACKED),
        ("leaves", Reason.NOT_TRACKED),
        ("four", Reason.SEVERAL_DANCERS),
        ("single", Reason.TOO_SHORT),
    ],
)
def test_rejected_with_a_reason(
    store: Store, real: Settings, faulty_film: Film, kind: str, reason: Reason
) -> None:
    row = runner.extract_clip(faulty_film(kind), kind, "BV1", real, store)
    assert (row["reason"], row["accepted"]) == (reason.value, False)
    assert row["note"]
    assert holds_numbers_only(store)


@pytest.mark.parametrize("kind", ["good", "portrait"])
def test_accepted(store: Store, real: Settings, faulty_film: Film, kind: str) -> None:
    row = runner.extract_clip(faulty_film(kind), kind, "BV1", real, store)
    assert row["reason"] in ("", Reason.UNSTEADY_POSE.value)
    assert row["detected"] == row["frames"] == 24
    assert holds_numbers_only(store)


def test_numbers_that_are_none(
    store: Store, real: Settings, faulty_film: Film, monkeypatch: pytest.MonkeyPatch
) -> None:
    estimator = load_estimator(real)
    look = estimator._landmarker.__class__.__call__

    def spoilt(self: object, *arguments: object) -> Landmarks:
        found = look(self, *arguments)
        found.metric[3] = np.nan
        return found

    monkeypatch.setattr(estimator._landmarker.__class__, "__call__", spoilt)
    row = runner.extract_clip(faulty_film("good"), "c", "BV1", real, store, estimator)
    assert row["reason"] == Reason.NOT_TRACKED.value
    assert store.list("poses") == []

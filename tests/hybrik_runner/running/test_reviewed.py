"""Extraction does what the clip's row says of reviewers, also if that changes in the middle."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from hybrik_runner.running import runner
from hybrik_runner.running.waiting import extract_waiting
from popdanceset.media import Frame
from popdanceset.schema import CLIPS, FRAMES
from popdanceset.settings import Settings
from popdanceset.store import Store
from popdanceset.tables import fold_column

BVID = "BV1xx411c7mD"
CLIP = f"{BVID}_Clip_1"
MIRROR = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]


@pytest.fixture
def wanted(store: Store, film: Callable[..., Path], synthetic: ModuleType) -> Callable[..., None]:
    """Writes the clip's row with what reviewers want: `wanted(swaps=…, reviewed=…)`."""
    path = f"media/{BVID}/{CLIP}.mp4"
    store.put(film(60), path)

    def write(**columns: Any) -> None:
        row = synthetic.clip_row(CLIP, 60) | {"path": path} | columns
        store.write_rows(f"clips/{BVID}.parquet", [row], CLIPS)

    write()
    return write


def keypoints(store: Store) -> np.ndarray:
    return fold_column(store.read_table(f"poses/{CLIP}.parquet", FRAMES), "coco_keypoints2d")


def extracted(settings: Settings, store: Store, estimator: Any) -> np.ndarray:
    extract_waiting(settings, store, None, estimator)
    return keypoints(store)


def discard(store: Store) -> None:
    for name in (f"verdicts/{CLIP}.parquet", f"poses/{CLIP}.parquet"):
        store.remove(name)


def test_left_and_right_are_exchanged_where_the_row_says_so(
    wanted: Callable[..., None], store: Store, settings: Settings, fake: type
) -> None:
    plain = extracted(settings, store, fake())
    discard(store)
    wanted(swaps="0.500-1.000+1.500-1.600", reviewed="swap 0.500-1.000; swap 1.500-1.600")
    swapped = extracted(settings, store, fake())
    changed = np.abs(swapped - plain).max((1, 2)) > 1
    # Three frames alone are what `hybrik_runner.poses.sides` takes for a mistake of the estimator.
    assert np.flatnonzero(changed).tolist() == list(range(15, 30))
    assert swapped[changed] == pytest.approx(plain[changed][:, MIRROR])


@pytest.mark.parametrize(
    "change",
    [{"swaps": "0.500-1.000"}, {"reviewed": "redo 2026-11-29T12:00:00.000Z"}, {"reviewed": "unfinished"}],
)
@pytest.mark.parametrize("before_frames", [False, True])
def test_the_row_changes_while_the_clip_is_extracted(
    wanted: Callable[..., None],
    store: Store,
    settings: Settings,
    fake: type,
    before_frames: bool,
    change: dict[str, str],
) -> None:
    class Interrupted(fake):  # type: ignore[misc]
        def track(self, frames: Iterable[Frame]) -> Iterator[int | None]:
            if before_frames:
                wanted(**change)
            yield from super().track(frames)
            if not before_frames:
                wanted(**change)

    assert extract_waiting(settings, store, None, Interrupted()).clips == 0
    assert store.list("verdicts") == store.list("poses") == store.list("failures") == []
    assert extract_waiting(settings, store, None, fake()).clips == 1


def test_the_row_changes_when_the_poses_are_written(
    wanted: Callable[..., None],
    store: Store,
    settings: Settings,
    fake: type,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write: Any = runner._write

    def late(*arguments: Any) -> None:
        write(*arguments)
        wanted(reviewed="redo 2026-11-29T12:00:00.000Z")

    monkeypatch.setattr(runner, "_write", late)
    assert extract_waiting(settings, store, None, fake()).clips == 0
    assert store.list("poses") == []


def test_a_row_that_makes_no_sense_costs_its_clip(
    wanted: Callable[..., None], store: Store, settings: Settings, fake: type
) -> None:
    wanted(swaps="nonsense")
    summary = extract_waiting(settings, store, None, fake())
    assert (summary.clips, summary.failed) == (0, (CLIP,))

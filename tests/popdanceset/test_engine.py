"""Work on many items that an engine does: all of it, whatever happens to its workers."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from popdanceset.engine import find_engine, spread
from popdanceset.errors import PopDanceSetError, SettingsError
from popdanceset.settings import Settings
from popdanceset.store import Store
from tests.in_process import InProcess


@dataclass(frozen=True)
class Writing:
    """Writes a file for each item."""

    stage: str = "write"
    on_gpu: bool = False

    def __call__(self, settings: Settings, ids: list[str]) -> None:
        store = Store(settings.store)
        for each in ids:
            store.write_bytes(f"done/{each}", b"")


ITEMS = list("abcdefg")


def unfinished(store: Store) -> list[str]:
    return sorted(set(ITEMS) - {name[-1] for name in store.list("done")})


def run(settings: Settings, store: Store, engine: InProcess, told: list[int]) -> int:
    here = settings.model_copy(update={"engine": "ray"})
    return spread(
        engine,
        Writing(),
        lambda first: unfinished(store),
        here,
        lambda steps=1, note="": told.append(steps),
    )


def test_everything_is_done_once(settings: Settings, store: Store, in_process: InProcess) -> None:
    told: list[int] = []
    assert run(settings, store, in_process, told) == 7
    assert in_process.given == ITEMS
    assert sum(told) == 7
    assert run(settings, store, in_process, told) == 0
    assert in_process.given == ITEMS, "nothing is handed out if nothing is missing"


def test_what_dead_workers_left_is_handed_out_again_one_at_a_time(
    settings: Settings, store: Store, in_process: InProcess
) -> None:
    def die_once(ids: list[str]) -> None:
        if ids[0] in "ce" and len(in_process.batches) == 1:
            store.write_bytes(f"done/{ids[0]}", b"")  # it had finished this one
            raise ConnectionError

    in_process.before = die_once
    told: list[int] = []
    assert run(settings, store, in_process, told) == 7
    assert in_process.given == [*ITEMS, "d", "f"]
    assert in_process.batches == [None, 1]
    assert sum(told) == 7, "every item is counted once"


def test_an_item_that_kills_every_worker_is_named(
    settings: Settings, store: Store, in_process: InProcess
) -> None:
    def deadly(ids: list[str]) -> None:
        if "d" in ids:
            raise ConnectionError

    in_process.before = deadly
    with pytest.raises(PopDanceSetError, match=r"^d: write: 1 item unfinished because their workers crashed"):
        run(settings, store, in_process, [])
    assert unfinished(store) == ["d"]


def test_an_item_that_dies_in_the_queue_of_a_deadly_one_is_done_apart(
    settings: Settings, store: Store, in_process: InProcess
) -> None:
    died_in = 0

    def deadly(ids: list[str]) -> None:
        nonlocal died_in
        number = len(in_process.batches)
        if "d" in ids:
            died_in = number
        if number == died_in:
            raise ConnectionError

    in_process.before = deadly
    with pytest.raises(PopDanceSetError, match=r"^d: write: 1 item unfinished because their workers crashed"):
        run(settings, store, in_process, [])
    assert unfinished(store) == ["d"]


def test_engines_are_found_by_name(settings: Settings, in_process: InProcess) -> None:
    assert find_engine(settings) is None
    assert find_engine(settings.model_copy(update={"engine": "ray"})) is in_process
    with pytest.raises(SettingsError, match=r"no engine is called 'dask' .*installed: local"):
        find_engine(settings.model_copy(update={"engine": "dask"}))
    with pytest.raises(SettingsError, match="engine"):
        Settings.load(overrides={"engine": "dask"})

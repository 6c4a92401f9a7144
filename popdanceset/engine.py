"""Engines: who does the work of a stage on its many items. The setting `engine` chooses one.

`local`, the default, is no engine: the stage works here. Any other name is an entry point of group
`popdanceset.engines`, `load(settings) -> Engine`; `ray` is in the package `flows`. An engine hands ids to
workers on other machines, which call the stage's own function on some of the items at a time. Workers read
and write the store, which alone says what is finished: an engine reports no results, and what a dead worker
has not finished is handed out again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Protocol

from popdanceset.errors import PopDanceSetError, SettingsError
from popdanceset.progress import Advance
from popdanceset.wording import counted

if TYPE_CHECKING:
    from popdanceset.settings import Settings

log = logging.getLogger(__name__)

GROUP = "popdanceset.engines"
LOCAL = "local"

_FEW = 32
"""Items that are handed out one after the other, each in a run of its own, to tell which of them kill their
workers. Where more are left, it is not the items."""


class Work(Protocol):
    """A stage's work on some of its items: a callable that can be pickled.

    Attributes:
        stage: name of the stage.
        on_gpu: whether a GPU does it, where there is one.
    """

    @property
    def stage(self) -> str: ...

    @property
    def on_gpu(self) -> bool: ...

    def __call__(self, settings: Settings, ids: list[str]) -> None:
        """Does the work. Finished items are left alone; an item that fails has a row that says so.

        Raises:
            PopDanceSetError: something is wrong that concerns more than one item.
        """
        ...


class Engine(Protocol):
    """Workers on other machines."""

    def check(self) -> None:
        """Does nothing if the engine can work; starts nothing.

        Raises:
            SettingsError: it cannot; one line says why.
        """
        ...

    def run(
        self, work: Work, ids: Sequence[str], settings: Settings, advance: Advance, batch: int | None = None
    ) -> None:
        """Hands all items to workers, and returns when each was handed out and came back, or its worker died.

        Args:
            work: what is done with them.
            ids: the items.
            settings: of the workers.
            advance: called with the number of items that came back.
            batch: items that a worker gets at a time; None: as many as the settings say.

        Raises:
            SettingsError: the engine cannot work.
            PopDanceSetError: the first that a worker raised, after all other items came back.
        """
        ...


def find_engine(settings: Settings) -> Engine | None:
    """Returns the engine of the settings, None if the stage works here, after checking that it can work.

    Raises:
        SettingsError: it is not installed, or cannot work.
    """
    if settings.engine == LOCAL:
        return None
    for point in entry_points(group=GROUP, name=settings.engine):
        engine: Engine = point.load()(settings)
        engine.check()
        return engine
    known = ", ".join([LOCAL, *sorted(point.name for point in entry_points(group=GROUP))])
    raise SettingsError(f"no engine is called {settings.engine!r}", "engine", f"installed: {known}")


def spread(
    engine: Engine, work: Work, unfinished: Callable[[bool], list[str]], settings: Settings, advance: Advance
) -> int:
    """Has an engine do all unfinished items of a stage.

    Args:
        engine: does them.
        work: what is done with an item.
        unfinished: reads from the store which items are unfinished; called with True before the work, and
            with False afterwards, when items that failed are finished too.
        settings: of the run.
        advance: called with the number of finished items.

    Returns:
        Number of items that were done.

    Raises:
        SettingsError, PopDanceSetError: as `Engine.run`; or that items are unfinished because their workers
            crashed.
    """
    here = settings.model_copy(update={"engine": LOCAL})
    left = unfinished(True)
    total, batch, told = len(left), None, 0
    alone = False

    def count(steps: int = 1, note: str = "") -> None:
        nonlocal told
        told += steps
        advance(steps, note)

    while left:
        log.info("%s: %s for the engine %s", work.stage, counted(len(left), "item"), settings.engine)
        for items in [[item] for item in left] if alone else [left]:
            engine.run(work, items, here, count, batch)
        before, left = len(left), unfinished(False)
        count(total - len(left) - told)  # of workers that died before they could tell
        if left and len(left) >= before:
            # One that waits for a worker dies with it too, each time if it is unlucky: apart from now on.
            if 1 < len(left) <= _FEW and not alone:
                alone = True
                continue
            few = ", ".join([*left[:5], *(["…"] if len(left) > 5 else [])])
            raise PopDanceSetError(
                f"{work.stage}: {counted(len(left), 'item')} unfinished because their workers crashed",
                few,
                "see the engine's log, and run it again",
            )
        # An item that kills its worker takes those handed out with it along: one at a time from now on.
        batch = 1
    return total

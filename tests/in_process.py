"""An engine without other machines."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence

from popdanceset.engine import Work
from popdanceset.progress import Advance
from popdanceset.settings import Settings


class InProcess:
    """Calls the work here, on pickled copies, two items at a time unless it is asked for fewer.

    Attributes:
        given: items that were handed out, in order.
        batches: size of the batches of each run.
        before: called before each batch, with its items; may raise, as a worker that dies.
    """

    def __init__(self) -> None:
        self.given: list[str] = []
        self.batches: list[int | None] = []
        self.before: Callable[[list[str]], None] = lambda ids: None

    def check(self) -> None:
        """Everything is here."""

    def run(
        self, work: Work, ids: Sequence[str], settings: Settings, advance: Advance, batch: int | None = None
    ) -> None:
        """Does the work; a batch before which `before` raises is lost."""
        assert settings.engine == "local", "a worker has no engine of its own"
        self.batches.append(batch)
        copy: Work = pickle.loads(pickle.dumps(work))  # noqa: S301
        for first in range(0, len(ids), size := batch or 2):
            some = list(ids[first : first + size])
            self.given += some
            try:
                self.before(some)
            except ConnectionError:
                continue
            copy(settings, some)
            advance(len(some), some[-1])

"""How many dancers a clip shows. They are counted now and then, since a count costs as much as a dozen
frames."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from hybrik_runner.blazepose.people import People
    from popdanceset.media import Frame

_LEAST_SIZE = 0.5
"""Share of the largest person's size: smaller people are passers-by and not dancers, as in screening
(`max_second`)."""


class Census:
    """Counts dancers in some of the frames of a clip.

    Args:
        people: finds everybody in a frame; None: nothing is counted.
        every: seconds between two counts; 0: nothing is counted.
    """

    def __init__(self, people: People | None, every: float) -> None:
        self._people, self._every = people, every
        self._next = 0.0

    def __call__(self, frame: Frame) -> int | None:
        """Returns the number of dancers in a frame, or None if it is not time to count."""
        if self._people is None or not self._every or frame.time < self._next:
            return None
        self._next = frame.time + self._every
        radius = self._people(frame.image)[:, 2]
        return int((radius >= _LEAST_SIZE * radius.max(initial=0)).sum())

    @staticmethod
    def median(counts: Iterable[int | None]) -> float:
        """Returns the median of the counts; 1 if there are none."""
        known = [count for count in counts if count is not None]
        return float(np.median(known)) if known else 1.0

"""The room behind the dancer: a median of a few frames, in which whatever moves has gone, and its lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from popdanceset.media import Frame

Floats = NDArray[np.float64]

_FRAMES, _SECONDS = 7, 1.0
"""How many frames are kept at most, and the time between them. The median of an odd number is one of them."""
_SIDE = 360
"""Pixels: the shorter side of what is kept of a frame. With 480, directions differ by less than 0.1 degrees,
and finding the lines takes twice the time."""
_LEAST_SIDE = 32  # pixels; a smaller picture shows no line
_LEAST_LENGTH = 0.04
"""Length of a line as a share of the picture's shorter side. The direction of a shorter one is uncertain."""
_MOST_LINES = 250
"""Only the longest are used, so that a busy picture costs no more time than others."""


class Room:
    """What stands still in a clip. `look` is called with every frame; a few are kept, small and grey."""

    def __init__(self) -> None:
        self._frames: list[NDArray[np.uint8]] = []
        self._next = -np.inf
        self._shrunk = 1.0

    def look(self, frame: Frame) -> None:
        """Keeps what is needed of a frame; frames come in order, all of one size."""
        side = min(frame.image.shape[:2])
        if frame.time < self._next or len(self._frames) == _FRAMES or side < _LEAST_SIDE:
            return
        self._next = frame.time + _SECONDS
        self._shrunk = min(1.0, _SIDE / side)
        grey = cv2.cvtColor(frame.image, cv2.COLOR_RGB2GRAY)
        if self._shrunk < 1:
            grey = cv2.resize(grey, None, fx=self._shrunk, fy=self._shrunk, interpolation=cv2.INTER_AREA)
        self._frames.append(np.asarray(grey, np.uint8))

    def lines(self) -> Floats:
        """Returns the longest straight lines (n, 4), x0 y0 x1 y1 in pixels of the frames, longest first; n
        may be 0. Line segment detector of Grompone von Gioi et al. (IPOL 2012)."""
        if not self._frames:
            return np.empty((0, 4))
        middle = (len(self._frames) - 1) // 2
        still = np.partition(np.stack(self._frames), middle, axis=0)[middle]
        found = cv2.createLineSegmentDetector(cv2.LSD_REFINE_STD).detect(still)[0]
        if found is None:
            return np.empty((0, 4))
        lines = np.asarray(found, np.float64).reshape(-1, 4)
        length = np.hypot(*(lines[:, 2:] - lines[:, :2]).T)
        longest = np.argsort(-length, kind="stable")[:_MOST_LINES]
        kept: Floats = lines[longest[length[longest] >= _LEAST_LENGTH * min(still.shape)]] / self._shrunk
        return kept

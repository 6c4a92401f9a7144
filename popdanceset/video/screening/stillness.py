"""Stillness and blankness: how much changes within half a second, and whether a frame shows anything."""

from __future__ import annotations

from collections import deque

import cv2
import numpy as np
from numpy.typing import NDArray

from popdanceset.media import Frame
from popdanceset.video.screening.report import Picture

_WIDTH = 64  # pixels
_EVERY = 0.1  # seconds
_LAG = 5  # steps of `_EVERY` that are compared
_SLACK = 0.002  # seconds: time stamps are rounded
_FEW = 99.0  # percentile of the change: the parts of the frame that move most


class StillnessMeter:
    """Compares each frame with the one half a second before."""

    def __init__(self) -> None:
        self._past: deque[NDArray[np.float32]] = deque(maxlen=_LAG + 1)
        self._seen: list[tuple[float, float | None, float]] = []

    def see(self, frame: Frame) -> None:
        """Takes the next frame, and looks at it if it is due."""
        if self._seen and frame.time < len(self._seen) * _EVERY - _SLACK:
            return
        height, width = frame.image.shape[:2]
        size = (_WIDTH, max(2, round(_WIDTH * height / width)))
        small = cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA)
        grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
        self._past.append(grey)
        change = None
        if len(self._past) > _LAG:
            change = round(float(np.percentile(np.abs(grey - self._past[0]), _FEW)), 2)
        # A single bright spot is not a picture: only the middle nine tenths of the brightness count.
        low, high = np.percentile(grey, (5, 95))
        self._seen.append((round(frame.time, 4), change, round(float(high - low), 2)))

    def picture(self) -> Picture:
        """What was seen. The first half second has the first change that is known."""
        if not self._seen:
            return Picture((), (), ())
        time, change, contrast = zip(*self._seen, strict=True)
        first = next((c for c in change if c is not None), None)
        return Picture(time, tuple(first if c is None else c for c in change), contrast)

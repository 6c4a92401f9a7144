"""Dark bars above, below, left and right of the picture."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from popdanceset.media import Frame
from popdanceset.video.screening.report import Overlays

Floats = NDArray[np.float64]

_WIDTH = 320  # pixels
_EVERY = 0.5  # seconds
_SLACK = 0.002  # seconds
_DARK = 24.0  # brightness 0..255 of the lightest pixels of a bar
_LEAST_BAR = 0.03  # share of the frame's side


class OverlayMeter:
    """Looks for margins that never light up."""

    def __init__(self) -> None:
        self._next = 0.0
        self._lightest: NDArray[np.uint8] | None = None

    def see(self, frame: Frame) -> None:
        """Takes the next frame, and looks at it if it is due."""
        if frame.time < self._next - _SLACK:
            return
        self._next += _EVERY
        height, width = frame.image.shape[:2]
        scale = min(1.0, _WIDTH / max(height, width))
        grey = cv2.cvtColor(frame.image, cv2.COLOR_RGB2GRAY)
        if scale < 1:
            grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        light = np.asarray(grey, np.uint8)
        self._lightest = light if self._lightest is None else np.maximum(self._lightest, light)

    def overlays(self) -> Overlays:
        """The bars that are present in the whole video."""
        if self._lightest is None:
            return Overlays((0.0, 0.0, 0.0, 0.0))
        lightest = self._lightest.astype(np.float64)
        sides = [bar(lightest[:, ::way].max(0)) for way in (1, -1)]
        ends = [bar(lightest[::way].max(1)) for way in (1, -1)]
        return Overlays((round(ends[0], 3), round(ends[1], 3), round(sides[0], 3), round(sides[1], 3)))


def bar(lightest: Floats) -> float:
    """Share (0..1) of a side that a dark bar takes.

    Args:
        lightest: (n,) brightness of the lightest pixel that each line ever has, from the rim inwards.
    """
    light = np.flatnonzero(lightest > _DARK)
    share = (light[0] if len(light) else 0) / len(lightest)
    return float(share) if share >= _LEAST_BAR else 0.0

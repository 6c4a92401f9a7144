"""Quick, rough pictures for measures that look at every frame of a film."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from popdanceset.media.geometry import Image

_FULL_RANGE = 2  # of AVColorRange


def draft(frame: Any, width: int, height: int) -> Image | None:
    """A frame of the usual pixel format, reduced in a quarter of the time that an exact conversion takes.

    Brightness and colours are reduced before they are converted, by the matrix of BT.601 whatever the film
    states, so that colours may be off by a few per cent.

    Args:
        frame: as PyAV has it.
        width, height: wanted, pixels.

    Returns:
        (height, width, 3) uint8 RGB; None for another pixel format, odd sizes, or a frame that need not be
        reduced.
    """
    usual = frame.format.name == "yuv420p" and frame.color_range != _FULL_RANGE
    even = not any(side % 2 for side in (width, height, frame.width, frame.height))
    if not (usual and even and width < frame.width and height < frame.height):
        return None
    planes = frame.to_ndarray()
    reduced = np.empty((height * 3 // 2, width), np.uint8)
    for whole, part in zip(_planes(planes), _planes(reduced), strict=True):
        cv2.resize(whole, part.shape[::-1], dst=part, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(reduced, cv2.COLOR_YUV2RGB_I420), np.uint8)


def _planes(planes: Image) -> tuple[Image, Image, Image]:
    """Brightness and the two colours, views into an array (height * 3 / 2, width)."""
    rows, width = planes.shape
    height = rows * 2 // 3
    blue, red = planes[height:].reshape(2, height // 2, width // 2)
    return planes[:height], blue, red

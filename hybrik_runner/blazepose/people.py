"""How many people are in a picture, and where: the detector of screening.

On a whole letterboxed picture the detector finds mostly one person. Asked also on overlapping square tiles
of two sizes it finds the others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hybrik_runner.blazepose import assets
from hybrik_runner.blazepose.detector import Detections, Detector, distinct, keep

if TYPE_CHECKING:
    from popdanceset.settings import Settings

TILE_SIDES = (1.0, 0.6)
"""Sides of the tiles, as shares of the picture's shorter side."""


def load_detector(settings: Settings) -> Callable[[NDArray[np.uint8]], NDArray[np.float64]]:
    """The person detector of entry-point group `popdanceset.detectors`.

    Returns:
        A function of a picture (height, width, 3) uint8 RGB that gives (n, 4) float64: x, y of the middle
        of the hips, radius of the body's circle (all pixels), confidence; best first, n = 0 if nobody is
        there. It keeps buffers, so each thread needs its own.

    Raises:
        AssetError: the model files are not here and cannot be fetched.
    """
    detector = Detector(assets.ensure(settings) / assets.DETECTOR.name)
    least_score = settings.screening.detector_score

    def people(image: NDArray[np.uint8]) -> NDArray[np.float64]:
        height, width = image.shape[:2]
        found = [detector(image, None, least_score)]
        found += [detector(image, tile, least_score) for tile in tiles(width, height)]
        merged = merge(found)
        return np.column_stack([merged.centre, merged.radius, merged.score])

    return people


def tiles(width: int, height: int) -> list[tuple[float, float, float]]:
    """Overlapping squares (x, y, side) that cover a picture at two scales, in steps of half a side."""
    squares = []
    for share in TILE_SIDES:
        side = share * min(width, height)
        xs = np.linspace(0, width - side, int(np.ceil((width - side) / (side / 2))) + 1)
        ys = np.linspace(0, height - side, int(np.ceil((height - side) / (side / 2))) + 1)
        squares += [(float(x), float(y), side) for y in ys for x in xs]
    return squares


def merge(found: list[Detections]) -> Detections:
    """One detection a person, from answers on several squares of the same picture."""
    together = Detections(
        np.concatenate([f.centre for f in found]),
        np.concatenate([f.rim for f in found]),
        np.concatenate([f.score for f in found]),
    )
    return keep(together, distinct(together))

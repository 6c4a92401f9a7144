"""How many people are in a frame, where, and which of their limbs are visible: the detector of screening.

On a whole letterboxed frame the detector mostly finds one person. Run also on overlapping square tiles of two
sizes it finds the others, at twenty times the cost. So that is done now and then, and in between the people
it found are looked for where they were.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hybrik_runner.blazepose import assets
from hybrik_runner.blazepose.body import LIMB_LANDMARKS
from hybrik_runner.blazepose.detector import Detections, Detector, distinct, keep
from hybrik_runner.blazepose.landmarks import Landmarker, Region

if TYPE_CHECKING:
    from popdanceset.settings import Settings

TILE_SIDES = (1.0, 0.6)
"""Sides of the tiles, as shares of the frame's shorter side."""

_TILE_STEP = 2 / 3
_AROUND = 2.6
"""Side of the square in which a person is looked for again, in radii of the body's circle."""
_SURE = 0.8  # confidence of the detector above which the landmark network need not confirm
_LEAST_PRESENCE = 0.5


class People:
    """A person detector as `popdanceset.video.screening.detector.PersonDetector` describes it.

    Args:
        detector, landmarker: the networks; any thread may use them.
        least_score: people with a smaller confidence are left out.
    """

    def __init__(self, detector: Detector, landmarker: Landmarker, least_score: float) -> None:
        self._detector, self._landmarker, self._least_score = detector, landmarker, least_score

    def __call__(
        self, image: NDArray[np.uint8], near: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """Finds the people of a frame, (n, 6): x, y of the middle of the hips, radius of the body's circle
        (all pixels), confidence, x, y of the circle's point above the head; best first.

        Args:
            image: (height, width, 3) uint8 RGB.
            near: (m, ≥ 3) people who were seen shortly before: looked for there and in the whole frame; None:
                everybody is looked for everywhere.
        """
        height, width = image.shape[:2]
        found = [self._detector(image, None, self._least_score)]
        squares = tiles(width, height) if near is None else around(missing(near, found[0]))
        found += [self._detector(image, square, self._least_score) for square in squares]
        merged = merge(found)
        people = np.column_stack([merged.centre, merged.radius, merged.score, merged.rim])
        # A loudspeaker may pass for a distant person with one network, but not with both.
        real = [person[3] > _SURE or self.limbs(image, person) is not None for person in people]
        counted: NDArray[np.float64] = people[np.array(real, bool)]
        return counted

    def limbs(self, image: NDArray[np.uint8], person: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Finds the limbs of a person (6,) that was found in this frame, as
        `popdanceset.video.screening.detector.LimbFinder` describes it: the landmark network's points and
        visibilities."""
        centre, rim = person[:2], person[4:6]
        if not 1 <= np.linalg.norm(rim - centre) < np.inf:
            return None
        found = self._landmarker(image, Region.of_body(centre, rim))
        limbs = np.column_stack([found.image, found.visibility])[LIMB_LANDMARKS]
        return limbs if found.presence >= _LEAST_PRESENCE and np.isfinite(limbs).all() else None


def load_detector(settings: Settings) -> People:
    """Loads the person detector of entry-point group `popdanceset.detectors`.

    Raises:
        AssetError: the model files are missing and cannot be fetched.
    """
    folder = assets.ensure(settings)
    return People(
        Detector(folder / assets.DETECTOR.name),
        Landmarker(folder / assets.LANDMARKS.name),
        settings.screening.detector_score,
    )


def missing(near: NDArray[np.float64], found: Detections) -> NDArray[np.float64]:
    """Returns the people of `near` (m, ≥ 3) for whom no detection lies within a radius."""
    if not len(found):
        return near
    gap = np.linalg.norm(near[:, None, :2] - found.centre, axis=2).min(1)
    return np.asarray(near[gap > near[:, 2]])


def around(people: NDArray[np.float64]) -> list[tuple[float, float, float]]:
    """Returns the squares (x, y, side) in which people (m, ≥ 3) are looked for again."""
    return [(x - _AROUND * r / 2, y - _AROUND * r / 2, _AROUND * r) for x, y, r in people[:, :3].tolist()]


def tiles(width: int, height: int) -> list[tuple[float, float, float]]:
    """Returns overlapping squares (x, y, side) that cover a frame at two scales, in steps of at most two
    thirds of a side."""
    squares = []
    for share in TILE_SIDES:
        side = share * min(width, height)
        xs = np.linspace(0, width - side, int(np.ceil((width - side) / (side * _TILE_STEP) - 1e-9)) + 1)
        ys = np.linspace(0, height - side, int(np.ceil((height - side) / (side * _TILE_STEP) - 1e-9)) + 1)
        squares += [(float(x), float(y), side) for y in ys for x in xs]
    return squares


def merge(found: list[Detections]) -> Detections:
    """Merges detections on several squares of the same frame into one detection for each person."""
    together = Detections(
        np.concatenate([f.centre for f in found]),
        np.concatenate([f.rim for f in found]),
        np.concatenate([f.score for f in found]),
    )
    return keep(together, distinct(together))

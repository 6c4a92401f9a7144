"""Dancers: how many people are seen, and whether from head to foot."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from popdanceset.errors import SettingsError
from popdanceset.media import Frame
from popdanceset.video.screening.report import Dancers

if TYPE_CHECKING:
    from popdanceset.settings import Settings

Floats = NDArray[np.float64]

GROUP = "popdanceset.detectors"
"""Entry points: name → `load_detector(settings) -> PersonDetector`."""

_BEYOND = 0.25  # radii that the circle may leave the frame above or below; see `is_whole`
_ASIDE = 0.3  # radii that the hips keep off the sides
_SLACK = 0.002  # seconds


class PersonDetector(Protocol):
    """Finds people in a picture. Not to be shared between threads."""

    def __call__(self, image: NDArray[np.uint8]) -> Floats:
        """People, each once.

        Args:
            image: (height, width, 3) uint8 RGB.

        Returns:
            (n, 4) centre x, y of the hips and radius of the circle around the whole body, in pixels; score
            0..1.
        """
        ...


def load_detector(settings: Settings) -> PersonDetector:
    """A detector of its own for the caller: that which `screening.detector` names.

    Raises:
        SettingsError: no installed package brings one of that name.
        AssetError: its model files are missing.
    """
    name = settings.screening.detector
    for point in entry_points(group=GROUP, name=name):
        detector: PersonDetector = point.load()(settings)
        return detector
    known = ", ".join(sorted(point.name for point in entry_points(group=GROUP))) or "none"
    raise SettingsError(f"no person detector {name!r}", "screening.detector", f"installed: {known}")


def is_whole(people: Floats, height: int, width: int) -> NDArray[np.bool_]:
    """Whether the bodies (n, 4) lie inside the frame, (n,).

    The circle reaches to the ends of a body stretched out, so it may leave the frame by a quarter of its
        radius above and below: whole standing dancers were seen to need 0.17, bodies cut off at the knees
        have 0.4. A body is narrower than its circle, so that to the sides only the hips must keep three
        tenths of a radius off, its half breadth.
    """
    x, y, radius = people[:, 0], people[:, 1], np.maximum(people[:, 2], 1e-9)
    beyond = np.maximum(radius - y, y + radius - height) / radius
    aside = np.minimum(x, width - x) / radius
    return np.asarray((beyond <= _BEYOND) & (aside >= _ASIDE))


class DancerCounter:
    """Counts people in pictures at even distances.

    Args:
        detector: finds them.
        fps: pictures a second that are looked at.
        least_score: people the detector is less sure of are not counted.
    """

    def __init__(self, detector: PersonDetector, fps: float, least_score: float) -> None:
        self._detector, self._interval, self._least_score = detector, 1 / fps, least_score
        self._seen: list[tuple[float, int, int]] = []
        self.people: Any = np.empty((0, 4))  # those in the last picture that was looked at

    def see(self, frame: Frame) -> None:
        """Takes the next picture; looks at it if it is time."""
        if self._seen and frame.time < len(self._seen) * self._interval - _SLACK:
            return
        found = np.asarray(self._detector(frame.image), float).reshape(-1, 4)
        self.people = found[found[:, 3] > self._least_score]
        whole = is_whole(self.people, *frame.image.shape[:2])
        self._seen.append((round(frame.time, 4), len(self.people), int(whole.sum())))

    def dancers(self) -> Dancers:
        """What was counted."""
        columns = list(zip(*self._seen, strict=True)) or [(), (), ()]
        return Dancers(*columns)

"""Dancers: how many people are seen, and whether from head to foot."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Protocol

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
_REACH = 1.5  # radii that the main dancer may move between two looks
_LARGER = 1.5  # times the main dancer's radius: who is that large takes the part
_FORGOTTEN = 1.6  # seconds after which whoever comes back begins a new track


class PersonDetector(Protocol):
    """Finds people in a picture. Not to be shared between threads."""

    def __call__(self, image: NDArray[np.uint8], near: Floats | None = None) -> Floats:
        """People, each once.

        Args:
            image: (height, width, 3) uint8 RGB.
            near: (m, 4) people found shortly before: a quick look for them, and for whoever stands out, is
                enough; None: everybody is to be found.

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
    """Counts people and follows the main dancer.

    Everybody is looked for every `search_seconds`, and whenever a quick look finds more or fewer people than
    there were.

    Args:
        detector: finds them.
        least_score: people the detector is less sure of are not counted.
        search_seconds: time between two thorough searches.
    """

    def __init__(self, detector: PersonDetector, least_score: float, search_seconds: float) -> None:
        self._detector, self._least_score, self._search_seconds = detector, least_score, search_seconds
        self._seen: list[tuple[float, int, int, int, float, float, int]] = []
        self._people: Floats | None = None
        self._searched = -np.inf
        self._tracks: dict[int, tuple[Floats, float]] = {}  # where and when each was seen last

    def look(self, frame: Frame) -> Floats:
        """Takes a picture; the people in it, (n, 4) as `PersonDetector` gives them."""
        height, width = frame.image.shape[:2]
        people = None
        if self._people is not None and frame.time < self._searched + self._search_seconds - _SLACK:
            quick = self._found(frame, self._people)
            people = quick if len(quick) == len(self._people) else None
        if people is None:
            people = self._found(frame, None)
            self._searched = frame.time
        self._people = people
        whole = is_whole(people, height, width)
        main, size, second, track = 0, 0.0, 0.0, 0
        if len(people):
            number, track = self._follow(people, frame.time)
            others = np.delete(people[:, 2], number)
            main, size = int(whole[number]), 2 * float(people[number, 2]) / height
            second = float(others.max() / people[number, 2]) if len(others) else 0.0
        told = (len(people), int(whole.sum()), main, round(size, 3), round(second, 3), track)
        self._seen.append((round(frame.time, 4), *told))
        return people

    def _found(self, frame: Frame, near: Floats | None) -> Floats:
        found = np.asarray(self._detector(frame.image, near), float).reshape(-1, 4)
        return np.asarray(found[found[:, 3] > self._least_score])

    def _follow(self, people: Floats, time: float) -> tuple[int, int]:
        """Number of the main dancer among the people, and of the track, from 1.

        The dancer of the oldest track that goes on stays the main dancer until somebody else is clearly
        larger.
        """
        largest = int(people[:, 2].argmax())
        for track, (place, seen) in sorted(self._tracks.items()):
            gap = np.linalg.norm(people[:, :2] - place[:2], axis=1) / place[2]
            growth = np.abs(np.log(people[:, 2] / place[2]))
            same = int((gap + growth).argmin())
            goes_on = time - seen < _FORGOTTEN and gap[same] < _REACH and growth[same] < np.log(2)
            if goes_on and people[largest, 2] < _LARGER * people[same, 2]:
                self._tracks[track] = (people[same], time)
                return same, track
        track = len(self._tracks) + 1
        self._tracks[track] = (people[largest], time)
        return largest, track

    def dancers(self) -> Dancers:
        """What was counted."""
        columns = list(zip(*self._seen, strict=True)) or [()] * 7
        return Dancers(*columns)

"""Tracks one dancer: each frame's landmarks determine where to look in the next one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hybrik_runner.blazepose.detector import Detector, keep
from hybrik_runner.blazepose.identity import Identity
from hybrik_runner.blazepose.landmarks import Landmarker, Landmarks, Region
from hybrik_runner.poses.one_euro import OneEuro

if TYPE_CHECKING:
    from popdanceset.media import Frame

Floats = NDArray[np.float64]

_LEAST_PRESENCE = 0.5

_CROP_FILTER = (0.01, 10.0)
"""Cut-off at rest (Hz) and its growth with speed (body sizes a second), as MediaPipe's own pipeline filters
the crop (pose_landmark_filtering.pbtxt of its later releases)."""

_AROUND = 2.6
"""Side of the square in which a lost dancer is looked for first, in radii of the body's circle."""

_SPEED = 6.0
"""Radii per second by which the middle of the hips may move. A radius is about a metre; sprinters reach 12
m/s, but nobody does so in a dance."""
_LEEWAY = 0.5
"""Radii by which detector and landmarks may disagree about where the hips are."""
_GROWTH = 1.6
"""Ratio in which the body's circle may differ from the one seen last: crouching, coming nearer."""


@dataclass(frozen=True, slots=True)
class _LastSeen:
    """Where the dancer was last seen.

    Attributes:
        body: (2, 2) centre and rim of the body's circle, pixels.
        time: seconds.
    """

    body: Floats
    time: float

    @property
    def radius(self) -> float:
        """Radius of the body's circle, pixels."""
        return float(np.linalg.norm(self.body[1] - self.body[0]))

    def reachable(self, centres: Floats, radii: Floats, time: float) -> NDArray[np.bool_]:
        """Returns which of the bodies with these centres (n, 2) and radii (n,) may be the dancer at a later
        time."""
        reach = self.radius * (_LEEWAY + _SPEED * (time - self.time))
        near = np.linalg.norm(centres - self.body[0], axis=1) <= reach
        ratio = radii / max(self.radius, 1e-6)
        return np.asarray(near & (ratio < _GROWTH) & (ratio > 1 / _GROWTH))


class Tracker:
    """Tracks one dancer through a clip.

    The person with the highest confidence in the first frame is the dancer. When landmarks lose confidence,
    the
    detector looks again: round the last place, then in the whole frame. It accepts only a person of the
        dancer's
    size within reach of the last place. A bystander is not accepted, however long the dancer is away: the
    reach grows with time, but the gap then ends the clip (`pose.longest_gap`). Nor is somebody who passes in
    front of the dancer (`hybrik_runner.blazepose.identity`).

    Args:
        detector: finds people in a frame.
        landmarker: finds the landmarks in a region.
    """

    def __init__(self, detector: Detector, landmarker: Landmarker) -> None:
        self._detector, self._landmarker = detector, landmarker
        self._body: Floats | None = None
        self._filter = OneEuro(*_CROP_FILTER)
        self._last: _LastSeen | None = None
        self._identity = Identity(detector, landmarker)

    @property
    def met(self) -> bool:
        """Whether somebody else may be taken for the dancer from the last frame on."""
        return self._identity.met

    def __call__(self, frame: Frame) -> Landmarks | None:
        """Returns the dancer's landmarks in the next frame; None if the dancer is not visible."""
        found = self._look(frame, self._body) if self._body is not None else None
        if found is not None and self._identity.is_somebody_else(frame, found, continuous=True):
            found = None
        if found is None:
            self._filter = OneEuro(*_CROP_FILTER)
            found = self._find(frame)
        self._body = None
        if found is not None:
            unit = Region.of_body(*found.body).side
            self._body = self._filter(found.body, frame.time, max(unit, 1.0))
            self._last = _LastSeen(self._body, frame.time)
            self._identity.update(frame, found)
        return found

    def _find(self, frame: Frame) -> Landmarks | None:
        for detected in self._detect(frame):
            found = self._look(frame, detected)
            # Landmarks locate the body's circle better than the detector does: worth a second look.
            found = self._look(frame, found.body) if found is not None else None
            if found is not None and not self._identity.is_somebody_else(frame, found, continuous=False):
                return found
        return None

    def _look(self, frame: Frame, body: Floats) -> Landmarks | None:
        region = Region.of_body(*body)
        if not np.isfinite(region.side) or region.side < 1:
            return None
        found = self._landmarker(frame.image, region)
        values = (found.image, found.metric, found.visibility, found.body)
        if found.presence < _LEAST_PRESENCE or not all(np.isfinite(v).all() for v in values):
            return None
        centre, rim = found.body
        radius = np.array([np.linalg.norm(rim - centre)])
        if self._last is not None and not self._last.reachable(centre[None], radius, frame.time).all():
            return None
        return found

    def _detect(self, frame: Frame) -> Iterator[Floats]:
        """Yields who may be the dancer, the likeliest first."""
        if self._last is None:
            people = self._detector(frame.image)
            if len(people):
                yield np.stack([people.centre[0], people.rim[0]])
            return
        x, y = self._last.body[0]
        side = _AROUND * self._last.radius
        for square in ((float(x - side / 2), float(y - side / 2), side), None):
            people = self._detector(frame.image, square)
            reachable = self._last.reachable(people.centre, people.radius, frame.time)
            people = keep(people, np.flatnonzero(reachable))
            for index in np.linalg.norm(people.centre - self._last.body[0], axis=1).argsort():
                yield np.stack([people.centre[index], people.rim[index]])

"""Whether the person who is tracked is still the dancer: by the colours of clothes where people meet.

The landmark network stays with whoever is in its crop. When somebody passes in front of the dancer, it goes
along with the passer-by. So the detector looks for others near the dancer now and then. While somebody is
near whose colours differ from the dancer's, every frame is compared with both, and those that show the other
one do not count. If both look alike, it is unknown which of them came out of the meeting. That is noted for a
reviewer, and so are clothes that change while nobody is near, as after a cut from one dancer to another.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from hybrik_runner.blazepose.body import HIPS, KNEES, SHOULDERS
from hybrik_runner.blazepose.landmarks import Landmarker, Landmarks, Region

if TYPE_CHECKING:
    from hybrik_runner.blazepose.detector import Detector
    from popdanceset.media import Frame

Floats = NDArray[np.float64]

_EVERY = 0.2
"""Seconds between two looks for others, so that people who pass each other are seen apart before."""
_ALONE = 0.4
"""The same while nobody is within two radii."""
_AROUND = 4.0
"""Side of the square in which others are looked for, in radii of the body's circle."""
_SAME = 0.6
"""Radii between the hips below which two detections are one person, as in the detector."""
_NEAR = 1.3
"""Radii between the hips from which on the two may meet."""
_CLOSE = 1.1
"""Radii between the hips from which on somebody who is no longer seen has not gone away."""
_SIZES = 1.6
"""Ratio of the sizes of two people whose landmarks can be confused."""
_PARTED = 5.0
"""Seconds without anybody near, after which a meeting is over. People who pass slowly hide each other for two
or three."""
_LEAST_PRESENCE = 0.5

_PATCH = 16  # pixels, side of the patches that are compared
_BINS = (4, 8, 8)  # of lightness and of both colours
_OWN = 0.2  # weight of a new look in the dancer's colours
_APART = 0.45
"""Distance of colours from which two people can be distinguished. In eight films of one dancer each, colours
of a moment are 0.3 from their mean, and 0.5 at most."""
_ALIEN = 0.7
"""Distance from which somebody found after a loss or a jump is not the dancer."""


def colours(image: NDArray[np.uint8], found: Landmarks) -> Floats:
    """Returns how trunk and thighs are coloured, (2, bins): histograms of lightness and colour that sum to
    1."""
    shoulders, hips = found.image[list(SHOULDERS)], found.image[list(HIPS)]
    trunk = _patch(image, shoulders[0], shoulders[1], hips[0])
    half = np.array([0.15 * np.linalg.norm(shoulders.mean(0) - hips.mean(0)), 0])
    thighs = [
        _patch(image, hip - half, hip + half, knee - half)
        for hip, knee in zip(hips, found.image[list(KNEES)], strict=True)
    ]
    return np.stack([_histogram(trunk), _histogram(np.concatenate(thighs))])


def distance(one: Floats, other: Floats) -> float:
    """Returns the Hellinger distance of two `colours`, 0..1, mean of trunk and thighs."""
    overlap = np.sqrt(one * other).sum(1)
    return float(np.sqrt(np.maximum(1 - overlap, 0)).mean())


@dataclass(frozen=True, slots=True)
class _Meeting:
    """Somebody near the dancer.

    Attributes:
        colours: of the other one.
        seen: when the other one was last seen apart, seconds.
        gap: radii between the two then.
        noted: whether the two met and look alike, which has been noted.
    """

    colours: Floats
    seen: float
    gap: float
    noted: bool = False


class Identity:
    """Knows the dancer's colours, and those of whoever is near.

    Args:
        detector, landmarker: the networks of the tracker.
    """

    def __init__(self, detector: Detector, landmarker: Landmarker) -> None:
        self._detector, self._landmarker = detector, landmarker
        self._own: Floats | None = None
        self._meeting: _Meeting | None = None
        self._next = 0.0
        self._strange = False
        self.met = False
        """Whether somebody else may be taken for the dancer from the frame seen last on."""

    def is_somebody_else(self, frame: Frame, found: Landmarks, *, continuous: bool) -> bool:
        """Returns whether the person with these landmarks is not the dancer.

        Args:
            continuous: the person is where the dancer was in the frame before, so that only somebody near
                can be mistaken for the dancer; else everybody can.
        """
        meeting = self._meeting
        if self._own is None or (continuous and meeting is None):
            return False
        own, other = self._own, None if meeting is None else meeting.colours
        seen = colours(frame.image, found)
        if other is not None and distance(own, other) > _APART:
            return distance(seen, other) < distance(seen, own)
        return not continuous and distance(seen, own) > _ALIEN

    def update(self, frame: Frame, found: Landmarks) -> None:
        """Takes note of the dancer and of others near, in a frame in which the dancer was found."""
        self.met = False
        if frame.time < self._next:
            return
        near, farther = self._nearest(frame, found)
        alone = near is None and not farther and self._meeting is None
        self._next = frame.time + (_ALONE if alone else _EVERY)
        if near is not None:
            noted = self._meeting is not None and self._meeting.noted and near.gap < _NEAR
            self._meeting = replace(near, noted=noted)
        meeting = self._meeting
        if near is None and meeting is not None and farther and meeting.gap > _CLOSE:
            self._meeting = meeting = None
        elif near is None and meeting is not None:
            if frame.time - meeting.seen > _PARTED:
                self._meeting = meeting = None
            elif not meeting.noted and meeting.gap <= _CLOSE and self._own is not None:
                self.met = distance(self._own, meeting.colours) <= _APART
                self._meeting = replace(meeting, noted=True)
        # A dancer who may be hidden by somebody else has not changed clothes.
        if meeting is None or near is not None:
            self._look_at(colours(frame.image, found))

    def _look_at(self, seen: Floats) -> None:
        """Takes note of the dancer's colours, and of other clothes that stay for two looks."""
        own = self._own
        if own is None:
            self._own = seen
        elif distance(seen, own) <= _ALIEN:
            self._own, self._strange = (1 - _OWN) * own + _OWN * seen, False
        elif self._strange:
            self._own, self._strange, self.met = seen, False, True
        else:
            self._strange = True

    def _nearest(self, frame: Frame, found: Landmarks) -> tuple[_Meeting | None, bool]:
        """Whoever is nearest to the dancer and is not the dancer, if near; and whether somebody is seen who
        is farther away."""
        centre, rim = found.body
        radius = float(np.linalg.norm(rim - centre))
        corner = centre - _AROUND * radius / 2
        people = self._detector(frame.image, (float(corner[0]), float(corner[1]), _AROUND * radius))
        gaps = np.linalg.norm(people.centre - centre, axis=1) / radius
        ratio = people.radius / radius
        others = (gaps > _SAME) & (ratio < _SIZES) & (ratio > 1 / _SIZES)
        likely = others & (gaps < _NEAR)
        for index in np.flatnonzero(likely)[np.argsort(gaps[likely])]:
            region = Region.of_body(people.centre[index], people.rim[index])
            other = self._landmarker(frame.image, region)
            trunk = [*SHOULDERS, *HIPS]
            apart = np.linalg.norm(other.image[trunk] - found.image[trunk], axis=1).mean() / radius
            if other.presence >= _LEAST_PRESENCE and np.isfinite(other.image).all() and apart > _SAME / 2:
                return _Meeting(colours(frame.image, other), frame.time, float(gaps[index])), False
        return None, bool((others & ~likely).any())


def _patch(image: NDArray[np.uint8], left: Floats, right: Floats, below: Floats) -> NDArray[np.uint8]:
    """The parallelogram with these corners, (16, 16, 3)."""
    # From the patch to the image, so that corners on one line do no harm.
    last = _PATCH - 1
    matrix = np.column_stack([(right - left) / last, (below - left) / last, left])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    patch = cv2.warpAffine(image, matrix, (_PATCH, _PATCH), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(patch, np.uint8)


def _histogram(pixels: NDArray[np.uint8]) -> Floats:
    lab = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB), np.uint8)
    # Colours cover the middle of their range only.
    ranges = [0, 256, 78, 178, 78, 178]
    clipped = np.dstack([lab[..., :1], np.clip(lab[..., 1:], 78, 177)])
    counts = cv2.calcHist([clipped], [0, 1, 2], None, list(_BINS), ranges).ravel().astype(np.float64)
    total: Floats = counts / max(counts.sum(), 1e-9)
    return total

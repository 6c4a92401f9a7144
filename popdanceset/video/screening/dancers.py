"""Dancers: how many people are seen, whether from head to foot, and which of their limbs are hidden."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, fields
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from popdanceset.media import Frame
from popdanceset.video.screening.detector import LimbFinder, PersonDetector
from popdanceset.video.screening.report import Dancers

Floats = NDArray[np.float64]

_BEYOND = 0.25  # radii that the circle may leave the frame above or below; see `is_whole`
_ASIDE = 0.3  # radii that the hips keep away from the sides
_SLACK = 0.002  # seconds
_REACH = 1.5  # radii that the main dancer may move between two looks
_LARGER = 1.5  # multiple of the main dancer's radius: whoever is that large becomes the main dancer
_PATIENCE = 4  # multiple of `search_seconds` between two searches while nobody comes or goes
_LIMBS_EVERY = 2  # looks: limbs of the same dancer are looked at in every second one
_FORGOTTEN = 1.6  # seconds after which a person who comes back begins a new track
_SEEN = 0.5  # confidence of a part of the body that can hide another
_DEPTH, _THICKNESS = 0.25, 0.15  # lengths of the trunk: half its depth, and half the thickness of a limb
# Numbers of limbs as in `LimbFinder`: the outline of the trunk, which hides elbows and wrists; and the parts
# of arms and legs, with the limbs that each can hide.
_TRUNK, _ARMS = (0, 1, 7, 6), (2, 3, 4, 5)
_SEGMENTS = (
    (0, 2, (3, 5)), (2, 4, (3, 5)), (1, 3, (2, 4)), (3, 5, (2, 4)),
    (6, 8, (4, 5, 9, 11)), (8, 10, (9, 11)), (7, 9, (4, 5, 8, 10)), (9, 11, (8, 10)),
)  # fmt: skip
_TWIN_SIDE = 48  # pixels of the squares in which people are compared
_TWIN_CORE = 0.7  # radii around the hips that are compared
_TWIN_SOUGHT = 1.15  # radii around the other person's hips that are searched
_TWIN_SIZES = 1.6  # multiple of the other person's radius: larger people are not compared


@dataclass(frozen=True, slots=True)
class Look:
    """What was counted in one frame; its fields are the columns of `Dancers`."""

    time: float
    count: int
    whole: int
    main: int
    size: float
    second: float
    track: int
    limbs: tuple[float | None, ...] | None
    twin: float
    behind: tuple[bool, ...] | None


class Seen(NamedTuple):
    """Who was seen in one frame.

    Attributes:
        people: (n, ≥ 4) as `PersonDetector` returns them, the main dancer first.
        limbs: (12, 3) the main dancer's, as `LimbFinder` returns them; None if they are not known.
    """

    people: Floats
    limbs: Floats | None


def is_whole(people: Floats, height: int, width: int) -> NDArray[np.bool_]:
    """Returns whether the bodies (n, 4) lie inside the frame, (n,).

    The circle encloses a body stretched out, so it may leave the frame by a quarter of its radius above and
    below: whole standing dancers were seen to need 0.17, and bodies cut off at the knees have 0.4. A body is
    narrower than its circle. At the sides, only the hips must therefore stay inside, by three tenths of a
    radius, which is half the breadth of a body.
    """
    x, y, radius = people[:, 0], people[:, 1], np.maximum(people[:, 2], 1e-9)
    beyond = np.maximum(radius - y, y + radius - height) / radius
    aside = np.minimum(x, width - x) / radius
    return np.asarray((beyond <= _BEYOND) & (aside >= _ASIDE))


def limb_scores(limbs: Floats | None, height: int, width: int) -> tuple[float | None, ...] | None:
    """Confidences of limbs (12, 3) as a report keeps them: None for each limb outside the frame."""
    if limbs is None:
        return None
    beyond = (limbs[:, :2] < 0).any(1) | (limbs[:, 0] > width) | (limbs[:, 1] > height)
    return tuple(
        None if out else round(float(score), 2) for out, score in zip(beyond, limbs[:, 2], strict=True)
    )


def behind_itself(limbs: Floats | None) -> tuple[bool, ...] | None:
    """Returns which limbs (12, 3) lie where the own body can hide them: behind the trunk or a limb.

    Seen from the side, the far arm and leg often do; seen from behind, the hands that hold something. What
    hides a limb there need not be an obstacle. Parts of the body that are not seen themselves hide nothing.
    """
    if limbs is None:
        return None
    places, seen = limbs[:, :2], limbs[:, 2] >= _SEEN
    shoulders, hips = places[:2].mean(0), places[6:8].mean(0)
    length = float(np.linalg.norm(shoulders - hips))
    hidden = np.zeros(len(limbs), bool)
    if seen[list(_TRUNK)].all():
        outline = cv2.convexHull(places[list(_TRUNK)].astype(np.float32))
        for arm in _ARMS:
            x, y = places[arm]
            hidden[arm] = cv2.pointPolygonTest(outline, (float(x), float(y)), True) >= -_DEPTH * length
    for start, end, hides in _SEGMENTS:
        if seen[start] and seen[end]:
            others = list(hides)
            hidden[others] |= _distance(places[others], places[start], places[end]) <= _THICKNESS * length
    return tuple(hidden.tolist())


def _distance(points: Floats, start: Floats, end: Floats) -> Floats:
    """(n,) distance of points (n, 2) from a line between two others."""
    way = end - start
    share = np.clip((points - start) @ way / max(float(way @ way), 1e-9), 0, 1)
    return np.asarray(np.linalg.norm(points - start - share[:, None] * way, axis=1))


def likeness(image: NDArray[np.uint8], people: Floats) -> float:
    """Likeness 0..1 of the two most similar people (n, ≥ 3).

    It is the largest correlation of the middles of their bodies, as they are or mirrored, over all
    displacements. The same dancer shown twice reaches nearly 1; two people who dance the same do not.
    """
    best = 0.0
    for one, other in itertools.combinations(people[:, :3], 2):
        if max(one[2], other[2]) > _TWIN_SIZES * min(one[2], other[2]):
            continue
        # Of a picture shown twice, the circles differ by the detector's error; the pictures do not.
        radius = float(np.sqrt(one[2] * other[2]))
        there = _square(image, other[:2], radius * _TWIN_SOUGHT, _TWIN_SIDE * _TWIN_SOUGHT / _TWIN_CORE)
        pattern = _square(image, one[:2], radius * _TWIN_CORE, _TWIN_SIDE)
        for core in (pattern, np.ascontiguousarray(pattern[:, ::-1])):
            if core.std() > 1:  # an area of one colour has no correlation
                best = max(best, float(cv2.matchTemplate(there, core, cv2.TM_CCOEFF_NORMED).max()))
    return round(best, 3)


def _square(image: NDArray[np.uint8], middle: Floats, half: float, pixels: float) -> NDArray[np.uint8]:
    """The square that reaches `half` from a point to all sides, resized to some number of pixels."""
    side = round(pixels)
    scale = 2 * half / side
    x, y = middle - half
    matrix = np.array([[scale, 0, x], [0, scale, y]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(image, matrix, (side, side), flags=flags), np.uint8)


class DancerCounter:
    """Counts people and follows the main dancer.

    The whole frame is searched every `search_seconds`, and whenever a quick look finds more or fewer people
    than before, or another main dancer. Each search that finds nobody new doubles the time to the next one,
    up to `_PATIENCE` times: most videos show the same people all the time, and searching costs more than
    everything else. The main dancer's limbs are looked at if the detector can find them (`LimbFinder`), in
    every second look; in between, those of the look before are reported again.

    Args:
        detector: of people.
        least_score: people of a lower confidence are not counted.
        search_seconds: least time between two searches of the whole frame.
    """

    def __init__(self, detector: PersonDetector, least_score: float, search_seconds: float) -> None:
        self._detector, self._least_score, self._search_seconds = detector, least_score, search_seconds
        self._limbs = detector.limbs if isinstance(detector, LimbFinder) else None
        self._seen: list[Look] = []
        self._people: Floats | None = None
        self._searched = -np.inf
        self._interval = search_seconds
        self._limbs_age = 0  # looks since the limbs were looked at
        self._tracks: dict[int, tuple[Floats, float]] = {}  # where and when each was seen last

    def look(self, frame: Frame) -> Seen:
        """Takes a frame, and returns who is in it."""
        height, width = frame.image.shape[:2]
        people = None
        due = frame.time >= self._searched + self._interval - _SLACK
        if self._people is not None and not due:
            quick = self._found(frame, self._people)
            people = quick if len(quick) == len(self._people) else None
        if people is None:
            people = self._found(frame, None)
            self._searched = frame.time
            same = due and self._people is not None and len(people) == len(self._people)
            longest = _PATIENCE * self._search_seconds
            self._interval = min(2 * self._interval, longest) if same else self._search_seconds
        self._people = people
        whole = is_whole(people, height, width)
        main, size, second, track = 0, 0.0, 0.0, 0
        limbs, scores, behind = None, None, None
        seen = people
        if len(people):
            number, track = self._follow(people, frame.time)
            if self._seen and track != self._seen[-1].track:  # another shot, perhaps
                self._interval = self._search_seconds
            others = np.delete(people[:, 2], number)
            main, size = int(whole[number]), 2 * float(people[number, 2]) / height
            second = float(others.max() / people[number, 2]) if len(others) else 0.0
            seen = np.vstack([people[number], np.delete(people, number, 0)])
            self._limbs_age += 1
            last = self._seen[-1] if self._seen else None
            if last and last.limbs and last.track == track and self._limbs_age < _LIMBS_EVERY:
                scores, behind = last.limbs, last.behind
            elif self._limbs:
                self._limbs_age = 0
                limbs = self._limbs(frame.image, people[number])
                scores, behind = limb_scores(limbs, height, width), behind_itself(limbs)
        self._seen.append(
            Look(
                time=round(frame.time, 4),
                count=len(people),
                whole=int(whole.sum()),
                main=main,
                size=round(size, 3),
                second=round(second, 3),
                track=track,
                limbs=scores,
                twin=likeness(frame.image, people),
                behind=behind,
            )
        )
        return Seen(seen, limbs)

    def _found(self, frame: Frame, near: Floats | None) -> Floats:
        found = np.asarray(self._detector(frame.image, near), float)
        return found[found[:, 3] > self._least_score] if len(found) else np.empty((0, 4))

    def _follow(self, people: Floats, time: float) -> tuple[int, int]:
        """Index of the main dancer among the people, and number of the track, from 1.

        The dancer of the oldest track that continues stays the main dancer until somebody else is clearly
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
        columns = {f.name: tuple(getattr(look, f.name) for look in self._seen) for f in fields(Dancers)}
        return Dancers(**columns)

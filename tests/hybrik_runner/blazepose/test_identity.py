"""The dancer is recognised by colours where people meet."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from hybrik_runner.blazepose.detector import Detections
from hybrik_runner.blazepose.identity import colours, distance
from hybrik_runner.blazepose.landmarks import Landmarks, Region
from hybrik_runner.blazepose.tracker import Tracker
from popdanceset.media import Frame

FPS, RADIUS = 30, 100.0
BLUE, RED, DARK = (20, 60, 200), (200, 40, 30), (30, 30, 40)

Person = tuple[Callable[[int], float | None], tuple[int, int, int]]


def landmarks(x: float, presence: float = 1.0) -> Landmarks:
    image = np.full((33, 2), [x, 240.0])
    image[[11, 12]] = [[x + 25, 150], [x - 25, 150]]
    image[[23, 24]] = [[x + 18, 240], [x - 18, 240]]
    image[[25, 26]] = [[x + 18, 320], [x - 18, 320]]
    body = np.array([[x, 240.0], [x, 240 - RADIUS]])
    return Landmarks(image, np.zeros((33, 3)), np.ones(33), body, presence)


class Stage:
    """People in clothes; later ones hide earlier ones. Both networks see whoever is in front."""

    def __init__(self, *people: Person) -> None:
        self.people, self.now = people, 0
        self.trousers: dict[int, tuple[int, int, int]] = {}
        self.flash = range(0)

    def picture(self) -> np.ndarray:
        image = np.full((480, 960, 3), 150, np.uint8)
        for number, (place, shirt) in enumerate(self.people):
            if (x := place(self.now)) is not None:
                left = round(x)
                image[140:245, left - 30 : left + 30] = shirt
                image[245:330, left - 30 : left + 30] = self.trousers.get(number, DARK)
        return np.full_like(image, 255) if self.now in self.flash else image

    def places(self) -> list[float]:
        """Hips of those who can be seen: who is nearly covered by somebody in front cannot."""
        seen: list[float] = []
        for place, _ in reversed(self.people):
            x = place(self.now)
            if x is not None and all(abs(x - other) > 60 for other in seen):
                seen.append(x)
        return seen

    def detect(self, image: np.ndarray, square: tuple[float, float, float] | None = None) -> Detections:
        low, high = (-np.inf, np.inf) if square is None else (square[0], square[0] + square[2])
        x = np.array([x for x in self.places()[::-1] if low < x < high], float)
        centre = np.column_stack([x, np.full(len(x), 240.0)])
        return Detections(centre, centre - [0, RADIUS], np.full(len(x), 0.9))

    def look(self, image: np.ndarray, region: Region) -> Landmarks:
        near = min(self.places(), key=lambda x: abs(x - region.x), default=None)
        if near is None or abs(near - region.x) > 90:
            return landmarks(region.x, 0.0)
        return landmarks(near)

    def run(self, count: int) -> tuple[list[float | None], list[int]]:
        """Where the tracker sees the dancer, and in which frames it notes a meeting."""
        tracker = Tracker(self.detect, self.look)  # type: ignore[arg-type]
        seen, met = [], []
        for self.now in range(count):
            found = tracker(Frame(self.now / FPS, self.picture()))
            seen.append(None if found is None else float(found.body[0, 0]))
            if found is not None and tracker.met:
                met.append(self.now)
        return seen, met


def stays(number: int) -> float:
    return 480.0


def passes(number: int) -> float | None:
    x = 900.0 - 6 * (number - 20)
    return x if 40 < x < 920 else None


def test_colours() -> None:
    blue, red = (Stage((stays, shirt)).picture() for shirt in (BLUE, RED))
    mine = colours(blue, landmarks(480))
    assert mine.sum(1) == pytest.approx([1, 1])
    assert distance(mine, mine) < 1e-6
    assert distance(mine, colours(red, landmarks(480))) > 0.45  # the trousers agree
    assert np.isfinite(colours(blue, landmarks(-500))).all(), "outside the picture"
    one_spot = landmarks(480)
    one_spot.image[:] = 200
    assert np.isfinite(colours(blue, one_spot)).all()


def test_who_passes_in_front_is_not_followed() -> None:
    seen, met = Stage((stays, BLUE), (passes, RED)).run(170)
    assert {x for x in seen if x is not None} == {480.0}
    assert 10 < seen.count(None) < 40, "hidden for a moment"
    assert seen[-20:] == [480.0] * 20
    assert met == []


def test_who_looks_alike_is_noted_once() -> None:
    _, met = Stage((stays, BLUE), (passes, BLUE)).run(170)
    assert len(met) == 1
    assert 70 < met[0] < 110, "when the two became one"


def test_a_dancer_who_leaves_behind_somebody_is_not_replaced() -> None:
    """The dancer walks behind somebody who stays, and out of the picture."""

    def leaves(number: int) -> float | None:
        x = 200.0 + 6 * number
        return x if x < 920 else None

    def remains(number: int) -> float:
        return 560.0

    stage = Stage((leaves, BLUE), (remains, RED))
    seen, _ = stage.run(170)
    assert all(x is None or x == leaves(n) for n, x in enumerate(seen))
    assert seen[125:] == [None] * 45


def test_nobody_near_costs_nothing_and_changes_nothing() -> None:
    seen, met = Stage((stays, BLUE)).run(60)
    assert (seen, met) == ([480.0] * 60, [])


def test_somebody_who_keeps_a_distance_is_no_meeting() -> None:
    seen, met = Stage((stays, BLUE), (lambda n: 600.0 + 30 * np.sin(n / 10), BLUE)).run(120)
    assert (set(seen), met) == ({480.0}, [])


def test_clothes_that_change_on_the_spot_are_noted_once() -> None:
    """A cut from one dancer to another who stands in the same place, in front of the same wall."""
    stage = Stage(
        (lambda n: 480.0 if n < 45 else None, BLUE), (lambda n: None if n < 45 else 480.0, (240, 240, 235))
    )
    stage.trousers = {1: (250, 220, 0)}
    seen, met = stage.run(120)
    assert seen == [480.0] * 120
    assert len(met) == 1
    assert 45 < met[0] < 75


def test_a_flash_of_light_is_no_change() -> None:
    stage = Stage((stays, BLUE))
    stage.flash = range(36, 37)
    assert stage.run(90) == ([480.0] * 90, [])

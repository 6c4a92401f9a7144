"""One dancer is followed, lost, found again, and never exchanged for somebody else."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from hybrik_runner.blazepose.detector import Detections
from hybrik_runner.blazepose.landmarks import Landmarks, Region
from hybrik_runner.blazepose.tracker import Tracker
from popdanceset.media import Frame

FPS, RADIUS = 30, 100.0

Scene = Callable[[int], list[tuple[float, float]]]
"""Frame number → the people in it: x of the hips and radius."""


class Stage:
    """Detector and landmark network that see the people of a scene, everybody at height y = 240."""

    def __init__(self, scene: Scene, blind: set[int] | None = None, nonsense: set[int] | None = None) -> None:
        self.scene, self.blind, self.nonsense = scene, blind or set(), nonsense or set()
        self.now = 0
        self.squares: list[tuple[float, float, float] | None] = []

    def detect(self, image: np.ndarray, square: tuple[float, float, float] | None = None) -> Detections:
        if square is None or square[2] < 3.9 * RADIUS:  # a larger one is a look for others near
            self.squares.append(square)
        low, high = (-np.inf, np.inf) if square is None else (square[0], square[0] + square[2])
        people = [person for person in self.scene(self.now) if low < person[0] < high]
        centre = np.array([[x, 240.0] for x, _ in people]).reshape(-1, 2)
        rim = centre - [[0, r] for _, r in people] if people else centre
        return Detections(centre, rim, np.linspace(0.9, 0.6, len(people)))

    def look(self, image: np.ndarray, region: Region) -> Landmarks:
        near = [p for p in self.scene(self.now) if abs(p[0] - region.x) < region.side / 3]
        x, radius = min(near, key=lambda p: abs(p[0] - region.x)) if near else (region.x, RADIUS)
        image = np.full((33, 2), np.nan if self.now in self.nonsense else 240.0)
        return Landmarks(
            image=image,
            metric=np.zeros((33, 3)),
            visibility=np.ones(33),
            body=np.array([[x, 240.0], [x, 240 - radius]]),
            presence=float(bool(near) and self.now not in self.blind),
        )

    def run(self, count: int) -> list[float | None]:
        """Where the tracker sees the dancer's hips in each frame."""
        tracker = Tracker(self.detect, self.look)  # type: ignore[arg-type]
        seen = []
        for self.now in range(count):
            found = tracker(Frame(self.now / FPS, np.zeros((480, 640, 3), np.uint8)))
            seen.append(None if found is None else float(found.body[0, 0]))
        return seen


def dancer(number: int) -> tuple[float, float]:
    return 300.0 + 2 * number, RADIUS


def test_detects_once_and_then_follows() -> None:
    stage = Stage(lambda n: [dancer(n)])
    assert stage.run(20) == [dancer(n)[0] for n in range(20)]
    assert stage.squares == [None]


def test_a_lost_dancer_is_looked_for_where_he_was_first() -> None:
    stage = Stage(lambda n: [dancer(n)], blind={8})
    seen = stage.run(12)
    assert seen[8] is None
    assert [s for n, s in enumerate(seen) if n != 8] == [dancer(n)[0] for n in range(12) if n != 8]
    first, *again = stage.squares
    assert first is None
    # Frame 8: the detector sees the dancer, the landmarks do not, wherever they look; frame 9: both do.
    sides = [square and square[2] for square in again]
    assert sides == [pytest.approx(2.6 * RADIUS), None, pytest.approx(2.6 * RADIUS)]


def test_the_same_dancer_is_taken_up_again_and_no_bystander() -> None:
    """Somebody stands two metres off all the time; for six frames the dancer is not seen at all."""
    stage = Stage(lambda n: ([] if 5 <= n < 11 else [dancer(n)]) + [(90.0, RADIUS)])
    seen = stage.run(20)
    assert seen[5:11] == [None] * 6
    assert seen[11:] == [dancer(n)[0] for n in range(11, 20)]


def test_a_bystander_is_not_followed_when_the_dancer_leaves() -> None:
    stage = Stage(lambda n: ([dancer(n)] if n < 10 else []) + [(620.0, RADIUS)])
    assert stage.run(20)[10:] == [None] * 10


@pytest.mark.parametrize("radius", [45.0, 210.0])
def test_somebody_of_another_size_is_not_the_dancer(radius: float) -> None:
    """A child, or somebody close to the camera, at the very place."""
    stage = Stage(lambda n: [dancer(n) if n < 10 else (dancer(n)[0], radius)])
    assert stage.run(15)[10:] == [None] * 5


def test_landmarks_never_jump_to_a_neighbour() -> None:
    """The dancer vanishes next to somebody who is in the same crop, too far away to be the dancer."""
    stage = Stage(lambda n: [dancer(n)] if n < 10 else [(dancer(10)[0] + 75, RADIUS)])
    assert stage.run(11)[10] is None


def test_long_after_a_loss_the_reach_has_grown() -> None:
    stage = Stage(lambda n: [] if 5 <= n < 25 else [dancer(n) if n < 5 else (560.0, RADIUS)])
    assert stage.run(30)[25:] == [560.0] * 5


def test_numbers_that_are_none_count_as_not_found() -> None:
    assert Stage(lambda n: [dancer(n)], nonsense={3, 4}).run(6)[3:5] == [None, None]


def test_nobody() -> None:
    assert Stage(lambda n: []).run(3) == [None] * 3

"""Counting dancers now and then."""

from __future__ import annotations

import numpy as np

from hybrik_runner.blazepose.census import Census
from popdanceset.media import Frame


class Crowd:
    """People of the radii it is given."""

    def __init__(self, *radii: float) -> None:
        self.radii, self.looks = radii, 0

    def __call__(self, image: np.ndarray, near: object = None) -> np.ndarray:
        self.looks += 1
        return np.array([[0, 0, radius, 0.9] for radius in self.radii]).reshape(-1, 4)


def counted(crowd: Crowd | None, every: float, seconds: float) -> list[int | None]:
    census = Census(crowd, every)  # type: ignore[arg-type]
    image = np.zeros((4, 4, 3), np.uint8)
    return [census(Frame(k / 10, image)) for k in range(int(seconds * 10))]


def test_at_once_and_then_every_so_often() -> None:
    counts = counted(Crowd(50, 40), 1.0, 3.0)
    assert [number for number, count in enumerate(counts) if count is not None] == [0, 10, 20]
    assert Census.median(counts) == 2


def test_passers_by_do_not_count() -> None:
    assert Census.median(counted(Crowd(100, 49, 20), 1.0, 1.0)) == 1
    assert Census.median(counted(Crowd(100, 51, 20), 1.0, 1.0)) == 2
    assert Census.median(counted(Crowd(), 1.0, 1.0)) == 0


def test_one_look_of_several_does_not_decide() -> None:
    assert Census.median([1, None, 1, 4]) == 1


def test_nobody_counts() -> None:
    crowd = Crowd(1, 1)
    assert Census.median(counted(None, 1.0, 2.0)) == 1
    assert Census.median(counted(crowd, 0.0, 2.0)) == 1
    assert crowd.looks == 0

"""Boxes between looks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from hybrik_runner.hybrik.boxes import boxes
from popdanceset.media import Frame


def frames(count: int) -> Iterator[Frame]:
    for number in range(count):
        yield Frame(number / 30, np.zeros((2, 2, 3), np.uint8))


def moving(frame: Frame) -> np.ndarray:
    """A box that moves evenly, ten pixels per frame."""
    left = 300 * frame.time
    return np.array([left, 5.0, left + 40, 105.0])


@pytest.mark.parametrize("every", [1, 2, 3, 5])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 7, 10, 31])
def test_even_motion_is_met_in_every_frame(every: int, count: int) -> None:
    given = list(boxes(frames(count), moving, every))
    assert [round(frame.time * 30) for frame, _ in given] == list(range(count))
    for frame, box in given:
        np.testing.assert_allclose(box, moving(frame), atol=1e-9)


def test_looks_at_some_and_at_the_last() -> None:
    looks = []

    def look(frame: Frame) -> np.ndarray:
        looks.append(round(frame.time * 30))
        return moving(frame)

    list(boxes(frames(9), look, 4))
    assert looks == [0, 4, 8]
    looks.clear()
    list(boxes(frames(11), look, 4))
    assert looks == [0, 4, 8, 10]


def test_looks_are_calmed_by_their_neighbours() -> None:
    """A look that is off by four pixels is off by two, its neighbours by one."""
    given = boxes(frames(5), lambda f: np.full(4, 4.0 if round(f.time * 30) == 2 else 0.0))
    assert [float(box[0]) for _, box in given if box is not None] == [0, 1, 2, 1, 0]


def test_nobody_between_looks_that_found_nobody() -> None:
    found = [
        box is not None for _, box in boxes(frames(13), lambda f: moving(f) if f.time < 0.2 else None, 3)
    ]
    assert found == [True] * 4 + [False] * 9


def test_few_pictures_are_held() -> None:
    alive = 0

    def counted() -> Iterator[Frame]:
        nonlocal alive
        for frame in frames(60):
            alive += 1
            yield frame

    most = 0
    for _ in boxes(counted(), moving, 3):
        most = max(most, alive)
        alive -= 1
    assert most <= 9

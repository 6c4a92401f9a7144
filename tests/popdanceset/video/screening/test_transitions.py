"""Dissolves and fades are found; flashes are not cuts."""

from typing import Any

import numpy as np
import pytest

from popdanceset.media import Frame
from popdanceset.video.screening.cuts import CutDetector
from popdanceset.video.screening.transitions import TransitionDetector, joined

FPS = 30


def seen(pictures: list[np.ndarray]) -> tuple[tuple[float, ...], tuple[tuple[float, float], ...]]:
    """Cuts and transitions of a video."""
    cuts, soft = CutDetector(), TransitionDetector()
    for n, image in enumerate(pictures):
        for measure in (cuts, soft):
            measure.see(Frame(n / FPS, image))
    hard = soft.cuts(cuts.cuts())
    return hard, soft.transitions(hard)


def shot(stage: Any, seed: int, count: int) -> list[np.ndarray]:
    wall = stage.wall(seed)
    return [stage.picture(wall, people=[stage.dancer(n)]) for n in range(count)]


def mixed(one: np.ndarray, other: np.ndarray, share: float) -> np.ndarray:
    return ((1 - share) * one + share * other).astype(np.uint8)


@pytest.mark.parametrize("length", [8, 15, 30])
def test_a_dissolve_is_found_where_it_is(stage: Any, length: int) -> None:
    one, other = shot(stage, 0, 50 + length), shot(stage, 1, 50 + length)
    blend = [mixed(one[50 + n], other[n], (n + 1) / (length + 1)) for n in range(length)]
    _, found = seen(one[:50] + blend + other[length:])
    ((start, end),) = found
    assert (start, end) == pytest.approx((50 / FPS, (50 + length) / FPS), abs=0.15)


@pytest.mark.parametrize("colour", [0, 255])
def test_a_fade_is_found(stage: Any, colour: int) -> None:
    one, other = shot(stage, 0, 60), shot(stage, 1, 60)
    blank = np.full_like(one[0], colour)
    out = [mixed(image, blank, (n + 1) / 11) for n, image in enumerate(one[50:])]
    back = [mixed(blank, image, (n + 1) / 11) for n, image in enumerate(other[:10])]
    _, found = seen(one[:50] + out + [blank] * 3 + back + other[10:])
    ((start, end),) = found
    assert (start, end) == pytest.approx((50 / FPS, 73 / FPS), abs=0.2)


@pytest.mark.parametrize("length", [1, 3, 6])
def test_a_flash_is_not_a_cut(stage: Any, length: int) -> None:
    film = shot(stage, 0, 70)
    white = np.full_like(film[0], 255)
    for n in range(length):
        film[30 + n] = mixed(film[30 + n], white, 0.9 - 0.1 * n)
    assert seen(film) == ((), ())


def test_a_cut_stays_a_cut(stage: Any) -> None:
    assert seen(shot(stage, 0, 40) + shot(stage, 1, 40)) == (pytest.approx((40 / FPS,)), ())


@pytest.mark.parametrize("speed", [0.3, 1.0])
def test_a_pan_is_not_a_transition(stage: Any, speed: float) -> None:
    wall = stage.wall(0)
    film = [stage.picture(wall, (speed * (n - 35), 0), [stage.dancer(n)]) for n in range(70)]
    assert seen(film) == ((), ())


def test_nothing_seen() -> None:
    assert seen([]) == ((), ())
    assert joined([(3, 4), (1, 2), (1.5, 3.0)]) == ((1, 4),)

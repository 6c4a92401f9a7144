"""Seams divide pictures; poles, walls and floors do not."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest

from popdanceset.media import Frame
from popdanceset.video.screening.panels import PanelMeter, lines

WIDTH, HEIGHT = 320, 180
NOBODY = np.empty((0, 3))
Picture = np.ndarray


def room(seed: int, n: int, width: int = WIDTH, height: int = HEIGHT, moves: bool = True) -> Picture:
    """A wall with frames on it above a floor, and somebody in the middle who moves with the number."""
    rng = np.random.default_rng(seed)
    image = np.full((height, width, 3), rng.integers(90, 220, 3), np.uint8)
    image[round(0.75 * height) :] = rng.integers(30, 90, 3)
    for _ in range(4):
        x, y = int(rng.integers(width - 30)), int(rng.integers(height // 2))
        cv2.rectangle(image, (x, y), (x + 24, y + 18), rng.integers(0, 256, 3).tolist(), -1)
    if moves:
        x = width // 2 + round(0.1 * width * np.sin(n))
        cv2.ellipse(image, (x, height // 2), (width // 14, height // 4), 0, 0, 360, (20, 20, 60), -1)
    return image


def seam(picture: Callable[[int], Picture], people: np.ndarray = NOBODY, looks: int = 8) -> float:
    """The median strength of what is found in a video that is looked at twice a second."""
    meter = PanelMeter()
    for n in range(looks):
        meter.see(Frame(n / 2, np.ascontiguousarray(picture(n))), people)
    return float(np.median(meter.panels(()).seam))


def beside(n: int) -> Picture:
    return np.hstack([room(1, n, 160), room(2, n, 160)])


@pytest.mark.parametrize(
    "picture",
    [
        beside,
        lambda n: np.hstack([room(seed, n, 106) for seed in (1, 2, 3)]),
        lambda n: np.vstack([np.hstack([room(2 * r + c, n, 160, 90) for c in (0, 1)]) for r in (1, 2)]),
    ],
    ids=["two", "three", "four"],
)
def test_panels_are_found(picture: Callable[[int], Picture]) -> None:
    assert seam(picture) > 0.9


def test_level_lines_divide_what_people_dance_above_and_below_of() -> None:
    above, below = [160.0, 45.0, 40.0], [160.0, 135.0, 40.0]

    def picture(n: int) -> Picture:
        return np.vstack([room(seed, n, 320, 90) for seed in (1, 2)])

    assert seam(picture, np.array([above, below])) > 0.9
    assert seam(picture, np.array([above])) == 0
    assert seam(picture) == 0


def test_a_line_between_panels_hides_no_seam() -> None:
    def picture(n: int) -> Picture:
        image = beside(n)
        image[:, 157:163] = 255
        return image

    assert seam(picture) > 0.9


def test_bars_beside_panels_do_not_matter() -> None:
    def picture(n: int) -> Picture:
        image = beside(n)
        image[:20] = image[-20:] = 0
        return image

    assert seam(picture) > 0.9


def test_a_still_half_is_not_a_panel() -> None:
    """As the edge of a wall, or scenery to the side."""
    assert seam(lambda n: np.hstack([room(1, n, 160), room(2, n, 160, moves=False)])) == 0


def test_one_room_is_not_split_screen() -> None:
    assert seam(lambda n: room(1, n)) == 0


def test_a_floor_is_level_but_somebody_stands_before_its_edge() -> None:
    def picture(n: int) -> Picture:
        image = room(1, n)
        x = 160 + 20 * (n % 2)
        cv2.rectangle(image, (x, 100), (x + 6, 165), (20, 20, 60), -1)
        return image

    assert seam(picture, np.array([[160.0, 110.0, 70.0]])) == 0


def test_a_pole_stands_in_one_room() -> None:
    def picture(n: int) -> Picture:
        image = room(1, n)
        image[:, 96:106] = (200, 60, 60)
        x = 40 if n % 2 else 250  # somebody goes from one side to the other
        cv2.ellipse(image, (x, 100), (16, 50), 0, 0, 360, (20, 20, 60), -1)
        return image

    assert seam(picture) == 0


def test_blurred_margins_are_not_panels() -> None:
    def picture(n: int) -> Picture:
        image = room(1, n)
        blurred = cv2.GaussianBlur(room(2, n), (0, 0), 9)
        image[:, :90], image[:, -90:] = blurred[:, :90], blurred[:, -90:]
        return image

    assert seam(picture) == 0


def test_a_seam_belongs_to_its_shot() -> None:
    meter = PanelMeter()
    for n in range(12):
        meter.see(Frame(n / 2, beside(n) if n >= 6 else room(3, n)), NOBODY)
    found = np.array(meter.panels((3.0,)).seam)
    assert found[:6].max() == 0
    assert found[6:].min() > 0.9


def test_lines_are_exact_to_the_pixel() -> None:
    found = lines(beside(0))
    assert np.flatnonzero(found > 0.9).tolist() == [160]


def test_nothing_to_see(stage: Any) -> None:
    assert PanelMeter().panels(()).time == ()
    assert seam(lambda n: np.zeros((HEIGHT, WIDTH, 3), np.uint8)) == 0

"""Camera motion is determined from edges alone, and only as far as they determine it."""

import cv2
import numpy as np
import pytest

from popdanceset.video.screening.alignment import aligned

WIDTH, HEIGHT = 320, 240
EVERYWHERE = np.full((HEIGHT, WIDTH), 255, np.uint8)


def moved(image: np.ndarray, x: float, y: float) -> np.ndarray:
    move = np.array([[1, 0, x], [0, 1, y]], float)
    return cv2.warpAffine(
        image, move, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )


def wall(frames: bool = True) -> np.ndarray:
    """A plain wall above a floor, with two pictures on it; optics blur it a little."""
    image = np.full((HEIGHT, WIDTH), 170, np.uint8)
    image[180:] = 110
    if frames:
        image[40:90, 30:70] = 90
        image[60:120, 240:290] = 60
    return cv2.GaussianBlur(image, (0, 0), 1.0)


def shift(transform: np.ndarray | None) -> np.ndarray:
    """Motion (2,) of the frame's centre."""
    assert transform is not None
    middle = np.array([(WIDTH - 1) / 2, (HEIGHT - 1) / 2])
    return transform[:, :2] @ middle + transform[:, 2] - middle


@pytest.mark.parametrize("way", [(0.0, 0.0), (0.3, -0.2), (2.5, 1.0), (-7.0, 5.0)])
def test_a_plain_wall_with_a_few_edges_determines_all(way: tuple[float, float]) -> None:
    before = wall()
    assert shift(aligned(before, moved(before, *way), EVERYWHERE)) == pytest.approx(way, abs=0.06)


def test_a_skirting_board_shows_how_far_it_moved_across_itself() -> None:
    before = wall(frames=False)
    assert shift(aligned(before, moved(before, 3.0, 2.0), EVERYWHERE)) == pytest.approx((0.0, 2.0), abs=0.06)


def test_what_moves_by_itself_is_outvoted() -> None:
    before, now = wall(), wall()
    cv2.rectangle(before, (150, 90), (162, 150), 20, -1)
    cv2.rectangle(now, (156, 84), (168, 144), 20, -1)
    assert shift(aligned(before, now, EVERYWHERE)) == pytest.approx((0.0, 0.0), abs=0.06)


def test_a_lamp_that_is_switched_on_is_not_motion() -> None:
    before = wall()
    assert shift(aligned(before, cv2.add(before, 25), EVERYWHERE)) == pytest.approx((0.0, 0.0), abs=0.06)


def test_one_small_thing_determines_nothing() -> None:
    """It may be a hand."""
    before = np.full((HEIGHT, WIDTH), 150, np.uint8)
    cv2.rectangle(before, (100, 100), (130, 130), 60, -1)
    before = cv2.GaussianBlur(before, (0, 0), 1.0)
    assert aligned(before, moved(before, 2.0, 1.0), EVERYWHERE) is None


def test_where_nothing_is_seen_nothing_is_reported() -> None:
    plain = np.full((HEIGHT, WIDTH), 128, np.uint8)
    assert aligned(plain, plain, EVERYWHERE) is None
    assert aligned(wall(), wall(), None) is None

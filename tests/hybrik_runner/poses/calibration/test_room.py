"""Pictures of a room before which somebody dances."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from hybrik_runner.poses.calibration.room import Room
from hybrik_runner.poses.calibration.vanishing_points import calibrate
from popdanceset import media
from popdanceset.media import Frame

POST = ((200, 60), (260, 660))


def picture(
    *more: tuple[tuple[int, int], tuple[int, int]], size: tuple[int, int] = (1280, 720)
) -> np.ndarray:
    """A grey wall with a slanting post on it, and more of them: (height, width, 3)."""
    image = np.full((size[1], size[0], 3), 120, np.uint8)
    for start, end in (POST, *more):
        cv2.line(image, start, end, (250, 240, 200), 9, cv2.LINE_AA)
    return image


def seen(images: list[np.ndarray]) -> Room:
    room = Room()
    for second, image in enumerate(images):
        room.look(Frame(float(second), image))
    return room


def test_lines_are_in_the_pixels_of_the_frames() -> None:
    lines = seen([picture()]).lines()
    assert len(lines) >= 2  # both edges
    ends = np.sort(lines.reshape(-1, 2, 2), axis=1)
    np.testing.assert_allclose(ends[:2], [POST, POST], atol=12)


def test_who_moves_is_not_part_of_the_room() -> None:
    dance = [picture(((300 + 150 * step, 100), (400 + 150 * step, 600))) for step in range(5)]
    np.testing.assert_allclose(seen(dance).lines(), seen([picture()] * 5).lines(), atol=2)


def test_a_long_clip_keeps_as_few_frames_as_a_short_one() -> None:
    """What begins after seven seconds is not looked at any more."""
    late = [picture()] * 7 + [picture(((700, 50), (900, 650)))] * 100
    np.testing.assert_array_equal(seen(late).lines(), seen(late[:7]).lines())


def test_frames_without_lines() -> None:
    assert seen([]).lines().shape == (0, 4)
    assert seen([np.zeros((720, 1280, 3), np.uint8)]).lines().shape == (0, 4)
    assert seen([np.zeros((6, 8, 3), np.uint8)]).lines().shape == (0, 4)


def test_a_busy_picture_has_no_more_lines_than_others() -> None:
    bricks = [((x, y), (x + 5, y + 45)) for x in range(20, 1260, 40) for y in range(10, 650, 60)]
    assert len(bricks) > 300
    assert len(seen([picture(*bricks)]).lines()) == 250


@pytest.mark.parametrize("view", ["cam02", "cam04"])
def test_calibrated_cameras_are_found(shared: Path, view: str) -> None:
    """One camera is tilted by 18 degrees, the other by 34, with a roll of 26."""
    folder = shared / "media/multiview"
    with np.load(folder / "cameras.npz") as known:
        index = known["names"].tolist().index(view)
        pinhole, turn = known["K"][index], known["R"][index]
    room = Room()
    for frame in media.frames(folder / f"{view}.mp4"):
        room.look(frame)
        size = (frame.image.shape[1], frame.image.shape[0])
    found = calibrate(room.lines(), size)
    assert found.up is not None
    assert np.degrees(np.arccos(np.dot(found.up, turn[:, 2]))) < 1.0
    assert found.focal_length == pytest.approx(pinhole[0, 0], rel=0.03)

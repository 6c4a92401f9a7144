"""Cameras in rooms whose edges are known; OpenCV projects them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hybrik_runner.poses.calibration.vanishing_points import calibrate
from hybrik_runner.poses.camera import Calibration

SIZE = (1280, 720)
DIAGONAL = float(np.hypot(*SIZE))
RIGHT, DOWN, AWAY = np.eye(3)


def lines(
    turn: np.ndarray, ratio: float, directions: list[np.ndarray], count: int, seed: int = 0
) -> np.ndarray:
    """`count` edges of each direction of a room, seen with 0.3 pixels of noise by a camera 4 m away that is
    turned: (n, 4)."""
    rng = np.random.default_rng(seed)
    pinhole = np.array([[ratio * DIAGONAL, 0, SIZE[0] / 2], [0, ratio * DIAGONAL, SIZE[1] / 2], [0, 0, 1]])
    found: list[np.ndarray] = []
    for direction in directions:
        kept = 0
        while kept < count:
            middle = turn.T @ [rng.uniform(-1.5, 1.5), rng.uniform(-1, 1), rng.uniform(3, 6)]
            ends = middle + np.outer([-0.5, 0.5], direction) * rng.uniform(0.3, 1.0)
            pixels = cv2.projectPoints(ends, cv2.Rodrigues(turn)[0], np.zeros(3), pinhole, None)[0]
            inside = (ends @ turn.T)[:, 2] > 0.5
            if inside.all() and np.linalg.norm(pixels[1] - pixels[0]) > 40:
                found.append((pixels + rng.normal(0, 0.3, pixels.shape)).reshape(4))
                kept += 1
    return np.array(found)


def bars(count: int, seed: int) -> np.ndarray:
    """Both edges of `count` bars that lie anyhow: (2 count, 4)."""
    rng = np.random.default_rng(seed)
    start, angle = rng.uniform(0, SIZE, (count, 2)), rng.uniform(0, 2 * np.pi, count)
    along = np.column_stack([np.cos(angle), np.sin(angle)])
    end = start + along * rng.uniform(40, 300, (count, 1))
    aside = along[:, ::-1] * [5.0, -5.0]
    return np.concatenate([np.hstack([start, end]), np.hstack([start + aside, end + aside])])


def camera(pitch: float, roll: float, heading: float) -> np.ndarray:
    """From the room's axes to those of a camera: degrees upwards, clockwise and to the right."""
    return Rotation.from_euler("YXZ", [-heading, -pitch, -roll], degrees=True).inv().as_matrix()


def tilt_off(found: Calibration, turn: np.ndarray) -> float:
    """Degrees between the found and the true direction upwards."""
    assert found.up is not None
    return float(np.degrees(np.arccos(np.clip(np.dot(found.up, turn @ -DOWN), -1, 1))))


@pytest.mark.parametrize("ratio", [0.62, 1.0, 1.3])
@pytest.mark.parametrize(
    ("pitch", "roll", "heading"), [(-6.0, 0.0, 35.0), (-15.0, 4.0, 55.0), (8.0, -20.0, 40.0)]
)
def test_a_room_shows_the_camera_beside_as_many_other_lines(
    ratio: float, pitch: float, roll: float, heading: float
) -> None:
    turn = camera(pitch, roll, heading)
    found = calibrate(np.concatenate([lines(turn, ratio, [RIGHT, DOWN, AWAY], 25), bars(35, 1)]), SIZE)
    assert tilt_off(found, turn) < 0.7
    assert found.focal_length_seen
    assert found.focal_length == pytest.approx(ratio * DIAGONAL, rel=0.05)
    assert found.size == SIZE


def test_verticals_alone_show_the_tilt() -> None:
    turn = camera(-12.0, 5.0, 0.0)
    found = calibrate(np.concatenate([lines(turn, 1.0, [DOWN], 25), bars(10, 2)]), SIZE)
    assert tilt_off(found, turn) < 0.5
    assert (found.focal_length, found.focal_length_seen) == (DIAGONAL, False)


def test_a_wall_seen_from_the_front_hides_the_focal_length() -> None:
    """All its level edges are parallel to the picture, and the other direction has none."""
    turn = camera(-1.0, 0.0, 0.0)
    found = calibrate(lines(turn, 0.8, [RIGHT, DOWN], 25), SIZE)
    assert tilt_off(found, turn) < 0.5
    assert (found.focal_length, found.focal_length_seen) == (DIAGONAL, False)


def test_lines_that_meet_by_chance_show_nothing() -> None:
    found = [calibrate(bars(count, seed), SIZE) for seed in range(20) for count in (5, 30, 100)]
    assert [each for each in found if each != Calibration.assumed(SIZE)] == []


@pytest.mark.parametrize(
    "few", [np.empty((0, 4)), np.array([[656.0, 0, 656, 720]]), np.array([[656.0, 0, 656, 720]] * 40)]
)
def test_the_edges_of_a_frame_within_a_frame_show_no_tilt(few: np.ndarray) -> None:
    assert calibrate(few, SIZE).up in (None, pytest.approx((0.0, -1.0, 0.0)))
    assert calibrate(few, SIZE).focal_length == DIAGONAL


def test_a_point_is_no_line() -> None:
    points = np.repeat([[10.0, 20.0, 10.0, 20.0]], 30, axis=0)
    assert calibrate(points, SIZE) == Calibration.assumed(SIZE)

"""Places in front of a camera."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from hybrik_runner.poses import camera

SIZE = (1280, 720)
CAMERA = camera.Calibration.assumed(SIZE)


def test_axes_go_and_come_back() -> None:
    points = np.random.default_rng(0).normal(size=(4, 5, 3))
    np.testing.assert_array_equal(camera.to_camera(camera.to_world(points)), points)
    # down in the image is down in the world, away from the camera is forward
    np.testing.assert_array_equal(camera.to_world(np.array([1.0, 2.0, 3.0])), [1, 3, -2])


def test_a_body_is_found_where_it_was_put() -> None:
    rng = np.random.default_rng(1)
    body = rng.normal(0, 0.4, (50, 12, 3))
    place = np.column_stack([rng.uniform(-1, 1, 50), rng.uniform(-0.5, 0.5, 50), rng.uniform(3, 8, 50)])
    pixels = camera.project(body + place[:, None], CAMERA)
    found = camera.locate(body, pixels, rng.uniform(0.1, 1, (50, 12)), CAMERA)
    np.testing.assert_allclose(found, place, atol=1e-9)


def test_normal_equations_of_the_pinhole() -> None:
    """With noise there is no exact answer: the same as a general least-squares solver."""
    rng = np.random.default_rng(2)
    body = rng.normal(0, 0.4, (1, 12, 3))
    pixels = camera.project(body + np.array([0.3, 0.1, 4]), CAMERA) + rng.normal(0, 5, (1, 12, 2))
    weights = rng.uniform(0.1, 1, 12)
    uv = (pixels[0] - np.array(SIZE) / 2) / CAMERA.focal_length
    rows, right = [], []
    for (x, y, z), (u, v), weight in zip(body[0], uv, np.sqrt(weights), strict=True):
        rows += [[weight, 0, -weight * u], [0, weight, -weight * v]]
        right += [weight * (u * z - x), weight * (v * z - y)]
    expected = np.linalg.lstsq(np.array(rows), np.array(right), rcond=None)[0]
    np.testing.assert_allclose(camera.locate(body, pixels, weights[None], CAMERA)[0], expected, atol=1e-9)


def test_a_turned_axis_meets_the_pixel() -> None:
    pixels = np.array([[100.0, 50.0], [640.0, 360.0], [1200.0, 700.0]])
    axis = camera.towards(pixels, CAMERA) @ [0, 0, 1.0]
    np.testing.assert_allclose(camera.project(axis, CAMERA), pixels, atol=1e-9)
    assert Rotation.from_matrix(camera.towards(pixels, CAMERA)[1]).magnitude() < 1e-9


def test_weak_perspective_is_undone_by_its_definition() -> None:
    rng = np.random.default_rng(3)
    points = rng.normal(size=(6, 17, 3))
    box = np.array([[100.0, 50, 400, 650]] * 6)
    scale, shift = rng.uniform(0.5, 1.5, (6, 1, 1)), rng.normal(0, 0.2, (6, 1, 2))
    pixels = [250.0, 350.0] + 300 * scale * (points[..., :2] + shift)
    found = camera.weak_perspective(points, pixels, box)
    np.testing.assert_allclose(found, np.concatenate([scale[:, 0], shift[:, 0]], axis=1), atol=1e-9)

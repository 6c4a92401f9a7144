"""Crops and heat maps, without the network."""

from __future__ import annotations

import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hybrik_runner.blazepose.landmarks import Region, crop, refine


def refined_by_loops(points: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """The 7 × 7 centre of mass, cell by cell."""
    result = points.copy()
    for k, (x, y) in enumerate(points):
        column, row = int(np.floor(x / 4)), int(np.floor(y / 4))
        if not (0 <= column < 64 and 0 <= row < 64):
            continue
        total = sum_x = sum_y = hottest = 0.0
        for i in range(max(0, row - 3), min(64, row + 4)):
            for j in range(max(0, column - 3), min(64, column + 4)):
                weight = 1 / (1 + np.exp(-float(heat[i, j, k])))
                total, sum_x, sum_y = total + weight, sum_x + weight * j, sum_y + weight * i
                hottest = max(hottest, weight)
        if hottest >= 0.5:
            result[k] = sum_x / total * 4, sum_y / total * 4
    return result


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_refinement_cell_by_cell(seed: int) -> None:
    rng = np.random.default_rng(seed)
    heat = rng.normal(-3, 3, (64, 64, 39)).astype(np.float32)
    points = rng.uniform(-20, 276, (39, 2))
    np.testing.assert_allclose(refine(points, heat), refined_by_loops(points, heat), atol=1e-4)


def test_region_of_an_upright_and_a_lying_body() -> None:
    upright = Region.of_body(np.array([100.0, 200]), np.array([100.0, 120]))
    assert (upright.side, upright.angle) == (200, 0)
    lying = Region.of_body(np.array([100.0, 200]), np.array([180.0, 200]))
    assert lying.angle == np.pi / 2


def test_a_lying_body_is_turned_upright() -> None:
    """A spot at the head of somebody who lies to the right appears above the middle of the crop."""
    image = np.zeros((300, 400, 3), np.uint8)
    cv2.circle(image, (280, 150), 6, (255, 255, 255), -1)
    region = Region.of_body(np.array([200.0, 150]), np.array([300.0, 150]))
    cropped = crop(image, region)
    assert cropped.shape == (256, 256, 3)
    rows, columns = np.nonzero(cropped[..., 0] > 0.5)
    np.testing.assert_allclose(columns.mean() + 0.5, 128, atol=1)
    np.testing.assert_allclose(rows.mean() + 0.5, 128 - 80 / 250 * 256, atol=1)


def test_crop_pixels_come_from_the_region() -> None:
    """An image whose values are its coordinates, sampled with bilinear weights."""
    y, x = np.mgrid[:200, :200].astype(np.uint8)
    image = np.stack([x, y, np.zeros_like(x)], axis=2)
    region = Region(100.0, 90.0, 64.0, 0.3)
    cropped = crop(image, region) * 255
    for row, column in ((10, 20), (128, 128), (250, 77)):
        across, down = (column + 0.5) / 256 - 0.5, (row + 0.5) / 256 - 0.5
        place = np.array([100, 90]) + region.axes @ np.array([across, down]) * 64 - 0.5
        np.testing.assert_allclose(cropped[row, column, :2], place, atol=0.6)

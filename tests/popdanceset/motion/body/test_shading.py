"""The drawn body: where a camera sees it, what hides what, and how it is lit."""

from __future__ import annotations

import numpy as np

from popdanceset.motion.body.capsules import RADII, capsule_ends
from popdanceset.motion.body.shading import Pinhole, draw_body
from popdanceset.motion.forward_kinematics import forward_kinematics
from popdanceset.skeleton import LEFT_COLOUR

SIZE = (160, 200)
EYE = np.eye(3, dtype=np.float32)
NOWHERE = np.zeros(3, np.float32)


def standing() -> np.ndarray:
    """(24, 3) the mean body in the axes of a camera (x right, y down, z forward), 3 m away, facing it."""
    joints = forward_kinematics(np.tile(np.eye(3), (1, 24, 1, 1)))[0]
    result: np.ndarray = joints * [1, -1, -1] + [0, 0, 3.0]
    return result


def drawn(joints: np.ndarray, camera: Pinhole, place: np.ndarray = NOWHERE) -> tuple[np.ndarray, np.ndarray]:
    image = np.zeros((camera.size[1], camera.size[0], 3), np.float32)
    return image, draw_body(image, joints, 1.0, camera, place)


def marched(ray: np.ndarray, ends: np.ndarray) -> float:
    """Distance along a ray to the body, by sphere tracing: steps as long as the distance to the surface."""
    travelled = 0.0
    along = ends[:, 1] - ends[:, 0]
    for _ in range(400):
        off = travelled * ray - ends[:, 0]
        share = np.clip((off * along).sum(1) / (along * along).sum(1), 0, 1)
        distance = (np.linalg.norm(off - share[:, None] * along, axis=1) - RADII).min()
        travelled += distance
        if distance < 1e-7:
            return travelled
        if travelled > 10:
            return np.inf
    return travelled


def test_depths_are_those_of_sphere_tracing() -> None:
    camera = Pinhole(EYE, 200.0, SIZE)
    _, depth = drawn(standing(), camera)
    ends = capsule_ends(standing())
    rng = np.random.default_rng(0)
    rows, columns = rng.integers(0, SIZE[1], 900), rng.integers(0, SIZE[0], 900)
    found = np.array([depth[row, column] for row, column in zip(rows, columns, strict=True)])
    pixels = np.stack([columns + 0.5 - SIZE[0] / 2, rows + 0.5 - SIZE[1] / 2, np.full(900, 200.0)], 1)
    rays = pixels / np.linalg.norm(pixels, axis=1, keepdims=True)
    expected = np.array([marched(ray, ends) for ray in rays])
    differ = np.isfinite(found) != np.isfinite(expected)
    assert differ.mean() < 0.01  # on the outline, single precision decides
    both = np.isfinite(found) & np.isfinite(expected)
    assert both.sum() > 40
    np.testing.assert_allclose(found[both], expected[both], atol=5e-3)


def test_colours_and_light() -> None:
    image, depth = drawn(standing(), Pinhole(EYE, 200.0, SIZE))
    there = np.isfinite(depth)
    assert (image[~there] == 0).all()
    orange = there & (image[..., 0] > 1.5 * image[..., 2])
    blue = there & (image[..., 2] > 1.5 * image[..., 0])
    assert np.nonzero(orange)[1].mean() > SIZE[0] / 2 > np.nonzero(blue)[1].mean()  # it faces the camera
    assert image[orange].max() <= max(LEFT_COLOUR) + 1e-3
    grey = there & ~orange & ~blue
    rows = np.nonzero(grey)[0]
    head = grey & (np.arange(SIZE[1])[:, None] < rows.min() + 10)
    assert image[head].mean() > image[grey].mean()  # the light is above


def test_a_turned_camera_sees_the_same() -> None:
    joints = standing()
    turn = np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0]], np.float32)  # a quarter turn about the vertical
    place = np.array([5, -1, 2], np.float32)
    image, depth = drawn(joints, Pinhole(EYE, 200.0, SIZE))
    other, far = drawn(joints @ turn + place, Pinhole(turn, 200.0, SIZE), place)
    there = np.isfinite(depth)
    assert (there == np.isfinite(far)).mean() > 0.995
    both = there & np.isfinite(far)
    assert np.abs(depth[both] - far[both]).max() < 5e-3
    assert np.median(np.abs(image[both] - other[both])) < 0.5


def test_nothing_behind_the_camera_is_drawn() -> None:
    assert not np.isfinite(drawn(standing() - [0, 0, 9], Pinhole(EYE, 200.0, SIZE))[1]).any()

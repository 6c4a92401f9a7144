"""Limbs that reach for places."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from popdanceset.motion.two_bone import reach


def limbs(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Upper and lower bones (count, 3) of 0.40 and 0.42 m, and the axes about which they are bent."""
    rng = np.random.default_rng(seed)
    upper = rng.normal(size=(count, 3))
    upper *= 0.40 / np.linalg.norm(upper, axis=1, keepdims=True)
    axis = np.cross(upper, rng.normal(size=(count, 3)))
    axis /= np.linalg.norm(axis, axis=1, keepdims=True)
    bent = Rotation.from_rotvec(axis * rng.uniform(0, 2.3, (count, 1)))
    return upper, bent.apply(upper) * 1.05, axis


def turned(turns: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    return np.einsum("nab,nb->na", turns, vectors)


def test_the_end_is_at_its_target_where_the_limb_is_long_enough() -> None:
    upper, lower, axis = limbs(500)
    target = upper + lower + np.random.default_rng(1).normal(0, 0.03, (500, 3))
    target *= np.minimum(1, 0.818 / np.linalg.norm(target, axis=1, keepdims=True))
    first, second = reach(upper, lower, target, axis)
    for turns in (first, second):
        np.testing.assert_allclose(
            turns @ np.swapaxes(turns, 1, 2), np.tile(np.eye(3), (500, 1, 1)), atol=1e-9
        )
    np.testing.assert_allclose(turned(first, upper) + turned(second, lower), target, atol=1e-9)


def test_too_far_a_target_is_approached() -> None:
    upper, lower, axis = limbs(100)
    far = 3 * (upper + lower)
    first, second = reach(upper, lower, far, axis)
    end = turned(first, upper) + turned(second, lower)
    np.testing.assert_allclose(np.cross(end, far), 0, atol=1e-9)
    assert (np.linalg.norm(end, axis=1) > 0.81).all()


def test_the_bending_plane_and_its_side_are_kept() -> None:
    upper, lower, axis = limbs(500)
    target = upper + lower + np.random.default_rng(2).normal(0, 0.02, (500, 3))
    first, second = reach(upper, lower, target, axis)
    normal = np.cross(turned(first, upper), turned(second, lower))
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    assert ((normal * axis).sum(1) > 0.95).all()


def test_a_straight_limb_bends_about_its_axis() -> None:
    upper = np.array([[0.0, -0.40, 0]])
    first, second = reach(upper, 1.05 * upper, np.array([[0.0, -0.7, 0]]), np.array([[1.0, 0, 0]]))
    assert (turned(first, upper))[0, 2] > 0.1  # the knee comes forward
    np.testing.assert_allclose(turned(first, upper) + turned(second, 1.05 * upper), [[0, -0.7, 0]], atol=1e-9)


def test_nothing_moves_where_the_end_is_at_its_target() -> None:
    upper, lower, axis = limbs(200)
    for turns in reach(upper, lower, upper + lower, axis):
        np.testing.assert_allclose(turns, np.tile(np.eye(3), (200, 1, 1)), atol=1e-6)

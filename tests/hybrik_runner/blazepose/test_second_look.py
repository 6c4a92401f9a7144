"""Two networks made one: joins that do not jump, sides put back, motion between the looks kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hybrik_runner.blazepose.body import ALL_SIDES
from hybrik_runner.blazepose.landmarks import Landmarks
from hybrik_runner.blazepose.second_look import fused, mirrored

TIMES = np.arange(90) / 30
LOOKS = range(30, 61, 2)


def moving(offset: float = 0.0, fast: float = 0.0) -> list[Landmarks]:
    """A body of random points that moves in its image and trembles; `offset` metres to the right."""
    rest = np.random.default_rng(1).normal(0, 0.3, (33, 3))
    result = []
    for time in TIMES:
        metric = rest + np.array([offset + fast * np.sin(60 * time), 0, 0])
        image = metric[:, :2] * 100 + [300 + 50 * time, 200]
        body = np.array([[300 + 50 * time, 200.0], [300 + 50 * time, 100]])
        result.append(Landmarks(image, metric, np.full(33, 0.9), body, 1.0))
    return result


def fuse(first: list[Landmarks], heavy: list[Landmarks]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    second = [look if index in LOOKS else None for index, look in enumerate(heavy)]
    result, exchanged = fused(TIMES, first, second)
    return np.array([s.image for s in result]), np.array([s.metric for s in result]), exchanged


def test_without_looks_nothing_changes() -> None:
    first = moving()
    landmarks, exchanged = fused(TIMES, first, [None] * 90)
    assert landmarks == first
    assert not exchanged.any()


def test_a_constant_difference_fades_at_both_ends() -> None:
    """The heavy network sees everything 0.1 m farther right: its picture counts, and half of its metres."""
    first = moving()
    image, metric, _ = fuse(first, moving(0.1))
    outside = np.maximum(TIMES[30] - TIMES, TIMES - TIMES[60]).clip(0)
    ramp = (1 - outside / 0.2).clip(0)
    own_image, own_metric = np.array([s.image for s in first]), np.array([s.metric for s in first])
    np.testing.assert_allclose(
        image[..., 0] - own_image[..., 0], (10 * ramp)[:, None].repeat(33, 1), atol=1e-6
    )
    np.testing.assert_allclose(
        metric[..., 0] - own_metric[..., 0], (0.05 * ramp)[:, None].repeat(33, 1), atol=1e-9
    )


def test_motion_that_both_networks_see_stays_as_it_is() -> None:
    """A tremor between the looks is not smoothed away."""
    first = moving(fast=0.01)
    _, metric, _ = fuse(first, first)
    np.testing.assert_allclose(metric, [seen.metric for seen in first], atol=1e-4)


def test_sides_are_put_back_between_the_looks_too() -> None:
    right = moving()
    order = np.arange(33)
    for pairs in ALL_SIDES.values():
        for one, other in pairs:
            order[[one, other]] = other, one
    wrong = [
        replace(seen, image=seen.image[order], metric=seen.metric[order]) if 40 <= index < 50 else seen
        for index, seen in enumerate(right)
    ]
    image, metric, exchanged = fuse(wrong, right)
    assert exchanged.sum() == 10
    np.testing.assert_allclose(metric, [seen.metric for seen in right], atol=1e-6)
    np.testing.assert_allclose(image, [seen.image for seen in right], atol=1e-3)


def test_a_frame_astray_between_two_looks_follows_the_looks() -> None:
    right = moving()
    lost = list(right)
    lost[41] = replace(right[41], metric=right[41].metric + np.array([0, 0, 1.5]))
    _, metric, _ = fuse(lost, right)
    np.testing.assert_allclose(metric[41], right[41].metric, atol=0.01)


def test_mirrored_parts() -> None:
    points = np.random.default_rng(0).normal(size=(2, 33, 3))
    other = points.copy()
    for left, right in ALL_SIDES["legs"]:
        other[1, [left, right]] = other[1, [right, left]]
    assert mirrored(points, other).tolist() == [[False] * 3, [False, False, True]]

"""What makes frames doubtful: each sign alone, on a body that stands still otherwise."""

from __future__ import annotations

import numpy as np

from hybrik_runner.blazepose.doubts import Doubt, accelerations, doubts, jumps, stretching
from hybrik_runner.blazepose.landmarks import Landmarks

TIMES = np.arange(60) / 30
SIZE = (100, 100)


def still(count: int = 60) -> np.ndarray:
    """(count, 33, 3): shoulders and hips across the line of sight."""
    metric = np.zeros((count, 33, 3))
    metric[:, [11, 12, 23, 24]] = [[0.2, -0.5, 0], [-0.2, -0.5, 0], [0.1, 0, 0], [-0.1, 0, 0]]
    return metric


def seen(metric: np.ndarray, visibility: np.ndarray | None = None) -> list[Landmarks]:
    visible = np.ones(metric.shape[:2]) if visibility is None else visibility
    body = np.array([[50.0, 50], [50, 0]])
    return [
        Landmarks(points[:, :2] * 50 + 50, points, v, body, 1.0)
        for points, v in zip(metric, visible, strict=True)
    ]


def about(levels: np.ndarray) -> tuple[float, float]:
    """First and last doubtful time, seconds."""
    own = TIMES[levels > Doubt.NONE]
    return float(own[0]), float(own[-1])


def test_a_body_at_rest_is_not_doubtful() -> None:
    assert not doubts(TIMES, seen(still()), SIZE).any()
    assert not len(doubts(TIMES[:0], [], SIZE))


def test_a_jump_and_what_is_near_it() -> None:
    metric = still()
    metric[30:, 11:] += [0, 0, 0.4]  # 12 m/s
    levels = doubts(TIMES, seen(metric), SIZE)
    assert levels.max() == Doubt.JUMP
    np.testing.assert_allclose(about(levels), (29 / 30 - 0.3, 1.3), atol=1 / 29)
    assert list(np.flatnonzero(jumps(TIMES, metric))) == [29]


def test_limbs_unseen() -> None:
    visibility = np.ones((60, 33))
    visibility[30, 11:29] = 0.6
    levels = doubts(TIMES, seen(still(), visibility), SIZE)
    assert levels.max() == Doubt.SOME
    np.testing.assert_allclose(about(levels), (0.8, 1.2), atol=1e-9)


def test_side_view() -> None:
    metric = still()
    metric[30, [11, 12, 23, 24]] = [[0, -0.5, 0.2], [0, -0.5, -0.2], [0, 0, 0.1], [0, 0, -0.1]]
    metric[30, 13:23] = metric[30, 25:] = 0
    assert doubts(TIMES, seen(metric), SIZE)[30] == Doubt.SOME


def test_acceleration_does_not_depend_on_the_frame_rate() -> None:
    """x = a t² / 2 has the acceleration a at 30 and at 60 frames per second."""
    for fps in (30, 60):
        times = np.arange(2 * fps) / fps
        metric = still(len(times))
        metric[:, 11:, 0] += 9.0 / 2 * times[:, None] ** 2
        reach = fps // 30
        np.testing.assert_allclose(accelerations(times, metric)[reach:-reach], 9.0, rtol=1e-6)


def test_limbs_that_change_their_length() -> None:
    """One forearm of eight limb bones grows by the factor e: an eighth in the mean of the logarithms."""
    metric = still()
    sides = {13: (0.4, -0.4), 15: (0.5, -0.2), 25: (0.1, 0.4), 27: (0.1, 0.8)}
    for left, (x, y) in sides.items():
        metric[:, left], metric[:, left + 1] = (x, y, 0), (-x, y, 0)
    metric[30, 15] = metric[30, 13] + np.e * (metric[0, 15] - metric[0, 13])
    image = 60 * metric[..., :2] + 50  # seen from straight ahead, so that depth plays no part
    change = stretching(metric, image, (100, 100))
    np.testing.assert_allclose(change[30], 1 / 8, atol=0.03)
    assert change[[0, 29, 31, 59]].max() < 1e-9

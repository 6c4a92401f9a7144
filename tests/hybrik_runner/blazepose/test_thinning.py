"""Which frames are passed over, and what is known of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hybrik_runner.blazepose.landmarks import Landmarks
from hybrik_runner.blazepose.thinning import between, thinned
from popdanceset.media import Frame


@pytest.mark.parametrize(
    ("fps", "kept"), [(24, 24), (25, 25), (29.97, 30), (30, 30), (50, 25), (60, 30), (120, 30)]
)
def test_thirty_a_second_are_kept_about(fps: float, kept: int) -> None:
    passed: list[float] = []
    image = np.zeros((2, 2, 3), np.uint8)
    times = np.round(np.arange(round(fps)) / fps, 3)  # as containers with milliseconds have them
    looked = [frame.time for frame in thinned((Frame(float(time), image) for time in times), passed)]
    assert sorted(looked + passed) == times.tolist()
    assert len(looked) == kept


def look(depth: float) -> Landmarks:
    points = np.random.default_rng(0).normal(size=(33, 3)) + np.array([0, 0, depth])
    return Landmarks(
        points[:, :2] * 100 + 10 * depth, points, np.full(33, 0.5 + depth), np.eye(2) * depth, 1.0
    )


def test_between_two_looks() -> None:
    one, other = look(0.0), replace(look(0.2), presence=0.7)
    found = between(one, other, 1.0, 1.1, 1.025)
    np.testing.assert_allclose(found.metric, look(0.05).metric)
    np.testing.assert_allclose(found.image, look(0.05).image)
    np.testing.assert_allclose(found.visibility, 0.55)
    np.testing.assert_allclose(found.body, np.eye(2) * 0.05)
    assert found.presence == 0.7


def test_an_exchange_has_no_mean() -> None:
    one = look(0.0)
    other = replace(one, metric=one.metric * [-1, 1, 1])
    assert between(one, other, 0.0, 0.04, 0.01) is one
    assert between(one, other, 0.0, 0.04, 0.03) is other

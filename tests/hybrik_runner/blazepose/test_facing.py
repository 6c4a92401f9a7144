"""Face, feet and knees point forwards, and backwards behind a trunk that was turned round."""

from __future__ import annotations

import numpy as np
import pytest

from hybrik_runner.blazepose import body
from hybrik_runner.blazepose.facing import backwards


def standing(knees: float = 0.1) -> np.ndarray:
    """(1, 33, 3) a body that faces the camera, in camera axes, with knees so far in front of the ankles."""
    points = np.zeros((1, 33, 3))
    for pair, across, down, near in (
        (body.SHOULDERS, 0.18, -0.5, 0), (body.HIPS, 0.1, 0, 0), (body.KNEES, 0.1, 0.4, knees),
        (body.ANKLES, 0.1, 0.8, 0), ((29, 30), 0.1, 0.85, -0.05), (body.TOES, 0.12, 0.85, 0.15),
        (body.EARS, 0.07, -0.7, 0),
    ):  # fmt: skip
        for index, side in zip(pair, (1, -1), strict=True):
            points[0, index] = side * across, down, -near
    points[0, body.NOSE] = 0, -0.68, -0.1
    return points


def test_a_body_as_it_should_be() -> None:
    assert backwards(standing())[0] == 0
    turned = np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0]])
    assert backwards(standing() @ turned.T)[0] == 0


def test_a_trunk_turned_round_contradicts_everything_else() -> None:
    points = standing(knees=0.2)
    points[:, [*body.SHOULDERS, *body.HIPS]] = points[:, [*body.SHOULDERS[::-1], *body.HIPS[::-1]]]
    assert backwards(points)[0] == pytest.approx(1, abs=0.35)
    assert backwards(points)[0] > 0.6


def test_knees_that_bend_backwards_alone() -> None:
    assert backwards(standing(knees=-0.15))[0] == pytest.approx(2 / 5)


def test_points_in_one_spot_are_no_contradiction() -> None:
    assert backwards(np.zeros((2, 33, 3))).tolist() == [0, 0]
    assert backwards(np.zeros((0, 33, 3))).shape == (0,)

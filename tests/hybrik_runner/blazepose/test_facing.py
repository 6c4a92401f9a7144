"""Face, feet and knees point forwards, and backwards behind a trunk that was turned round. Only a body that
is upright for a while is asked."""

from __future__ import annotations

import numpy as np
import pytest

from hybrik_runner.blazepose import body
from hybrik_runner.blazepose.facing import backwards, upright


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


def leaning(degrees: np.ndarray) -> np.ndarray:
    """(n, 33, 3) the body, leaning to its side in the picture by angles (n,)."""
    angle = np.radians(degrees)
    turns = np.zeros((len(angle), 3, 3))
    turns[:, 0, 0] = turns[:, 1, 1] = np.cos(angle)
    turns[:, 0, 1], turns[:, 1, 0], turns[:, 2, 2] = -np.sin(angle), np.sin(angle), 1
    return np.asarray(standing() @ turns.transpose(0, 2, 1))


TIMES = np.arange(60) / 30


@pytest.mark.parametrize(
    ("degrees", "is_upright"), [(0, True), (45, True), (-50, True), (70, False), (90, False), (180, False)]
)
def test_a_trunk_is_upright_or_lies_or_is_upside_down(degrees: float, is_upright: bool) -> None:
    assert (upright(leaning(np.full(60, degrees)), TIMES) == is_upright).all()


def test_a_body_that_rolls_is_never_upright() -> None:
    assert not upright(leaning(360 * TIMES + 180), TIMES).any()


def test_one_frame_seen_wrongly_does_not_lay_a_body_down() -> None:
    degrees = np.zeros(60)
    degrees[30] = 180
    assert upright(leaning(degrees), TIMES).all()
    assert upright(np.zeros((0, 33, 3)), np.zeros(0)).shape == (0,)

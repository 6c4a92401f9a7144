"""Which way up a clip is, and which limbs it shows."""

from __future__ import annotations

import numpy as np
import pytest

from hybrik_runner.poses.framing import Orientation, body_axes, orientation, seen_limbs, unseen

UP, RIGHT, DOWN, LEFT = (0.0, -1.0), (1.0, 0.0), (0.0, 1.0), (-1.0, 0.0)
SIZE = (640, 480)


def axes(**counts: int) -> np.ndarray:
    ways = {"up": UP, "right": RIGHT, "down": DOWN, "left": LEFT}
    return np.array([ways[name] for name, count in counts.items() for _ in range(count)])


@pytest.mark.parametrize(
    ("shown", "turn"),
    [
        ({"up": 10}, 0),
        ({"right": 10}, 270),
        ({"down": 10}, 180),
        ({"left": 10}, 90),
        ({"right": 7, "up": 1, "down": 2}, 270),
        ({"up": 6, "left": 4}, 0),  # floor work
        ({"up": 4, "down": 6}, 0),  # handstands: two fifths are upright
        ({"left": 4, "right": 4, "down": 2}, 0),  # rolls: no way prevails
    ],
)  # fmt: skip
def test_the_turn_that_makes_a_clip_upright(shown: dict[str, int], turn: int) -> None:
    assert orientation(axes(**shown)).turn == turn


def test_a_tilt_is_no_turn_and_nobody_is_upright() -> None:
    tilted = np.tile([np.sin(np.radians(40)), -np.cos(np.radians(40))], (9, 1))
    assert orientation(tilted).turn == 0
    assert orientation(np.empty((0, 2))) == Orientation()
    assert orientation(np.array([[np.nan, 1], [0, 0]])).turn == 0


def standing(count: int = 10) -> np.ndarray:
    """(count, 17, 2) somebody upright in the middle of the picture."""
    one = np.zeros((17, 2))
    one[:, 0] = 320 + 30 * np.where(np.arange(17) % 2, 1, -1)
    one[:, 1] = [80] * 5 + [130, 130, 180, 180, 230, 230, 240, 240, 320, 320, 400, 400]
    return np.tile(one, (count, 1, 1))


def test_who_bends_forward_is_upright() -> None:
    bent = standing()
    bent[:, [5, 6], 1] = 280  # shoulders below the hips, above the ankles
    assert orientation(body_axes(bent)).turn == 0
    assert orientation(body_axes(standing()[..., ::-1] * [1, -1])).turn


def test_without_legs_the_trunk_decides() -> None:
    guessed = standing()
    guessed[:, [15, 16], 1] = 0  # ankles that nobody sees, above the head
    assert orientation(body_axes(guessed)).turn == 180
    assert orientation(body_axes(guessed, np.zeros(10, bool))).turn == 0


def test_limbs_without_confidence() -> None:
    scores = np.full((10, 29), 0.9)
    assert unseen(seen_limbs(scores, standing(), SIZE)) == ()
    scores[:, [4, 7]] = 0.1
    scores[:6, [19, 21]] = 0.2
    scores[:4, [18, 20]] = 0.2
    assert unseen(seen_limbs(scores, standing(), SIZE)) == ("right arm", "left leg")
    assert unseen(seen_limbs(0.1 * np.full((10, 29), 0.9), standing(), SIZE)) == (), "scales differ"


def test_limbs_outside_the_picture() -> None:
    half = standing()
    half[..., 0] += 320 - 40  # the left half of the body leaves on the right
    scores = np.full((10, 29), 0.9)
    half[:, 1::2, 0] += 60
    assert unseen(seen_limbs(scores, half, SIZE)) == ("left arm", "left leg")
    low = standing() + np.array([0, 200])
    assert unseen(seen_limbs(scores, low, SIZE)) == ("left leg", "right leg")
    assert unseen(seen_limbs(scores, standing() - [0, 120], SIZE)) == ("head",)
    assert unseen(seen_limbs(scores[:0], standing(0), SIZE)) == ()

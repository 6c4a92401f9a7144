"""Foot skating, jitter, penetration and floating of motions made for the test; latency with a fake clock."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from popdanceset.errors import InputError
from training.metrics.floor import floating, floor_height, penetration
from training.metrics.foot_skating import foot_skate_ratio, foot_sliding
from training.metrics.jitter import jitter, wham_jitter
from training.metrics.latency import latency
from training.metrics.lodge_skating import foot_skate_ratio as lodge_skate_ratio
from training.metrics.self_penetration import self_penetration


@pytest.fixture
def still(plain: ModuleType) -> np.ndarray:
    """(60, 24, 3) of the mean body at rest, the ground at 0."""
    return np.tile(plain.standing(), (60, 1, 1))


def shifted(still: np.ndarray, metres_a_second: float, fps: float) -> np.ndarray:
    """The body carried sideways."""
    return still + np.arange(len(still))[:, None, None] * np.array([metres_a_second / fps, 0, 0])


def test_a_carried_body_skates(still: np.ndarray) -> None:
    for fps in (20.0, 30.0, 60.0):
        assert foot_skate_ratio(shifted(still, 0.6, fps), fps).value == 1
        assert foot_skate_ratio(shifted(still, 0.4, fps), fps).value == 0
        assert foot_sliding(shifted(still, 0.6, fps), fps).value == pytest.approx(20)  # mm in 1/30 s


def test_skating_in_half_of_the_frames(still: np.ndarray) -> None:
    joints = still.copy()
    joints[30:] = shifted(still, 3.0, 30.0)[:30]
    assert foot_skate_ratio(joints, 30.0).value == pytest.approx(0.5, abs=0.05)
    assert foot_sliding(joints, 30.0).value == pytest.approx(50, abs=3)


def test_feet_in_the_air_do_not_skate(still: np.ndarray) -> None:
    flying = shifted(still, 2.0, 30.0)
    assert foot_skate_ratio(flying, 30.0, floor=-0.5).value == 0
    assert foot_skate_ratio(flying, 30.0, floor=-0.5).flag == "no foot on the ground"
    assert foot_sliding(flying, 30.0, floor=-0.5).flag == "no foot on the ground"


def test_one_planted_foot(still: np.ndarray) -> None:
    stepping = still.copy()
    stepping[:, 11, 0] += np.arange(60) / 30  # the right toe moves, in the air
    stepping[:, 11, 2] += 0.2
    assert foot_skate_ratio(stepping, 30.0).value == 0
    assert foot_sliding(stepping, 30.0).value == 0


def test_height_over_the_ground(still: np.ndarray) -> None:
    for height in (0.0, 3.0):
        jumping = still + np.array([0, 0, height])
        jumping[:6, :, 2] += 0.5  # a tenth of the frames half a metre up
        jumping[-6:, :, 2] -= 0.1
        assert floor_height(jumping) == pytest.approx(height)
        assert floating(jumping, 30.0).value == pytest.approx(50)
        assert penetration(jumping, 30.0).value == pytest.approx(10)
        assert floating(jumping, 30.0, floor=height - 1).value == pytest.approx(1040)
        assert penetration(jumping, 30.0, floor=height - 1).value == 0


def test_a_hand_in_the_chest_in_half_of_the_frames(still: np.ndarray) -> None:
    depth, share = self_penetration(still, 30.0)
    assert (depth.value, share.value) == (0, 0)
    joints = still.copy()
    chest = joints[30:, 9]
    for joint, forward in ((18, -0.25), (20, 0.0), (22, 0.09)):
        joints[30:, joint] = chest + np.array([0, forward, 0])
    depth, share = self_penetration(joints, 30.0)
    assert share.value == 0.5
    # The forearm's end is 0.05 m or less from the axes of chest and spine, whose radius is 0.1 m.
    assert 0.5 * (136 - 50) < depth.value < 0.5 * 140
    assert self_penetration(joints, 30.0, tolerance=0.2)[0].value == 0


def test_heights_within_the_tolerance_count_as_0(still: np.ndarray) -> None:
    still[::7, :, 2] += 0.004
    assert floating(still, 30.0).value == 0
    assert floating(still, 30.0, tolerance=0.001).value > 0


def test_jerk_of_a_cubic() -> None:
    """p = t³: every third derivative is 6 m/s³, at any rate."""
    for fps in (10.0, 100.0):
        joints = np.zeros((30, 24, 3))
        joints[..., 1] = ((np.arange(30) / fps) ** 3)[:, None]
        assert jitter(joints, fps).value == pytest.approx(6, rel=1e-6)


def test_whams_jitter_joint_by_joint(dance: np.ndarray) -> None:
    lengths = []
    for joint in range(24):
        for t in range(len(dance) - 3):
            a, b, c, d = dance[t : t + 4, joint]
            lengths.append(np.linalg.norm(d - 3 * c + 3 * b - a) * 30.0**3)
    assert wham_jitter(dance, 30.0).value == pytest.approx(np.mean(lengths) / 10)


def plain_lodge(joints: np.ndarray, mode: str) -> float:
    """Lodge's ratio at 30 fps, foot by foot and frame by frame."""
    left, right = joints[0, 10, 2], joints[0, 11, 2]
    floor = (left + right) / 2 if abs(left - right) < 0.02 else min(left, right)
    ratios = []
    for ankle, toe in ((7, 10), (8, 11)):
        down = sliding = 0
        for t in range(len(joints) - 1):
            if joints[t, ankle, 2] - floor > 0.08 or joints[t, toe, 2] - floor > 0.05:
                continue
            down += 1
            moved = [joints[t + 1, point] - joints[t, point] for point in (ankle, toe)]
            way = [abs(x + y) / 2 if mode == "released" else np.hypot(x, y) for x, y, _ in moved]
            sliding += max(way) > 0.01
        if down:
            ratios.append(sliding / down)
    return float(np.mean(ratios))


def test_lodges_ratio_foot_by_foot(still: np.ndarray) -> None:
    rng = np.random.default_rng(3)
    for seed in range(5):
        joints = still.copy()
        joints[:, [7, 8, 10, 11]] += np.cumsum(rng.normal(0, 0.005, (60, 4, 3)), axis=0)
        joints[0, 11, 2] += 0.03 * (seed % 2)
        for mode in ("corrected", "released"):
            assert lodge_skate_ratio(joints, 30.0, mode).value == pytest.approx(plain_lodge(joints, mode))


def test_lodges_ratio_released_misses_opposite_components(still: np.ndarray) -> None:
    """A body that moves by 2 cm a frame to the right and to the front at once is seen to slide, to the left
    and to the front not; along one axis alone, 1.5 cm are not enough."""
    steps = np.arange(60)[:, None, None]
    for way, released in (([0.02, 0.02, 0], 1), ([-0.02, 0.02, 0], 0), ([0.015, 0, 0], 0)):
        assert lodge_skate_ratio(still + steps * way, 30.0, "released").value == released
        assert lodge_skate_ratio(still + steps * way, 30.0, "corrected").value == 1


def test_lodges_ratio_counts_the_same_slide_at_any_rate(still: np.ndarray) -> None:
    for fps in (20.0, 30.0, 60.0):
        assert lodge_skate_ratio(shifted(still, 0.31, fps), fps).value == 1
        assert lodge_skate_ratio(shifted(still, 0.29, fps), fps).value == 0


def test_lodges_ratio_leaves_out_a_foot_that_is_never_down(still: np.ndarray) -> None:
    joints = shifted(still, 1.0, 30.0)
    joints[1:, [7, 10], 2] += 0.5
    joints[0, 7, 2] += 0.5
    assert lodge_skate_ratio(joints, 30.0).value == 1
    joints[1:, [8, 11], 2] += 0.5
    joints[0, 8, 2] += 0.5
    found = lodge_skate_ratio(joints, 30.0)
    assert (found.value, found.flag) == (0, "no foot on the ground")


def test_bad_motions_get_one_line(still: np.ndarray) -> None:
    with pytest.raises(InputError, match="3 frames are too few, 4 are needed"):
        jitter(still[:3], 30.0)
    for score in (foot_skate_ratio, foot_sliding, penetration, floating, lodge_skate_ratio):
        with pytest.raises(InputError, match="2 frames are too few"):
            score(still[:2], 30.0)


def test_latency_is_the_median_per_second_of_dance() -> None:
    ticks = iter([0.0, 1.0, 10.0, 12.0, 20.0, 29.0])
    found = latency(lambda: np.zeros((60, 24, 3)), 30.0, repeats=3, clock=lambda: next(ticks))
    assert (found.value, found.low, found.high) == (1.0, 0.5, 4.5)


def test_latency_counts_all_dances_and_warms_up() -> None:
    calls: list[int] = []

    def generate() -> list[np.ndarray]:
        calls.append(1)
        return [np.zeros((60, 24, 3)), np.zeros((30, 24, 3))]

    ticks = iter([0.0, 6.0])
    assert latency(generate, 30.0, repeats=1, warm_ups=2, clock=lambda: next(ticks)).value == 2.0
    assert len(calls) == 3


def test_latency_of_nothing_is_an_error() -> None:
    with pytest.raises(InputError, match="the generator returned no frames"):
        latency(lambda: np.zeros((0, 24, 3)), 30.0)
    with pytest.raises(InputError, match="cannot time 0 repeats"):
        latency(lambda: np.zeros((5, 24, 3)), 30.0, repeats=0)

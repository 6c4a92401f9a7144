"""Foot skating, jitter, penetration and floating of motions made for the test; latency with a fake clock."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from popdanceset.errors import InputError
from training.metrics.floor import floating, floor_height, penetration
from training.metrics.foot_skating import foot_skate_ratio, foot_sliding
from training.metrics.jitter import jitter
from training.metrics.latency import latency


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


def test_bad_motions_get_one_line(still: np.ndarray) -> None:
    with pytest.raises(InputError, match="3 frames are too few, 4 are needed"):
        jitter(still[:3], 30.0)
    for score in (foot_skate_ratio, foot_sliding, penetration, floating):
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

"""Kinetic and geometric features: against plain loops, on known poses, and against the released code."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from popdanceset.errors import InputError
from popdanceset.skeleton import SMPL_JOINTS
from training.metrics.geometric import POINTS, geometric_features
from training.metrics.kinetic import kinetic_features

MODES = ("corrected", "released")
BOTH = (kinetic_features, geometric_features)


def wild(dance: np.ndarray, frames: int) -> np.ndarray:
    """A body that is still, swings widely and holds its hands low by turns, so that predicates change."""
    rng = np.random.default_rng(frames)
    phase = np.arange(frames) % 6
    swing = rng.normal(size=(frames, 24, 3)) * np.where(phase < 3, 0.0, 0.8)[:, None, None]
    joints = dance[np.arange(frames) // 3] + swing
    joints[phase == 1, POINTS["lelbow"]] = joints[phase == 1, POINTS["lshoulder"]] - np.array([0, 0.02, 0.3])
    for wrist in ("lwrist", "rwrist"):
        joints[phase == 2, POINTS[wrist], 1:] = 0.05  # low, for either up axis
    return joints


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("frames", [3, 4, 5, 6, 40])
def test_features_equal_plain_loops(mode: str, frames: int, plain: ModuleType, dance: np.ndarray) -> None:
    joints = wild(dance, frames)
    for fast, slow in ((kinetic_features, plain.plain_kinetic), (geometric_features, plain.plain_geometric)):
        np.testing.assert_allclose(fast(joints, 25.0, mode), slow(joints, 25.0, mode), rtol=2e-6, atol=1e-7)


def test_every_predicate_holds_in_some_frames_only(dance: np.ndarray) -> None:
    """The comparison above proves nothing for predicates that always or never hold."""
    joints = wild(dance, 40)
    for mode in MODES:
        share = geometric_features(joints, 25.0, mode)
        assert np.flatnonzero((share == 0) | (share == 1)).tolist() == []


def test_a_steady_walk() -> None:
    """2 m/s sideways and 1 m/s upwards, no acceleration."""
    joints = np.zeros((20, 24, 3))
    joints += np.arange(20)[:, None, None] / 50 * np.array([1.2, 1.6, 1.0])
    expected = np.tile([4.0, 1.0, 0.0], 24)
    np.testing.assert_allclose(kinetic_features(joints, 50.0), expected, atol=1e-9)


def test_a_steady_acceleration_whatever_the_rate() -> None:
    """p = t²/2 · (3, 0, 4) m/s² in all joints: |a| = 5 in every frame except at the ends."""
    for fps in (30.0, 120.0):
        seconds = np.arange(41) / fps
        joints = np.tile((seconds**2 / 2)[:, None, None] * np.array([3.0, 0.0, 4.0]), (1, 24, 1))
        np.testing.assert_allclose(kinetic_features(joints, fps)[2::3], 5.0, rtol=1e-8)


def test_released_quirks_of_kinetic_features(dance: np.ndarray) -> None:
    right, released = (kinetic_features(dance, 30.0, mode).reshape(24, 3) for mode in MODES)
    swapped = kinetic_features(dance[..., [0, 2, 1]], 60.0).reshape(24, 3)
    np.testing.assert_allclose(released[:, :2], swapped[:, :2], rtol=1e-6)  # y for up, 1/60 s
    moved = kinetic_features(dance + np.array([10.0, 0, 0]), 30.0, "released").reshape(24, 3)
    assert (moved[:, 2] > 5 * released[:, 2]).all()  # the parenthesis
    np.testing.assert_allclose(
        kinetic_features(dance + np.array([10.0, 0, 0]), 30.0).reshape(24, 3), right, rtol=1e-9
    )


@pytest.mark.parametrize("features", BOTH)
def test_corrected_features_ignore_yaw_and_position(features, dance: np.ndarray) -> None:
    turned = Rotation.from_euler("z", 1.1).apply(dance.reshape(-1, 3)).reshape(dance.shape) + np.array(
        [3.0, -2.0, 0]
    )
    np.testing.assert_allclose(features(turned, 30.0), features(dance, 30.0), rtol=1e-9, atol=1e-9)


def rest(plain: ModuleType, **moved: tuple[float, float, float]) -> np.ndarray:
    """Ten frames of the mean body at rest, some joints displaced by metres."""
    places = plain.standing()
    for name, away in moved.items():
        places[SMPL_JOINTS.index(name)] += away
    return np.tile(places, (10, 1, 1))


def test_known_poses_have_the_expected_predicates(plain: ModuleType) -> None:
    at_rest = geometric_features(rest(plain), 30.0)
    assert at_rest[[2, 3, 8]].tolist() == [0, 0, 1]  # hands below the neck, arms wide
    assert at_rest[[16, 17]].tolist() == [0, 0]  # feet on the ground
    assert at_rest[28] == 0  # the body is upright: its axis is no right angle to "up"
    raised = geometric_features(rest(plain, rwrist=(0, 0, 0.6), lankle=(0, 0, 0.7)), 30.0)
    assert raised[[2, 3]].tolist() == [1, 0]
    assert raised[[16, 17]].tolist() == [0, 1]
    lying = rest(plain)[..., [0, 2, 1]]
    assert geometric_features(lying, 30.0)[28] == 1


@pytest.mark.parametrize(
    ("joint", "velocity", "feature"),
    [
        ("rwrist", (0, 0, 1), 4),  # rises from belly towards chest
        ("lwrist", (0, 0, 1), 5),
        ("rwrist", (-1, 0, 0), 10),  # the right hand leaves the root, to the body's right
        ("lwrist", (1, 0, 0), 11),
        ("rwrist", (1, 0, 0), 9),  # the hands meet
        ("rwrist", (0, 1, 0), 12),  # fast
    ],
)
def test_movements_fulfil_their_predicates(joint: str, velocity, feature: int, plain: ModuleType) -> None:
    moving = rest(plain)
    moving[:, POINTS[joint]] += np.arange(10)[:, None] / 30 * np.array(velocity) * 0.8
    assert geometric_features(moving, 30.0)[feature] == 1
    assert geometric_features(moving[::-1], 30.0)[feature] == (1 if feature == 12 else 0)
    assert geometric_features(rest(plain), 30.0)[feature] == 0


def test_released_mode_follows_the_chest(plain: ModuleType) -> None:
    rising = rest(plain)
    rising[:, POINTS["rwrist"], 1] += np.arange(10)  # fast along the axis the released code takes for up
    assert geometric_features(rising, 30.0, "released")[4] == 0


@pytest.mark.parametrize("features", BOTH)
@pytest.mark.parametrize("mode", MODES)
def test_many_dances_at_once(features, mode: str, plain: ModuleType) -> None:
    some = plain.dances(6, 30, seed=1)
    each = np.stack([features(one, 30.0, mode) for one in some])
    np.testing.assert_allclose(features(some, 30.0, mode), each, rtol=1e-6)
    lengths = [some[0], some[1][:20], some[2], some[3][:20], some[4][:3]]
    each = np.stack([features(one, 30.0, mode) for one in lengths])
    np.testing.assert_allclose(features(lengths, 30.0, mode), each, rtol=1e-6)
    assert each.dtype == (np.float32 if mode == "released" else np.float64)


@pytest.mark.parametrize("features", BOTH)
def test_a_motionless_dancer_has_features(features, plain: ModuleType) -> None:
    for mode in MODES:
        assert np.isfinite(features(rest(plain), 30.0, mode)).all()
        assert np.isfinite(features(np.zeros((5, 24, 3)), 30.0, mode)).all()


@pytest.mark.parametrize("features", BOTH)
def test_bad_motions_get_one_line(features, dance: np.ndarray) -> None:
    with pytest.raises(InputError, match="2 frames are too few"):
        features(dance[:2], 30.0)
    spoilt = dance.copy()
    spoilt[3, 0, 0] = np.inf
    with pytest.raises(InputError, match="motion 1: 1 frames hold NaN"):
        features([dance, spoilt], 30.0)


def test_the_released_codes_numbers(golden, expected) -> None:
    for part, clips in golden.items():
        joints = [clip.joints for clip in clips]
        numbers = expected[part]["per_motion"].values()
        kinetic = kinetic_features(joints, 30.0, "released")
        np.testing.assert_allclose(kinetic, [each["kinetic"] for each in numbers], rtol=1e-5)
        geometric = geometric_features(joints, 30.0, "released")
        np.testing.assert_allclose(geometric, [each["manual"] for each in numbers], rtol=1e-5)

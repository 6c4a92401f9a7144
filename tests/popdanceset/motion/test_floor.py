"""Floors that are known: at any height, tilted, seen through wavering depth, left by jumps, or not at all."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from popdanceset.motion.floor import FOOT_JOINTS, Footing, footing, ground, heights
from popdanceset.motion.forward_kinematics import forward_kinematics

FPS = 30.0
HEIGHT = 1.4  # of the camera above the floor


def stepping(count: int = 300, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A dancer who walks to and fro before the camera, one foot planted at a time: root (n, 3) above the
    floor z = 0, joints (n, 24, 3)."""
    time = np.arange(count) / FPS
    swing = np.sin(2 * np.pi * time)
    angles = np.zeros((count, 24, 3))
    angles[:, 0, 0] = np.pi / 2
    # Half a second on the left leg, then as long on the right; the free one is bent and lifted.
    for side, lifted in ((0, np.maximum(swing, 0)), (1, np.maximum(-swing, 0))):
        angles[:, 1 + side, 0] = -0.9 * lifted
        angles[:, 4 + side, 0] = 1.6 * lifted
        angles[:, 7 + side, 0] = -0.7 * lifted
    matrices = Rotation.from_rotvec(angles.reshape(-1, 3)).as_matrix().reshape(count, 24, 3, 3)
    joints = forward_kinematics(matrices)
    still = np.stack([np.zeros(count), np.zeros(count), np.zeros(count)], 1)
    low = heights(still, joints, 1.0).min(1)
    # The planted foot does not move: the body is carried on while both feet are down, at the change of legs.
    places = np.random.default_rng(seed).normal(0, [0.7, 0.7], (count // 15 + 2, 2)).cumsum(0) * 0.4
    places -= places.mean(0)
    root = np.column_stack([np.repeat(places, 15, axis=0)[7 : 7 + count], -low])
    return root, joints


def seen(root: np.ndarray, pitch: float = 0.0, roll: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Root as a camera at the origin sees it, 4 m away, and the rotation of pitch and roll (degrees)."""
    turn = Rotation.from_euler("xy", [pitch, roll], degrees=True).as_matrix()
    return (root + np.array([0, 4.0, -HEIGHT])) @ turn.T, turn


def test_a_level_floor_is_found_at_its_height() -> None:
    root, joints = stepping()
    found = ground(seen(root)[0], joints, 1.0, FPS)
    assert found.contacts > 100
    assert found.tilt == 0
    np.testing.assert_allclose(found.root[:, 2], root[:, 2], atol=0.005)
    np.testing.assert_allclose(found.root[:, :2], (root - root[0])[:, :2], atol=1e-9)
    stands = footing(found.root, joints, 1.0, FPS)
    assert stands.contact == 1
    assert stands.penetration < 0.005
    assert stands.floating < 0.005


@pytest.mark.parametrize(("pitch", "roll"), [(6.0, 0.0), (-4.0, 0.0), (0.0, 5.0), (0.0, -8.0), (5.0, 4.0)])
def test_a_tilted_camera_is_levelled_where_contacts_tell(pitch: float, roll: float) -> None:
    root, joints = stepping(600)
    tilted, turn = seen(root, pitch, roll)
    found = ground(tilted, joints @ turn.T, 1.0, FPS)
    assert found.tilt == pytest.approx(np.hypot(pitch, roll), abs=1.0)
    upright = found.turn @ turn @ [0, 0, 1]
    assert np.degrees(np.arccos(upright[2])) < 1.0
    np.testing.assert_allclose(found.root[:, 2], root[:, 2], atol=0.03)


def test_a_dancer_on_the_spot_shows_no_tilt() -> None:
    root, joints = stepping()
    root[:, :2] *= 0.05
    tilted, turn = seen(root, 6.0, 0.0)
    assert ground(tilted, joints @ turn.T, 1.0, FPS).tilt == 0


def test_a_known_tilt_is_levelled_for_a_dancer_on_the_spot() -> None:
    root, joints = stepping()
    root[:, :2] *= 0.05
    tilted, turn = seen(root, 6.0, -20.0)
    found = ground(tilted, joints @ turn.T, 1.0, FPS, up=turn @ [0.0, 0.0, 1.0])
    np.testing.assert_allclose(found.turn @ turn @ [0, 0, 1], [0, 0, 1], atol=1e-9)
    assert found.tilt == pytest.approx(np.degrees(np.arccos(turn[2, 2])))
    np.testing.assert_allclose(found.root[:, 2], root[:, 2], atol=0.005)


def test_a_known_tilt_is_levelled_though_nothing_touches_the_floor() -> None:
    root, joints = stepping(4)
    tilted, turn = seen(root, 9.0, 0.0)
    found = ground(tilted, joints @ turn.T, 1.0, FPS, up=turn @ [0.0, 0.0, 1.0])
    assert (found.contacts, found.tilt) == (0, pytest.approx(9.0))


def test_noisy_depth_is_not_a_tilt() -> None:
    """Errors of depth move the body along its rays; feet rise as it comes nearer, as on a slope."""
    root, joints = stepping(600)
    root[:, :2] *= 0.1
    place, _ = seen(root)
    waver = np.cumsum(np.random.default_rng(1).normal(0, 0.02, len(place)))
    place = place * (1 + (waver - waver.mean()) / 4)[:, None]
    found = ground(place, joints, 1.0, FPS)
    assert found.tilt == 0
    assert footing(found.root, joints, 1.0, FPS).penetration < 0.03


def test_drift_is_followed() -> None:
    root, joints = stepping(600)
    place, _ = seen(root)
    sinking = 0.03 * np.sin(2 * np.pi * np.arange(600) / 600)
    found = ground(place + sinking[:, None] * [0, 0, 1], joints, 1.0, FPS)
    np.testing.assert_allclose(found.root[:, 2], root[:, 2], atol=0.02)


def test_jumps_are_kept() -> None:
    root, joints = stepping()
    flight = np.zeros(len(root))
    for start in (60, 150, 240):
        time = np.arange(15) / FPS
        flight[start : start + 15] = 4.905 * time * (14 / FPS - time)
    found = ground(seen(root + flight[:, None] * [0, 0, 1])[0], joints, 1.0, FPS)
    np.testing.assert_allclose(found.root[:, 2], root[:, 2] + flight, atol=0.02)
    assert footing(found.root, joints, 1.0, FPS).contact < 0.95


def test_frames_that_were_not_seen_do_not_count() -> None:
    root, joints = stepping()
    unseen = np.zeros(len(root), bool)
    unseen[100:200] = True
    place, _ = seen(root)
    place[unseen, 2] -= 0.5
    found = ground(place, joints, 1.0, FPS, ~unseen)
    np.testing.assert_allclose(found.root[~unseen][:60, 2], root[~unseen][:60, 2], atol=0.01)


def test_without_contacts_the_lowest_feet_are_the_floor() -> None:
    """One bad frame in two hundred does not move it."""
    root, joints = np.zeros((200, 3)), np.zeros((200, 24, 3))
    root[:, 2] = 1.0 + np.linspace(0, 5, 200)
    joints[:, FOOT_JOINTS[2:], 2] = -0.9
    root[50, 2] = -3.0
    found = ground(root, joints, 1.0, FPS, np.arange(200) % 2 == 0)
    assert found.contacts == 0 or found.root[0, 2] == pytest.approx(0.9, abs=0.2)


@pytest.mark.parametrize("count", [1, 2])
def test_few_frames(count: int) -> None:
    root, joints = stepping(30)
    found = ground(seen(root)[0][:count], joints[:count], 1.0, FPS)
    assert np.isfinite(found.root).all()
    assert np.isfinite(list(vars_of(footing(found.root, joints[:count], 1.0, FPS)))).all()


def vars_of(feet: Footing) -> list[float]:
    return [feet.contact, feet.skate, feet.skating, feet.penetration, feet.floating]


def test_skating_feet_are_measured() -> None:
    """A body that stands still, carried sideways at 0.3 and 0.8 m/s, 20 mm above or 30 mm below it."""
    matrices = np.tile(np.eye(3), (100, 24, 1, 1))
    matrices[:, 0] = Rotation.from_rotvec([np.pi / 2, 0, 0]).as_matrix()
    joints = forward_kinematics(matrices)
    height = -heights(np.zeros((100, 3)), joints, 1.0).min(1)
    for speed, share in ((0.3, 0.0), (0.8, 1.0)):
        root = np.column_stack([speed * np.arange(100) / FPS, np.zeros(100), height])
        feet = footing(root, joints, 1.0, FPS)
        assert feet.skate == pytest.approx(speed)
        assert feet.skating == share
        assert footing(root + np.array([0, 0, 0.02]), joints, 1.0, FPS).floating == pytest.approx(0.02)
        sunk = footing(root - [0, 0, 0.03], joints, 1.0, FPS)
        assert sunk.penetration == pytest.approx(0.03)
        assert sunk.floating == 0
        # Half of the time too high, half of it too low: neither makes up for the other.
        both = footing(root + np.repeat([[0, 0, 0.02], [0, 0, -0.03]], 50, axis=0), joints, 1.0, FPS)
        assert both.deviation == pytest.approx(0.025, abs=0.001)


def test_nothing_seen_means_nothing() -> None:
    root, joints = stepping(30)
    assert footing(root, joints, 1.0, FPS, np.zeros(30, bool)) == Footing()

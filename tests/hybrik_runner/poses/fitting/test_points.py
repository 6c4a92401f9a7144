"""Points and their derivatives agree with forward kinematics and with finite differences."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hybrik_runner.poses.fitting.points import (
    APART,
    POINT_JOINTS,
    TURNED,
    UNKNOWNS,
    Skeleton,
    points,
    turned,
)
from popdanceset.motion.forward_kinematics import forward_kinematics, global_rotations
from popdanceset.rotations.arrays import axis_angle_to_matrix
from popdanceset.skeleton import SMPL_OFFSETS


def some(count: int = 2, seed: int = 0) -> tuple[np.ndarray, np.ndarray, Skeleton]:
    random = np.random.default_rng(seed)
    rotations = Rotation.from_rotvec(random.normal(0, 0.5, (count * 24, 3))).as_matrix()
    apart = np.zeros((12, 3))
    apart[APART] = random.normal(0, 0.1, (len(APART), 3))
    root = random.normal([0, 0, 4], 1, (count, 3))
    return rotations.reshape(count, 24, 3, 3), root, Skeleton(SMPL_OFFSETS * 1.1, apart)


def test_joints_are_those_of_forward_kinematics() -> None:
    rotations, root, skeleton = some()
    here = points(global_rotations(rotations), root, skeleton)
    expected = forward_kinematics(rotations, 1.1) + root[:, None]
    assert here.joints == pytest.approx(expected)
    limbs = [2, 3, 4, 5, 8, 9, 10, 11]
    assert here.places[:, limbs] == pytest.approx(expected[:, POINT_JOINTS[limbs]])


def test_derivatives() -> None:
    rotations, root, skeleton = some()
    turns = global_rotations(rotations)
    here = points(turns, root, skeleton)
    derivatives = here.derivatives()
    small = 1e-6
    for unknown in range(UNKNOWNS):
        moved, vectors = root.copy(), np.zeros((2, len(TURNED), 3))
        if unknown < 3:
            moved[:, unknown] += small
        else:
            vectors[:, (unknown - 3) // 3, (unknown - 3) % 3] = small
        after = points(turned(turns, axis_angle_to_matrix(vectors)), moved, skeleton)
        assert derivatives[..., unknown] == pytest.approx((after.places - here.places) / small, abs=1e-5)


def test_what_turns_with_a_joint() -> None:
    """Collars, neck and head turn with the chest, the arms keep their orientations."""
    rotations, _, _ = some()
    turns = global_rotations(rotations)
    vectors = np.zeros((2, len(TURNED), 3))
    vectors[:, TURNED.tolist().index(9), 0] = 0.3
    changed = np.abs(turned(turns, axis_angle_to_matrix(vectors)) - turns).max((0, 2, 3)) > 1e-9
    assert np.flatnonzero(changed).tolist() == [9, 12, 13, 14, 15]

"""Points and their derivatives agree with forward kinematics and with finite differences."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hybrik_runner.poses.fitting.points import POINT_JOINTS, TURNED, UNKNOWNS, points, turned
from popdanceset.motion.forward_kinematics import forward_kinematics, global_rotations
from popdanceset.rotations.arrays import axis_angle_to_matrix
from popdanceset.skeleton import SMPL_OFFSETS


def some(count: int = 2, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    rotations = Rotation.from_rotvec(random.normal(0, 0.5, (count * 24, 3))).as_matrix()
    root = random.normal([0, 0, 4], 1, (count, 3))
    return rotations.reshape(count, 24, 3, 3), root, SMPL_OFFSETS * 1.1


def test_joints_are_those_of_forward_kinematics() -> None:
    rotations, root, bones = some()
    here = points(global_rotations(rotations), root, bones)
    expected = forward_kinematics(rotations, 1.1) + root[:, None]
    assert here.joints == pytest.approx(expected)
    assert here.places == pytest.approx(expected[:, POINT_JOINTS])


def test_derivatives() -> None:
    rotations, root, bones = some()
    turns = global_rotations(rotations)
    here = points(turns, root, bones)
    derivatives = here.derivatives()
    small = 1e-6
    for unknown in range(UNKNOWNS):
        moved, vectors = root.copy(), np.zeros((2, len(TURNED), 3))
        if unknown < 3:
            moved[:, unknown] += small
        else:
            vectors[:, (unknown - 3) // 3, (unknown - 3) % 3] = small
        after = points(turned(turns, axis_angle_to_matrix(vectors)), moved, bones)
        assert derivatives[..., unknown] == pytest.approx((after.places - here.places) / small, abs=1e-5)


def test_what_turns_with_a_joint() -> None:
    """Collars, neck and head turn with the chest, the arms keep their orientations."""
    rotations, _, _ = some()
    turns = global_rotations(rotations)
    vectors = np.zeros((2, len(TURNED), 3))
    vectors[:, TURNED.tolist().index(9), 0] = 0.3
    changed = np.abs(turned(turns, axis_angle_to_matrix(vectors)) - turns).max((0, 2, 3)) > 1e-9
    assert np.flatnonzero(changed).tolist() == [9, 12, 13, 14, 15]

"""A walk that is known exactly, as joints in the axes of a camera."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from popdanceset.motion.forward_kinematics import forward_kinematics

SPEED = 2 * np.pi * 0.9  # steps of 0.55 s


def walk(count: int = 90, fps: float = 30, yaw: float = 0.0) -> np.ndarray:
    """(count, 24, 3, 3) rotations of a person who walks on the spot.

    Args:
        yaw: degrees by which the person is turned away from a camera in front; 90: seen from the side.
    """
    phase = SPEED * np.arange(count) / fps
    turns = np.zeros((count, 24, 3))
    turns[:, 1, 0], turns[:, 2, 0] = -0.5 * np.sin(phase), 0.5 * np.sin(phase)
    turns[:, 4, 0], turns[:, 5, 0] = 0.5 + 0.4 * np.cos(phase), 0.5 - 0.4 * np.cos(phase)
    matrices = Rotation.from_rotvec(turns.reshape(-1, 3)).as_matrix().reshape(count, 24, 3, 3)
    for joint, side in ((16, 1), (17, -1)):
        down = Rotation.from_rotvec([0, 0, -side * np.radians(75)])
        swing = Rotation.from_rotvec(np.outer(side * 0.5 * np.sin(phase), [1, 0, 0]))
        matrices[:, joint] = (swing * down).as_matrix()
        bend = -side * (0.5 + 0.2 * np.sin(phase))
        matrices[:, joint + 2] = Rotation.from_rotvec(np.outer(bend, [0, 1, 0])).as_matrix()
    # At rest y is up and z to the front; a camera sees y down and z away from it.
    matrices[:, 0] = (
        Rotation.from_euler("x", 180, degrees=True) * Rotation.from_euler("y", yaw, degrees=True)
    ).as_matrix()
    return matrices


def seen(rotations: np.ndarray, noise: float = 0.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(n, 24, 3) joints about the middle of the hips, camera axes, metres; (n, 24, 2) the same in a picture
    that is as large. Both with noise of so many metres."""
    joints = forward_kinematics(rotations)
    joints -= joints[:, [1, 2]].mean(1, keepdims=True)
    random = np.random.default_rng(seed)
    return (
        joints + noise * random.normal(size=joints.shape),
        joints[..., :2] + noise * random.normal(size=joints[..., :2].shape),
    )

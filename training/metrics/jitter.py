"""Jitter: how much a motion trembles."""

from __future__ import annotations

import numpy as np

from training.metrics.clip import Floats, checked
from training.metrics.score import Score


def jitter(joints: Floats, fps: float) -> Score:
    """Jitter: mean norm of the jerk of all joints, from third differences.

    For noise of a given size in metres it grows with the cube of the frame rate, so compare only motions of
    the same frame rate.

    Source: Flash and Hogan, 1985, for jerk; Yi et al., TransPose, SIGGRAPH 2021, for captured motion.

    Args:
        joints: (frames, 24, 3) metres; 4 frames at least.
        fps: frames a second.

    Returns:
        A number ≥ 0 in m/s³; nearer to the real set's is better.

    Raises:
        InputError: the dance has a wrong shape, too few frames or NaN.
    """
    checked(joints, fps, least=4)
    jerk = np.diff(joints.astype(np.float64, copy=False), n=3, axis=0) * fps**3
    return Score(float(np.linalg.norm(jerk, axis=-1).mean()))

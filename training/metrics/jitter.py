"""Jitter: how much a motion trembles, in our unit and in that of human motion recovery."""

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


WHAM_UNIT = 10.0
"""m/s³ in one unit of WHAM's jitter."""


def wham_jitter(joints: Floats, fps: float) -> Score:
    """Jitter as WHAM and GVHMR evaluate it: `jitter` in units of 10 m/s³.

    Source: Shin et al., WHAM, CVPR 2024; Shen et al., GVHMR, SIGGRAPH Asia 2024; of the first 24 joints, in
    the world.

    Args:
        joints: (frames, 24, 3) metres; 4 frames at least.
        fps: frames a second.

    Returns:
        A number ≥ 0 in 10 m/s³; nearer to the real set's is better.

    Raises:
        InputError: the dance has a wrong shape, too few frames or NaN.
    """
    return Score(jitter(joints, fps).value / WHAM_UNIT)

"""Physical foot contact score (PFC): a body that accelerates needs a foot on the ground."""

from __future__ import annotations

from typing import Any

import numpy as np

from training.metrics.clip import Floats, checked
from training.metrics.mode import PUBLISHED_FPS, UP, Mode
from training.metrics.score import Score

SCALE = 1e4
"""PFC and PBC are printed times ten thousand."""

STILL = 1e-6
"""Metres: smaller second differences are rounding errors (float32, some metres from the origin)."""

LEFT_FOOT = (7, 10)
RIGHT_FOOT = (8, 11)


def pfc(joints: Floats, fps: float, mode: Mode = "corrected") -> Score:
    """Physical foot contact score (PFC) of one dance.

    PFC = 10⁴ · mean over frames of â · min(l₇, l₁₀) · min(l₈, l₁₁), where â is the norm of the root's
    acceleration (without its downward part, which gravity provides) over its maximum in the clip, and l are
    the horizontal displacements of ankle and toe of a foot from one frame to the next.

    `corrected` takes displacements in 1/30 s whatever the frame rate, so that dances at 30 fps score as
    published and others score comparably. `released` takes displacements from one frame to the next. A root
    that never accelerates needs no foot: the score is 0 and flagged in both modes, where the released code
    returns NaN.

    Source: Tseng et al., EDGE, CVPR 2023, Sec. 5; POPDG, Sec. 5.2 and 9.

    Args:
        joints: (frames, 24, 3) metres, z up; 3 frames at least.
        fps: frames a second.
        mode: `corrected` or `released`.

    Returns:
        A number ≥ 0 in 10⁻⁴ m² (the paper prints no unit); less is better.

    Raises:
        InputError: the dance has a wrong shape, too few frames or NaN.
    """
    terms, still = contact_terms(checked(joints, fps), fps, mode)
    return Score(float(terms.mean()) * SCALE, "motionless root" if still else "")


def contact_terms(joints: Floats, fps: float, mode: Mode) -> tuple[Floats, bool]:
    """Returns (frames - 2,) summands of PFC, in m² and not scaled, and whether the root is motionless."""
    if mode == "corrected":
        joints = joints.astype(np.float64, copy=False)
    acceleration = _acceleration(joints[:, 0])
    acceleration[:, UP] = np.maximum(acceleration[:, UP], 0)
    share, still = over_maximum(acceleration, mode)
    feet = joints[:, (*LEFT_FOOT, *RIGHT_FOOT), :UP]
    moved = np.linalg.norm(feet[2:] - feet[1:-1], axis=-1) * frame_scale(fps, mode)
    left, right = moved[:, :2].min(axis=1), moved[:, 2:].min(axis=1)
    terms: Floats = left.astype(np.float64) * right.astype(np.float64) * share
    return terms, still


def relative_acceleration(positions: Floats, mode: Mode) -> tuple[Floats, bool]:
    """Norm of a joint's acceleration over its maximum in the clip.

    Args:
        positions: (frames, 3) metres.
        mode: `corrected` or `released`.

    Returns:
        (frames - 2,) in 0..1, all 0 if the joint never accelerates; and whether it never does.
    """
    return over_maximum(_acceleration(positions), mode)


def over_maximum(acceleration: Floats, mode: Mode) -> tuple[Floats, bool]:
    """Norm of (frames, 3) accelerations over the largest one, all 0 if it is 0; and whether it is 0."""
    size: Floats = np.linalg.norm(acceleration, axis=-1)
    largest = size.max()
    if largest <= (STILL * PUBLISHED_FPS**2 if mode == "corrected" else 0):
        return np.zeros_like(size), True
    return size / largest, False


def frame_scale(fps: float, mode: Mode) -> float:
    """Returns the factor for displacements from one frame to the next."""
    return fps / PUBLISHED_FPS if mode == "corrected" else 1.0


def _acceleration(positions: Floats) -> np.ndarray[Any, Any]:
    # Divided twice by the time step, as in the released code, so that single precision rounds the same way;
    # the step itself cancels when the acceleration is divided by its maximum.
    step = 1 / PUBLISHED_FPS
    velocity = (positions[1:] - positions[:-1]) / step
    difference: np.ndarray[Any, Any] = (velocity[1:] - velocity[:-1]) / step
    return difference

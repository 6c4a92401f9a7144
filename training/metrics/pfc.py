"""PFC, the physical foot contact score: a body that accelerates needs a foot that stands."""

from __future__ import annotations

from typing import Any

import numpy as np

from training.metrics.clip import Floats, checked
from training.metrics.mode import PUBLISHED_FPS, UP, Mode
from training.metrics.score import Score

SCALE = 1e4
"""Both scores are printed times ten thousand."""

STILL = 1e-6
"""Metres: second differences below this are rounding (float32, some metres from the origin)."""

LEFT_FOOT = (7, 10)
RIGHT_FOOT = (8, 11)


def pfc(joints: Floats, fps: float, mode: Mode = "corrected") -> Score:
    """Physical foot contact score of one dance.

    PFC = 10⁴ · mean over frames of â · min(l₇, l₁₀) · min(l₈, l₁₁), where â is the norm of the root's
    acceleration (its downward part left out: gravity provides it) over its maximum in the clip, and l are the
    horizontal displacements of ankle and toe of a foot in a frame.

    `corrected` takes displacements in 1/30 s whatever the frame rate, so that dances at 30 fps score as
    published and others comparably; a root that never accelerates needs no foot: 0, flagged. `released`
    takes displacements of a frame; there the released code gives NaN for a root that never accelerates, here
    the same flagged 0 stands.

    Source: Tseng et al., EDGE, CVPR 2023, Sec. 5; POPDG, Sec. 5.2 and 9.

    Args:
        joints: (frames, 24, 3) metres, z up; 3 frames at least.
        fps: frames a second.
        mode: way of counting.

    Returns:
        A number ≥ 0 in 10⁻⁴ m² (the paper prints no unit); less is better.

    Raises:
        InputError: a wrong shape, too few frames, NaN.
    """
    terms, still = contact_terms(checked(joints, fps), fps, mode)
    return Score(float(terms.mean()) * SCALE, "motionless root" if still else "")


def contact_terms(joints: Floats, fps: float, mode: Mode) -> tuple[Floats, bool]:
    """(frames - 2,) summands of PFC, m² and not scaled, and whether the root is motionless."""
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


def accelerations(places: Floats, mode: Mode) -> tuple[Floats, bool]:
    """Size of a joint's acceleration over its maximum, and whether the joint never accelerates.

    Args:
        places: (frames, 3) metres.

    Returns:
        (frames - 2,) in 0..1, all 0 if the joint never accelerates.
    """
    return over_maximum(_acceleration(places), mode)


def over_maximum(acceleration: Floats, mode: Mode) -> tuple[Floats, bool]:
    """Norm of (frames, 3) accelerations over the largest of them; all 0 if nothing accelerates."""
    size: Floats = np.linalg.norm(acceleration, axis=-1)
    largest = size.max()
    if largest <= (STILL * PUBLISHED_FPS**2 if mode == "corrected" else 0):
        return np.zeros_like(size), True
    return size / largest, False


def frame_scale(fps: float, mode: Mode) -> float:
    """What a displacement of one frame is multiplied by."""
    return fps / PUBLISHED_FPS if mode == "corrected" else 1.0


def _acceleration(places: Floats) -> np.ndarray[Any, Any]:
    # Divided twice by the time of a frame as in the released code, so that single precision rounds alike; the
    # rate itself cancels when the largest acceleration is divided out.
    step = 1 / PUBLISHED_FPS
    velocity = (places[1:] - places[:-1]) / step
    difference: np.ndarray[Any, Any] = (velocity[1:] - velocity[:-1]) / step
    return difference

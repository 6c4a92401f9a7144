"""Penetration and floating: feet below or above the ground."""

from __future__ import annotations

import numpy as np

from training.metrics.clip import Floats, checked
from training.metrics.mode import UP
from training.metrics.score import Score

TOLERANCE = 0.005
"""Distances from the ground up to this many metres count as none (PhysDiff)."""

MILLIMETRES = 1000.0


def floor_height(joints: Floats) -> float:
    """Height of the floor in metres: the median over frames of the lowest joint's height.

    Motions from videos may stand at any height. A dancer touches the ground in most frames, so the median is
    the height of the ground (plus that of a toe joint above its sole), even if the dancer jumps or sinks in
    some frames.

    Args:
        joints: (frames, 24, 3) metres, z up.
    """
    return float(np.median(joints[..., UP].min(axis=1)))


def penetration(
    joints: Floats, fps: float, floor: float | None = None, tolerance: float = TOLERANCE
) -> Score:
    """Ground penetration: mean depth of the lowest joint below the ground.

    Source: Yuan et al., PhysDiff, ICCV 2023 ("Penetrate"), with joints in place of the body's surface.

    Args:
        joints: (frames, 24, 3) metres, z up.
        fps: frames a second.
        floor: height of the lowest joint of a body that stands on the ground; None uses `floor_height`,
            which only notices sinking and rising within the clip.
        tolerance: distances up to this many metres count as 0.

    Returns:
        A number ≥ 0 in mm, less is better.

    Raises:
        InputError: the dance has a wrong shape, too few frames or NaN.
    """
    return Score(float(_beyond(-_height(joints, fps, floor), tolerance)))


def floating(joints: Floats, fps: float, floor: float | None = None, tolerance: float = TOLERANCE) -> Score:
    """Floating: mean height of the lowest joint above the ground.

    Jumps count too, so compare with real dances.

    Source: Yuan et al., PhysDiff, ICCV 2023 ("Float").

    Args:
        joints: (frames, 24, 3) metres, z up.
        fps: frames a second.
        floor: as in `penetration`.
        tolerance: distances up to this many metres count as 0.

    Returns:
        A number ≥ 0 in mm; nearer to the real set's is better.

    Raises:
        InputError: the dance has a wrong shape, too few frames or NaN.
    """
    return Score(float(_beyond(_height(joints, fps, floor), tolerance)))


def _height(joints: Floats, fps: float, floor: float | None) -> Floats:
    """(frames,) height of the lowest joint above the ground, metres."""
    joints = checked(joints, fps).astype(np.float64, copy=False)
    height: Floats = joints[..., UP].min(axis=1) - (floor_height(joints) if floor is None else floor)
    return height


def _beyond(distance: Floats, tolerance: float) -> float:
    return float(np.where(distance > tolerance, distance, 0).mean()) * MILLIMETRES

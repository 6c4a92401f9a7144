"""Foot skating: feet that slide over the ground they stand on."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.ndimage import uniform_filter1d

from training.metrics.clip import Floats, checked
from training.metrics.floor import MILLIMETRES, floor_height
from training.metrics.mode import PUBLISHED_FPS, UP
from training.metrics.score import Score

TOES = (10, 11)

CONTACT_HEIGHT = 0.05
"""Metres above the ground below which a toe joint counts as standing."""

SKATING_SPEED = 0.5
"""Metres a second above which a standing toe skates: 2.5 cm per frame at 20 fps."""

SMOOTHING = 0.25
"""Seconds over which the mean speed must exceed the limit too: 5 frames at 20 fps."""

NO_CONTACT = "no foot on the ground"


def foot_skate_ratio(joints: Floats, fps: float, floor: float | None = None) -> Score:
    """Foot-skate ratio: share of frames in which a toe on the ground moves faster than 0.5 m/s.

    A toe stands if its joint is less than 5 cm above the ground in two frames in a row. It skates if both its
    speed between them and the mean speed over 0.25 s around them exceed the limit.

    Source: Karunratanakul et al., Guided Motion Diffusion, ICCV 2023 (there at 20 fps); for dance Li et al.,
    Lodge, CVPR 2024.

    Args:
        joints: (frames, 24, 3) metres, z up.
        fps: frames a second.
        floor: height of a standing body's lowest joint; None uses `floor_height`.

    Returns:
        A number in 0..1, less is better; 0 and flagged if no toe ever stands.

    Raises:
        InputError: the dance has a wrong shape, too few frames or NaN.
    """
    stands, moved = _steps(joints, fps, floor)
    speed = moved * fps
    lasting = uniform_filter1d(speed, size=max(1, round(SMOOTHING * fps)), axis=0, mode="nearest")
    skates = stands & (speed > SKATING_SPEED) & (lasting > SKATING_SPEED)
    return Score(float(skates.any(axis=1).mean()), "" if stands.any() else NO_CONTACT)


def foot_sliding(joints: Floats, fps: float, floor: float | None = None) -> Score:
    """Physical foot sliding: mean horizontal displacement, in 1/30 s, of toes that stand.

    Source: Yuan et al., PhysDiff, ICCV 2023 ("Skate"), where it is per frame.

    Args:
        joints: (frames, 24, 3) metres, z up.
        fps: frames a second.
        floor: as in `foot_skate_ratio`.

    Returns:
        A number ≥ 0 in mm, less is better; 0 and flagged if no toe ever stands.

    Raises:
        InputError: the dance has a wrong shape, too few frames or NaN.
    """
    stands, moved = _steps(joints, fps, floor)
    if not stands.any():
        return Score(0.0, NO_CONTACT)
    return Score(float(moved[stands].mean()) * fps / PUBLISHED_FPS * MILLIMETRES)


Bools = np.ndarray[Any, np.dtype[np.bool_]]


class _Steps(NamedTuple):
    """(frames - 1, 2) for left and right toe: whether it stands in both frames, metres moved between."""

    stands: Bools
    moved: Floats


def _steps(joints: Floats, fps: float, floor: float | None) -> _Steps:
    joints = checked(joints, fps).astype(np.float64, copy=False)
    toes = joints[:, TOES]
    low = toes[..., UP] < (floor_height(joints) if floor is None else floor) + CONTACT_HEIGHT
    return _Steps(low[1:] & low[:-1], np.linalg.norm(np.diff(toes[..., :UP], axis=0), axis=-1))

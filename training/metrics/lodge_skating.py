"""Foot skating as the public code of Lodge counts it: another number than `foot_skating.foot_skate_ratio`."""

from __future__ import annotations

from typing import Any

import numpy as np

from training.metrics.clip import Floats, checked
from training.metrics.foot_skating import NO_CONTACT, TOES
from training.metrics.mode import PUBLISHED_FPS, UP, Mode
from training.metrics.score import Score

ANKLES = (7, 8)

ANKLE_HEIGHT, TOE_HEIGHT = 0.08, 0.05
"""Metres above the floor up to which ankle and toe of a foot that is down are."""

STEP = 0.01
"""Metres in 1/30 s by which an ankle or a toe slides."""

SAME_LEVEL = 0.02
"""Metres: if the toes of the first frame differ by less, the floor is at their mean, else at the lower."""

Bools = np.ndarray[Any, np.dtype[np.bool_]]


def foot_skate_ratio(joints: Floats, fps: float, mode: Mode = "corrected") -> Score:
    """Foot skating ratio of Lodge: of the frames in which a foot is down, the share in which it slides.

    A foot is down if its ankle is at most 8 cm and its toe at most 5 cm above the floor, which the toes of
    the first frame show. It slides if its ankle or its toe moves by more than 1 cm in 1/30 s along the floor.
    The ratio is the mean over both feet; a foot that is never down, for which the public code divides by
    zero, is left out.

    `released` takes the absolute value of the mean of the two horizontal components for the movement, as the
    public code does: opposite components cancel out, and one alone counts by half. `corrected` takes the
    length.

    Source: Li et al., Lodge, CVPR 2024 (public code, 30 fps).

    Args:
        joints: (frames, 24, 3) metres, z up.
        fps: frames a second.
        mode: `corrected` or `released`.

    Returns:
        A number in 0..1, less is better; 0 and flagged if no foot is ever down.

    Raises:
        InputError: the dance has a wrong shape, too few frames or NaN.
    """
    joints = checked(joints, fps).astype(np.float64, copy=False)
    ankles, toes = joints[:, ANKLES], joints[:, TOES]
    height = _floor(toes[0, :, UP])
    down = (ankles[..., UP] <= height + ANKLE_HEIGHT) & (toes[..., UP] <= height + TOE_HEIGHT)
    slides = _slides(ankles, fps, mode) | _slides(toes, fps, mode)
    # A movement belongs to the frame that it starts from; none starts from the last one.
    count = down[:-1].sum(axis=0)
    if not count.any():
        return Score(0.0, NO_CONTACT)
    ratio = (down[:-1] & slides).sum(axis=0)[count > 0] / count[count > 0]
    return Score(float(ratio.mean()))


def _floor(toes: Floats) -> float:
    """Height of the floor from the heights (2,) of the toes."""
    level = abs(float(toes[0] - toes[1])) < SAME_LEVEL
    return float(toes.mean() if level else toes.min())


def _slides(points: Floats, fps: float, mode: Mode) -> Bools:
    """(frames - 1, 2) whether points move along the floor."""
    moved = np.diff(points[..., :UP], axis=0) * (fps / PUBLISHED_FPS)
    distance = np.abs(moved.mean(axis=-1)) if mode == "released" else np.linalg.norm(moved, axis=-1)
    slides: Bools = distance > STEP
    return slides

"""Kinetic features: how fast each joint moves and how hard it is accelerated, 72 numbers a dance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from training.metrics.clip import Floats, Ints
from training.metrics.feature_blocks import features_in_mode
from training.metrics.mode import Mode

WIDTH = 72

WINDOW = 2
"""Velocities and accelerations are means over a frame and so many on each side."""

RELEASED_STEP = 1 / 60
"""Seconds: the time step of the released code, whatever the data."""


def kinetic_features(joints: Floats | Sequence[Floats], fps: float, mode: Mode = "corrected") -> Floats:
    """Kinetic features of one dance or of many.

    For each joint, in order: mean squared horizontal velocity (m²/s²), mean squared vertical velocity
    (m²/s²), mean size of the acceleration (m/s², "energy expenditure"). Velocity and acceleration of a frame
    are means over the five frames around it, as far as the clip reaches.

    `released` takes y for up and 1/60 s for the time step, and its acceleration is
    ((p[i+1] − p[i])/dt − (p[i] − p[i−1]/dt))/dt, a misplaced parenthesis that makes the number grow with the
    distance from the origin. `corrected` takes z, 1/fps and the second difference.

    Source: Onuma et al., FMDistance, Eurographics 2008; AIST++ (Li et al., ICCV 2021); fairmotion.

    Args:
        joints: (frames, 24, 3), (clips, frames, 24, 3) or a list of the former, metres, z up; 3 frames
            at least.
        fps: frames a second.
        mode: way of counting.

    Returns:
        (72,) or (clips, 72), all ≥ 0; float64, in `released` mode float32 as there.

    Raises:
        InputError: a wrong shape, too few frames, NaN.
    """
    return features_in_mode(features, RELEASED_STEP, joints, fps, mode, WIDTH)


def features(joints: Floats, up: int, step: float, misplaced: bool) -> Floats:
    """The features with every choice open.

    Args:
        joints: (…, frames, 24, 3) float64.
        up: axis that counts as vertical.
        step: seconds between frames.
        misplaced: acceleration with the released code's parenthesis.

    Returns:
        (…, 72)
    """
    last = joints.shape[-3] - 1
    frame = np.arange(1, last + 1)
    first = np.maximum(frame - WINDOW, 1)
    # Sums of differences over a window telescope: only their ends are needed.
    end = np.minimum(frame + WINDOW, last)
    span = ((end - first + 1) * step)[:, None, None]
    velocity = (_at(joints, end) - _at(joints, first - 1)) / span
    squared = np.einsum("...fja,...fja->...ja", velocity, velocity) / last
    horizontal = np.delete(squared, up, axis=-1).sum(axis=-1)
    end = np.minimum(frame + WINDOW, last - 1)
    count = (end - first + 1)[:, None, None]
    steps = np.diff(joints, axis=-3)
    if misplaced:
        sums = np.concatenate([np.zeros_like(joints[..., :1, :, :]), np.cumsum(joints, axis=-3)], axis=-3)
        here = _at(sums, end + 1) - _at(sums, first)
        before = _at(sums, end) - _at(sums, first - 1)
        acceleration = ((_at(joints, end + 1) - _at(joints, first)) / step - here + before / step) / step
    else:
        acceleration = (_at(steps, end) - _at(steps, first - 1)) / step**2
    size = np.sqrt(np.einsum("...a,...a->...", acceleration, acceleration)) / count[..., 0]
    stacked: Floats = np.stack([horizontal, squared[..., up], size.mean(axis=-2)], axis=-1)
    return stacked.reshape(*stacked.shape[:-2], WIDTH)


def _at(joints: Floats, frames: Ints) -> Floats:
    taken: Floats = np.take(joints, frames, axis=-3)
    return taken

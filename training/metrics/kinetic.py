"""Kinetic features (FID_k, Div_k): how fast each joint moves and how hard it accelerates, 72 numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from training.metrics.clip import Floats, Ints
from training.metrics.feature_blocks import FeatureVariant, features_in_mode
from training.metrics.mode import Mode

WIDTH = 72

WINDOW = 2
"""Frames on each side over which velocities and accelerations are averaged."""

RELEASED_STEP = 1 / 60
"""Seconds: the time step of the released code, whatever the data."""


def kinetic_features(joints: Floats | Sequence[Floats], fps: float, mode: Mode = "corrected") -> Floats:
    """Computes the kinetic features of one dance or of many.

    For each joint, in order: mean squared horizontal velocity (m²/s²), mean squared vertical velocity
    (m²/s²), mean norm of the acceleration (m/s², "energy expenditure"). Velocity and acceleration of a frame
    are means over the five frames around it, as far as the clip reaches.

    `released` takes y for up and 1/60 s for the time step, and its acceleration is
    ((p[i+1] − p[i])/dt − (p[i] − p[i−1]/dt))/dt: because of a misplaced parenthesis it grows with the
    distance from the origin. `corrected` takes z, 1/fps and the second difference.

    Source: Onuma et al., FMDistance, Eurographics 2008; AIST++ (Li et al., ICCV 2021); fairmotion.

    Args:
        joints: one dance or several, as in `feature_blocks.features_in_mode`.
        fps: frames a second.
        mode: `corrected` or `released`.

    Returns:
        (72,) or (clips, 72), all ≥ 0.

    Raises:
        InputError: a dance has a wrong shape, too few frames or NaN.
    """
    return features_in_mode(features, WIDTH, RELEASED_STEP, joints, fps, mode)


def features(joints: Floats, variant: FeatureVariant) -> Floats:
    """Computes (…, 72) kinetic features of (…, frames, 24, 3) float64 joints, of any variant."""
    up, step, released_formula = variant
    last = joints.shape[-3] - 1
    frame = np.arange(1, last + 1)
    first = np.maximum(frame - WINDOW, 1)
    # Sums of differences over a window telescope, so only its ends are needed.
    end = np.minimum(frame + WINDOW, last)
    span = ((end - first + 1) * step)[:, None, None]
    velocity = (_at(joints, end) - _at(joints, first - 1)) / span
    squared = np.einsum("...fja,...fja->...ja", velocity, velocity) / last
    horizontal = np.delete(squared, up, axis=-1).sum(axis=-1)
    end = np.minimum(frame + WINDOW, last - 1)
    count = (end - first + 1)[:, None, None]
    steps = np.diff(joints, axis=-3)
    if released_formula:
        sums = np.concatenate([np.zeros_like(joints[..., :1, :, :]), np.cumsum(joints, axis=-3)], axis=-3)
        here = _at(sums, end + 1) - _at(sums, first)
        before = _at(sums, end) - _at(sums, first - 1)
        acceleration = ((_at(joints, end + 1) - _at(joints, first)) / step - here + before / step) / step
    else:
        acceleration = (_at(steps, end) - _at(steps, first - 1)) / step**2
    norm = np.sqrt(np.einsum("...a,...a->...", acceleration, acceleration)) / count[..., 0]
    stacked: Floats = np.stack([horizontal, squared[..., up], norm.mean(axis=-2)], axis=-1)
    return stacked.reshape(*stacked.shape[:-2], WIDTH)


def _at(joints: Floats, frames: Ints) -> Floats:
    chosen: Floats = np.take(joints, frames, axis=-3)
    return chosen

"""Computes features of one dance, of an array of dances, or of a list of dances of different lengths."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from popdanceset.errors import InputError
from training.metrics.clip import Floats, checked
from training.metrics.mode import RELEASED_UP, UP, Mode

BLOCK = 4
"""Clips computed at once: with these few, the intermediate arrays fit a processor's cache."""


class FeatureVariant(NamedTuple):
    """The choices that the two modes make differently when they compute features.

    Attributes:
        up: axis that counts as vertical.
        step: seconds between frames.
        released_formula: use the released code's formula where it differs from the published one.
    """

    up: int
    step: float
    released_formula: bool = False


def features_in_mode(
    features: Callable[[Floats, FeatureVariant], Floats],
    width: int,
    released_step: float,
    joints: Floats | Sequence[Floats],
    fps: float,
    mode: Mode,
) -> Floats:
    """Computes features in the variant of a mode.

    Args:
        features: function of (clips, frames, 24, 3) float64 joints that returns (clips, width).
        width: number of features.
        released_step: seconds between frames as the released code has them, whatever the frame rate.
        joints: metres, z up: one dance (frames, 24, 3), several of one length (clips, frames, 24, 3), or a
            list of dances of any lengths; 3 frames at least.
        fps: frames a second.
        mode: `corrected` or `released`.

    Returns:
        (width,) for one dance, (clips, width) for several; float64, in `released` mode float32 as in the
        released code.

    Raises:
        InputError: a dance has a wrong shape, too few frames or NaN.
    """
    if mode == "released":
        variant = FeatureVariant(RELEASED_UP, released_step, released_formula=True)
        return _over_blocks(features, width, variant, joints, fps).astype(np.float32)
    return _over_blocks(features, width, FeatureVariant(UP, 1 / fps), joints, fps)


def _over_blocks(
    features: Callable[[Floats, FeatureVariant], Floats],
    width: int,
    variant: FeatureVariant,
    joints: Floats | Sequence[Floats],
    fps: float,
) -> Floats:
    """Applies the function to blocks of clips of equal length."""
    if isinstance(joints, np.ndarray):
        checked(joints, fps)
        if joints.ndim == 3:
            one: Floats = features(joints[None].astype(np.float64), variant)[0]
            return one
        joints = list(joints.reshape(-1, *joints.shape[-3:]))
    lengths: dict[int, list[int]] = {}
    for number, dance in enumerate(joints):
        lengths.setdefault(len(checked(dance, fps, f"motion {number}")), []).append(number)
    found = np.empty((len(joints), width))
    for numbers in lengths.values():
        for start in range(0, len(numbers), BLOCK):
            block = numbers[start : start + BLOCK]
            found[block] = features(np.stack([joints[n] for n in block]).astype(np.float64), variant)
    return found


def check_features(features: Floats) -> None:
    """Checks that features are a table of finite numbers.

    Raises:
        InputError: they are not (clips, channels), there are no clips, or a number is NaN or infinite.
    """
    if features.ndim != 2 or len(features) == 0:
        raise InputError(f"features are (clips, channels), not {features.shape}", do="give one row per clip")
    if not np.isfinite(features).all():
        raise InputError("features hold NaN or infinity", do="leave out the clips they come from")

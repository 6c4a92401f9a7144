"""Features of one dance, of an array of dances, or of a list of dances of any lengths."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from training.metrics.clip import Floats, checked
from training.metrics.mode import RELEASED_UP, UP, Mode

BLOCK = 4
"""Clips computed at once: their intermediate arrays still fit a processor's cache."""


def features_in_mode(
    features: Callable[..., Floats],
    released_step: float,
    joints: Floats | Sequence[Floats],
    fps: float,
    mode: Mode,
    width: int,
) -> Floats:
    """Features with the choices of a mode.

    Args:
        features: called with (clips, frames, 24, 3), `up`, `step` and `misplaced`.
        released_step: seconds that the released code takes for the time between frames.
        joints, fps, width: as in `over_blocks`.
        mode: `released` gives float32, as there.
    """
    if mode == "released":
        return over_blocks(
            lambda some: features(some, RELEASED_UP, released_step, misplaced=True), joints, fps, width
        ).astype(np.float32)
    return over_blocks(lambda some: features(some, UP, 1 / fps, misplaced=False), joints, fps, width)


def over_blocks(
    features: Callable[[Floats], Floats], joints: Floats | Sequence[Floats], fps: float, width: int
) -> Floats:
    """Applies a function of (clips, frames, 24, 3) float64 to blocks of clips of equal length.

    Returns:
        (width,) float64 for one dance, (clips, width) for several.

    Raises:
        InputError: a dance has a wrong shape, too few frames or NaN.
    """
    if isinstance(joints, np.ndarray):
        checked(joints, fps)
        if joints.ndim == 3:
            one: Floats = features(joints[None].astype(np.float64))[0]
            return one
        joints = list(joints.reshape(-1, *joints.shape[-3:]))
    lengths: dict[int, list[int]] = {}
    for number, dance in enumerate(joints):
        lengths.setdefault(len(checked(dance, fps, f"motion {number}")), []).append(number)
    found = np.empty((len(joints), width))
    for numbers in lengths.values():
        for start in range(0, len(numbers), BLOCK):
            some = numbers[start : start + BLOCK]
            found[some] = features(np.stack([joints[n] for n in some]).astype(np.float64))
    return found

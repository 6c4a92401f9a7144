"""What the timeline of a clip shows: jerk, feet on the floor, confidence and height, frame by frame."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from popdanceset.review.rooms import Motion
from popdanceset.schema import FPS
from popdanceset.skeleton import SMPL_JOINTS

Floats = NDArray[np.floating[Any]]


def timeline(motion: Motion) -> dict[str, list[float] | list[int] | None]:
    """Returns the curves of a clip of T frames, as plain numbers.

    Returns:
        `jerk` (T) mean over the joints in the world, m/s³; `contact_left`, `contact_right` (T) 1 where that
        foot is on the floor; `confidence` (T) mean of the joints', or None; `height` (T) of the root, metres.
    """
    # Brings SciPy, for which the first page need not wait.
    from popdanceset.motion.floor import heights, on_floor

    feet = on_floor(heights(_doubles(motion.root), _doubles(motion.relative), motion.scale))
    scores = None if motion.scores is None else np.nanmean(motion.scores[:, : len(SMPL_JOINTS)], axis=1)
    return {
        "jerk": _rounded(jerk(motion.joints), 2),
        "contact_left": feet[:, 0].astype(int).tolist(),
        "contact_right": feet[:, 1].astype(int).tolist(),
        "confidence": None if scores is None else _rounded(scores, 4),
        "height": _rounded(motion.root[:, 2], 4),
    }


def jerk(joints: Floats) -> NDArray[np.float64]:
    """Returns the mean length of the joints' third derivatives, m/s³.

    Third differences of four frames in a row belong to the second of them; the ends repeat the nearest value.

    Args:
        joints: (T, n, 3) metres, at 30 fps.

    Returns:
        (T,); zeros for fewer than four frames.
    """
    if len(joints) < 4:
        return np.zeros(len(joints))
    third = np.diff(_doubles(joints), n=3, axis=0) * FPS**3
    return np.pad(np.linalg.norm(third, axis=2).mean(axis=1), (1, 2), mode="edge")


def _rounded(values: Floats, digits: int) -> list[float]:
    """Numbers of which no digit is noise, and none is NaN, which JSON does not know."""
    return [float(value) for value in np.nan_to_num(_doubles(values)).round(digits)]


def _doubles(values: Floats) -> NDArray[np.float64]:
    return np.asarray(values, np.float64)

"""Conversion from the axes of a release (z up) to those of animation programs (y up)."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from training.export.dance import Dance

_Z_TO_Y = Rotation.from_euler("x", -90, degrees=True)


def y_up(dance: Dance) -> tuple[np.ndarray, np.ndarray]:
    """Rotation vectors (frames, 24, 3) and root (frames, 3) with y up: rotated by -90° about x."""
    rotated = dance.poses.copy()
    rotated[:, 0] = (_Z_TO_Y * Rotation.from_rotvec(rotated[:, 0])).as_rotvec()
    return rotated, _Z_TO_Y.apply(dance.translation)

"""Whether what must point forwards does: knees, feet and face against the front of the trunk; and where that
tells anything: while the trunk is upright."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hybrik_runner.blazepose import body
from hybrik_runner.poses.smoothing import smooth
from popdanceset.rotations.arrays import normalise

Floats = NDArray[np.float64]

_HEELS = (29, 30)
_HEAD_TURN = 0.1
"""Minus the cosine of the angle by which a head turns at most, about."""
_FOOT_TURN = 0.3
"""The same of feet, turned out as far as dancers turn them."""
_BEND = 0.15
"""Metres from a knee to the line from hip to ankle: well bent."""
_UPRIGHT = 0.5
"""Cosine of the angle between the trunk and the vertical of the picture, 60°. Averaged as below it is above
0.57 in thirteen films of dancers on their feet, who bow and kick."""
_ROLL = 0.25
"""Seconds, standard deviation of the window: a body that rolls is upright for moments only."""


def upright(metric: Floats, times: Floats) -> NDArray[np.bool_]:
    """Returns in which frames (n,) the trunk is roughly upright in the picture, and is so for a while.

    Networks have seldom seen people who lie, roll or stand on their hands, and may confuse front and back or
    left and right there in all of the body at once: in a film of floor work whose labels are right, face,
    knees and feet contradict the trunk in 5 of 37 frames in which it points downwards, and in no other.

    Args:
        metric: (n, 33, 3) landmarks, metres, camera axes (y down).
        times: (n,) seconds.
    """
    trunk = metric[:, body.SHOULDERS].mean(1) - metric[:, body.HIPS].mean(1)
    return np.asarray(smooth(-normalise(trunk)[:, 1], times, _ROLL) > _UPRIGHT)


def backwards(metric: Floats) -> Floats:
    """Returns how much of the body contradicts the front of the trunk.

    Args:
        metric: (n, 33, 3) landmarks, metres, camera axes.

    Returns:
        (n,) 0: nothing does; 1: face, both feet and both knees point backwards.
    """
    shoulders, hips = metric[:, body.SHOULDERS], metric[:, body.HIPS]
    up = shoulders.mean(1) - hips.mean(1)
    left = normalise(shoulders[:, 0] - shoulders[:, 1]) + normalise(hips[:, 0] - hips[:, 1])
    front = normalise(np.cross(left, up))  # left, up and front are as x, y and z
    face = metric[:, body.NOSE] - metric[:, body.EARS].mean(1)
    feet = metric[:, body.TOES] - metric[:, _HEELS]
    thigh, leg = metric[:, body.KNEES] - hips, metric[:, body.ANKLES] - hips
    along = normalise(leg)
    knees = thigh - (thigh * along).sum(2, keepdims=True) * along
    contradicted = np.concatenate(
        [
            np.clip(-(normalise(face) * front).sum(1) - _HEAD_TURN, 0, 1)[:, None],
            np.clip(-np.einsum("nkd,nd->nk", normalise(feet), front) - _FOOT_TURN, 0, 1),
            np.clip(-np.einsum("nkd,nd->nk", knees, front) / _BEND, 0, 1),
        ],
        axis=1,
    )
    result: Floats = contradicted.mean(1)
    return result

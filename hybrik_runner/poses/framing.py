"""How the camera shows the dancer: which way up, and which limbs it never sees.

Both are judged over the whole clip: a dancer who lies on the floor or stands on the hands for a while is
upright, and an arm that is hidden for a while is seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_SHOULDERS, _HIPS, _ANKLES = [5, 6], [11, 12], [15, 16]  # of COCO
_FACE = [0, 1, 2, 3, 4]

LIMBS = {
    "left arm": ((18, 20), 9),
    "right arm": ((19, 21), 10),
    "left leg": ((4, 7), 15),
    "right leg": ((5, 8), 16),
}
"""SMPL's joints whose mean confidence is that of a limb, and COCO's joint at its end."""

LEGS = [2, 3]
"""Their places among the limbs."""
HEAD = "head"

_MOST = 0.6
"""Share of the frames in which the head must point one way for the clip to be turned."""
_UPRIGHT = 0.25
"""A clip that is upright in this share of its frames is not turned."""
_HALF = 0.5


@dataclass(frozen=True, slots=True)
class Orientation:
    """Which way the dancer's head points in most frames.

    Attributes:
        head: degrees clockwise from the picture's top: 0, 90, 180 or 270, each ± 45.
        share: of the frames in which it does, 0..1.
        upright: share of the frames in which it points to the top, 0..1.
    """

    head: int = 0
    share: float = 1.0
    upright: float = 1.0

    @property
    def turn(self) -> int:
        """Degrees clockwise by which the clip must be turned to be upright: 0, 90, 180 or 270."""
        turned = self.head and self.share >= _MOST and self.upright < _UPRIGHT
        return 360 - self.head if turned else 0


def orientation(axes: Floats) -> Orientation:
    """Returns the orientation of a clip.

    Args:
        axes: (n, 2) from feet to head in the picture, x right, y down, any length.
    """
    axes = axes[np.isfinite(axes).all(1) & (np.abs(axes).max(1, initial=0) > 0)]
    if not len(axes):
        return Orientation()
    quarter = np.round(np.arctan2(axes[:, 0], -axes[:, 1]) / (np.pi / 2)).astype(int) % 4
    shares = np.bincount(quarter, minlength=4) / len(quarter)
    head = int(shares.argmax())
    return Orientation(90 * head, float(shares[head]), float(shares[0]))


def body_axes(keypoints2d: Floats, legs: NDArray[np.bool_] | None = None) -> Floats:
    """Returns the axes of bodies: from the ankles to the shoulders, or from the hips where no legs are seen.

    A dancer who bends forward is still upright.

    Args:
        keypoints2d: (n, 17, 2) of COCO, pixels.
        legs: (n,) whether a leg is seen; None: everywhere.

    Returns:
        (n, 2)
    """
    feet = keypoints2d[:, _ANKLES].mean(1)
    if legs is not None:
        feet = np.where(legs[:, None], feet, keypoints2d[:, _HIPS].mean(1))
    axes: Floats = keypoints2d[:, _SHOULDERS].mean(1) - feet
    return axes


def seen_limbs(scores: Floats, keypoints2d: Floats, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Returns in which frames each limb is seen: inside the picture to its end, with half of the confidence
    that the best-seen joint of the clip usually has. (Estimators differ in the scale of their confidence.)

    Args:
        scores: (n, ≥ 24) of SMPL's joints.
        keypoints2d: (n, 17, 2) of COCO, pixels.
        size: width and height of the frames, pixels.

    Returns:
        (n, 5) the four of `LIMBS`, then the head, which is only sought inside the picture.
    """
    if not len(scores):
        return np.ones((0, len(LIMBS) + 1), bool)
    least = _HALF * float(np.median(scores[:, :24], axis=0).max())
    inside = np.asarray(((keypoints2d >= 0) & (keypoints2d <= size)).all(2))
    seen = [inside[:, end] & (scores[:, list(joints)].mean(1) >= least) for joints, end in LIMBS.values()]
    face = keypoints2d[:, _FACE].mean(1)
    return np.stack([*seen, ((face >= 0) & (face <= size)).all(1)], axis=1)


def unseen(seen: NDArray[np.bool_]) -> tuple[str, ...]:
    """Returns the names of the limbs (and `HEAD`) that are unseen in more than half of the frames of
    `seen_limbs`."""
    if not len(seen):
        return ()
    hidden = 1 - seen.mean(0)
    return tuple(name for name, share in zip((*LIMBS, HEAD), hidden, strict=True) if share > _HALF)

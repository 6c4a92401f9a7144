"""Self-penetration: how deep limbs are in the body or in each other, and in how many frames."""

from __future__ import annotations

from popdanceset.motion.body.self_penetration import TOLERANCE
from popdanceset.motion.body.self_penetration import self_penetration as measured
from training.metrics.clip import Floats, checked
from training.metrics.floor import MILLIMETRES
from training.metrics.score import Score


def self_penetration(joints: Floats, fps: float, tolerance: float = TOLERANCE) -> tuple[Score, Score]:
    """Self-penetration of a body of capsules round the skeleton (`popdanceset.motion.body`).

    In each frame the deepest overlap counts, of all pairs of limbs that are not joined: the sum of their
    radii less the distance of their axes, as far as it exceeds that of the rest pose.

    Source: ours; papers that measure intersections of a mesh have other numbers.

    Args:
        joints: (frames, 24, 3) metres, z up.
        fps: frames a second.
        tolerance: depths up to this many metres count as none, because flesh yields.

    Returns:
        The mean depth, a number ≥ 0 in mm, and the share of frames deeper than the tolerance, 0..1; of both,
        less is better.

    Raises:
        InputError: the dance has a wrong shape, too few frames or NaN.
    """
    found = measured(checked(joints, fps), tolerance)
    return Score(MILLIMETRES * found.depth), Score(found.share)

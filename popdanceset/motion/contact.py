"""Which feet stand on the floor, and when: a two-state hidden Markov model of each of the FOOT_JOINTS.

What is seen of a point in a frame is evidence for contact or against it: its height above the floor, its
speeds upwards and along the floor, whether the other foot is faster, and whether a heel turns about the ball
of its foot. Evidence counts by the confidence with which the joint was seen, and a change of state costs more
than one bad frame can pay: that is the hysteresis.

The most probable sequence of states (Viterbi, 1967) needs no loop over frames here. Of two states only the
difference d of their scores matters, and with a symmetric cost it obeys
d[t] = e[t] + clip(d[t-1], -cost, cost). Such maps, x → clip(x + shift, low, high), are closed under
composition, so that all prefixes are composed by a scan in log₂(n) steps (Hillis and Steele, "Data parallel
algorithms", CACM 1986).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_RATE = 30.0
"""Frames a second for which evidence is stated; frames of another rate count by their length."""
SWITCH_COST = 2.5
"""Log-odds: states change every e^2.5 = 12 frames or so, which is 0.4 s."""
_CAP = 4.0
"""Log-odds of one frame at most: two changes of state cost more, so no single frame changes the state."""

# What a single camera shows of feet that stand and of feet that do not. In smoothed poses of the embedded
# estimator, the ankles of fast dancers seem to move by 0.5 to 1.3 m/s while they stand in truth.
_HEIGHT_SIGMA, _HEIGHT_RANGE = 0.04, 0.4
"""Metres: deviation of heights in contact; feet in the air are anywhere within the range. Nothing is below
the floor, so points that seem to be there are at height 0. What a heel is higher than the ball of its foot
counts twice: it has left the floor, and the foot may turn about its ball."""
_RISE_SIGMA, _RISE_MEAN = 0.2, 0.6
"""m/s, upwards or downwards: deviation in contact, mean in the air."""
_SLIDE_SIGMA, _SLIDE_MEAN = np.array([0.5, 0.8]), 1.5
"""m/s, along the floor: deviation in contact across the picture and along the line of sight; mean in the
air."""
_RIVAL_SPEED, _RIVAL_ODDS = 0.7, 2.0
"""A foot slower than the other by this many m/s is the one that stands, with nearly these log-odds. Errors of
the root, which both feet share, cancel out."""

_PIVOT_SPEED, _PIVOT_ODDS = 0.3, 3.0
"""An ankle faster than the ball of its foot by this many m/s turns about it and does not stand, with nearly
these log-odds."""

_OTHER = [1, 0, 3, 2]
"""The same point of the other foot."""


def evidence(heights: Floats, velocities: Floats, scores: Floats | None = None) -> Floats:
    """Log-odds of contact that each frame shows by itself.

    In contact, height and speeds are normally distributed about 0; in the air, heights are uniform and speeds
    exponential.

    Args:
        heights: (n, 4) of the FOOT_JOINTS above the floor as though they were points of the sole, metres.
        velocities: (n, 4, 3) m/s; x right, y along the line of sight, z up.
        scores: (n, 4) confidence, 0..1; None: 1.

    Returns:
        (n, 4) between -4 and 4; positive speaks for contact.
    """
    rise = np.abs(velocities[..., 2])
    slide = np.linalg.norm(velocities[..., :2] * (_SLIDE_SIGMA[0] / _SLIDE_SIGMA), axis=-1)
    speed = np.linalg.norm(velocities, axis=-1)
    height = np.maximum(heights, 0)
    height[:, :2] += np.maximum(height[:, :2] - height[:, 2:], 0)
    odds = _normal(height, _HEIGHT_SIGMA) + np.log(_HEIGHT_RANGE)
    odds = odds + _folded(rise, _RISE_SIGMA, _RISE_MEAN) + _folded(slide, _SLIDE_SIGMA[0], _SLIDE_MEAN)
    odds = odds + _RIVAL_ODDS * np.tanh((speed[:, _OTHER] - speed) / _RIVAL_SPEED)
    turning = np.maximum(speed[:, :2] - speed[:, 2:], 0)
    odds[:, :2] -= _PIVOT_ODDS * np.tanh(turning / _PIVOT_SPEED)
    clipped: Floats = np.clip(odds, -_CAP, _CAP)
    return clipped if scores is None else clipped * np.clip(scores, 0, 1)


def log_odds(evidence: Floats, fps: float) -> Floats:
    """Log-odds of contact given all frames: the best sequence with contact in a frame against the best
    without.

    Args:
        evidence: (n, k) of each frame by itself.
        fps: 1/s.

    Returns:
        (n, k). Their signs are the most probable sequence of states.
    """
    scaled = evidence * (_RATE / fps)
    if len(scaled) < 2:
        return scaled
    total = _clamped_sums(scaled)
    after = _clamped_sums(scaled[::-1])[::-1]
    total[:-1] += np.clip(after[1:], -SWITCH_COST, SWITCH_COST)
    return total


def contacts(heights: Floats, velocities: Floats, fps: float, scores: Floats | None = None) -> Flags:
    """Returns which points (n, 4) are in contact with the floor; arguments as for `evidence`, fps in 1/s."""
    found: Flags = np.asarray(log_odds(evidence(heights, velocities, scores), fps) > 0)
    return found


def _normal(values: Floats, sigma: float) -> Floats:
    """Logarithm of the normal density about 0."""
    density: Floats = -0.5 * (values / sigma) ** 2 - np.log(sigma * np.sqrt(2 * np.pi))
    return density


def _folded(speed: Floats, sigma: float, mean: float) -> Floats:
    """Log-odds of speeds ≥ 0: half-normal against exponential."""
    odds: Floats = _normal(speed, sigma) + np.log(2) + speed / mean + np.log(mean)
    return odds


def _clamped_sums(evidence: Floats) -> Floats:
    """d[t] = e[t] + clip(d[t-1], -cost, cost), d[0] = e[0], for every column (n, k)."""
    shift = np.array(evidence, np.float64)
    low, high = shift - SWITCH_COST, shift + SWITCH_COST
    # Nothing comes before the first frame: its map is constant.
    low[0] = high[0] = shift[0]
    step = 1
    while step < len(shift):
        # The map of the frames before, then this one: clip(clip(x + a, l, h) + b, m, k).
        b, m, k = shift[step:].copy(), low[step:].copy(), high[step:].copy()
        low[step:] = np.clip(low[:-step] + b, m, k)
        high[step:] = np.clip(high[:-step] + b, m, k)
        shift[step:] = shift[:-step] + b
        step *= 2
    return low

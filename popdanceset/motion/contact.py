"""Which feet stand on the floor, and when: a two-state hidden Markov model of each of the FOOT_JOINTS.

What is seen of a point in a frame is evidence for contact or against it: its height above the floor, its
speeds upwards and along the floor, whether the other foot is faster or higher, and whether a heel turns about
the ball of its foot. Evidence counts by the confidence with which the joint was seen, and a change of state
costs more than one bad frame can pay: that is the hysteresis.

The most probable sequence of states (Viterbi, 1967) needs no loop over frames here. Of two states only the
difference d of their scores matters, and with a symmetric cost it obeys
d[t] = e[t] + clip(d[t-1], -cost, cost). Such maps, x → clip(x + shift, low, high), are closed under
composition, so that all prefixes are composed by a scan in log₂(n) steps (Hillis and Steele, "Data parallel
algorithms", CACM 1986).
"""

from __future__ import annotations

from dataclasses import dataclass

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
_RISE_MEAN, _SLIDE_MEAN = 0.6, 1.5
"""m/s, upwards or downwards, and along the floor: means in the air."""
_DEPTH = 4.0
"""How many times less certain a speed along the line of sight is than one across the picture. A single camera
shortens strides towards it, so that the feet of somebody who runs there seem to slide by 2 m/s while they
stand; in the picture, they keep still."""
_RIVAL_SPEED, _RIVAL_ODDS = 0.7, 2.0
"""A foot slower than the other by this many m/s is the one that stands, with nearly these log-odds. Errors of
the root, which both feet share, cancel out."""

_SUPPORT_RISE, _SUPPORT_ODDS, _END_RISE = 0.15, 3.0, 0.05
"""A foot lower than the other by this many metres bears the body, with these log-odds: on both its ends,
unless one is higher than the other by as much as the last number."""
_PIVOT_SPEED, _PIVOT_ODDS = 0.3, 3.0
"""An ankle faster than the ball of its foot by this many m/s turns about it and does not stand, with nearly
these log-odds."""

_NOISE_MARGIN, _LEAST_SHARE = 1.2, 0.2
"""What is measured of a clip's noise counts by this factor, because it has more large values than a normal
distribution; and how small it may become, as a share of the noise of a clip of which nothing is known."""
_RAYLEIGH_MEDIAN, _FOLDED_MEDIAN = 1.177, 0.674
"""Medians of the length of a normally distributed vector of two components, and of one component."""

_OTHER = [1, 0, 3, 2]
"""The same point of the other foot."""


@dataclass(frozen=True, slots=True)
class Noise:
    """How fast points seem to move while they stand, as standard deviations.

    Attributes:
        rise: upwards or downwards, m/s.
        slide: along the floor, across the picture, m/s.
    """

    rise: float = 0.2
    slide: float = 0.5


UNKNOWN = Noise()
"""Noise of a clip of which nothing is known yet: enough for a fast dance."""


def measured_noise(velocities: Floats, standing: Flags) -> Noise:
    """Measures the noise of a clip; `UNKNOWN` if nothing stands.

    A calm clip is seen more precisely, so that a foot that glides slowly can be told from one that stands.

    Args:
        velocities: (n, 4, 3) m/s; x right, y along the line of sight, z up.
        standing: (n, 4) points in contact.
    """
    if not standing.any():
        return UNKNOWN
    rise = np.median(np.abs(velocities[..., 2])[standing]) / _FOLDED_MEDIAN
    slide = np.median(_slide(velocities)[standing]) / _RAYLEIGH_MEDIAN

    def within(measured: float, most: float) -> float:
        return float(np.clip(_NOISE_MARGIN * measured, _LEAST_SHARE * most, most))

    return Noise(within(float(rise), UNKNOWN.rise), within(float(slide), UNKNOWN.slide))


def evidence(
    heights: Floats, velocities: Floats, scores: Floats | None = None, noise: Noise = UNKNOWN
) -> Floats:
    """Log-odds of contact that each frame shows by itself.

    In contact, height and speeds are normally distributed about 0; in the air, heights are uniform and speeds
    exponential.

    Args:
        heights: (n, 4) of the FOOT_JOINTS above the floor as though they were points of the sole, metres.
        velocities: (n, 4, 3) m/s; x right, y along the line of sight, z up.
        scores: (n, 4) confidence, 0..1; None: 1.
        noise: of the clip.

    Returns:
        (n, 4) between -4 and 4; positive speaks for contact.
    """
    speed = np.linalg.norm(velocities / [1.0, _DEPTH, 1.0], axis=-1)
    height = np.maximum(heights, 0)
    height[:, :2] += np.maximum(height[:, :2] - height[:, 2:], 0)
    odds = _normal(height, _HEIGHT_SIGMA) + np.log(_HEIGHT_RANGE)
    odds = odds + _folded(np.abs(velocities[..., 2]), noise.rise, _RISE_MEAN)
    odds = odds + _folded(_slide(velocities), noise.slide, _SLIDE_MEAN)
    odds = odds + _RIVAL_ODDS * np.tanh((speed[:, _OTHER] - speed) / _RIVAL_SPEED)
    feet = np.minimum(heights[:, :2], heights[:, 2:])
    bearing = np.tile(np.clip((feet[:, ::-1] - feet) / _SUPPORT_RISE, 0, 1), 2)
    odds = odds + _SUPPORT_ODDS * bearing * np.clip(1 - (heights - np.tile(feet, 2)) / _END_RISE, 0, 1)
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


def contacts(
    heights: Floats,
    velocities: Floats,
    fps: float,
    scores: Floats | None = None,
    noise: Noise = UNKNOWN,
) -> Flags:
    """Returns which points (n, 4) are in contact with the floor; arguments as for `evidence`, fps in 1/s."""
    found: Flags = np.asarray(log_odds(evidence(heights, velocities, scores, noise), fps) > 0)
    return found


def _slide(velocities: Floats) -> Floats:
    """(n, k) speeds along the floor, what is along the line of sight counting less."""
    speed: Floats = np.linalg.norm(velocities[..., :2] / [1.0, _DEPTH], axis=-1)
    return speed


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

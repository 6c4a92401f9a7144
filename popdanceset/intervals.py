"""Confidence intervals of shares."""

from __future__ import annotations

import math
from statistics import NormalDist


def wilson_interval(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Returns the score interval of a share (E. B. Wilson, J. Am. Stat. Assoc. 22, 1927), within 0..1.

    It is (0, 1) without trials. Unlike ± 1.96 standard errors it is right for few trials, and for shares of
    0 and 1.

    Raises:
        ValueError: there are more successes than trials, or a number is negative.
    """
    if not 0 <= successes <= trials:
        raise ValueError(f"{successes} of {trials} is not a share")
    if not trials:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share, square = successes / trials, z * z / trials
    middle = (share + square / 2) / (1 + square)
    half = z * math.sqrt(share * (1 - share) / trials + square / trials / 4) / (1 + square)
    low = 0.0 if successes == 0 else middle - half
    high = 1.0 if successes == trials else middle + half
    return low, high

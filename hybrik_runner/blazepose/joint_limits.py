"""How far people's joints turn about the axes that joint positions do not determine, degrees.

Means of 109 men (Boone and Azen, "Normal range of motion of joints in male subjects", Journal of Bone and
Joint Surgery 61-A, 1979): the shoulder turns inwards by 69 and outwards by 104, the hip by 47 either way, the
forearm by 76 into pronation and 82 into supination from the middle between them. The head turns by 80 to
either side, and bends by 45 to 60 (American Academy of Orthopaedic Surgeons, "Joint Motion: Method of
Measuring and Recording", 1965). The middle positions are those of the SMPL rest pose: the
creases of the elbows and the thumbs point forwards.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_MARGIN = 15.0
"""Joints differ between people by standard deviations of 5 to 9 degrees, dancers turn them further than
others, and the smallest swing into a posture is not exactly the posture's middle position."""


@dataclass(frozen=True, slots=True)
class Range:
    """Angles that a joint's twist may take, radians: low ≤ 0 ≤ high."""

    low: float
    high: float

    @classmethod
    def of(cls, low: float, high: float) -> Range:
        """Makes a range from the degrees that people reach on average."""
        return cls(float(np.radians(-low - _MARGIN)), float(np.radians(high + _MARGIN)))

    def mirrored(self) -> Range:
        """Returns the range of the other side of the body, whose twists have the other sign."""
        return Range(-self.high, -self.low)

    def keep(self, angle: Floats) -> Floats:
        """Brings angles (−π..π) into the range.

        Beyond the range the angle falls again, to zero at half a turn: what seems to turn that far was badly
        seen, and so the result never jumps.
        """
        above = self.high * (np.pi - angle) / (np.pi - self.high)
        below = self.low * (np.pi + angle) / (np.pi + self.low)
        kept: Floats = np.clip(angle, np.minimum(below, 0), np.maximum(above, 0))
        return kept


# Left side, about the bone pointing away from the trunk: inwards is positive.
SHOULDER = Range.of(104, 69)
HIP = Range.of(47, 47)
FOREARM = Range.of(82, 76)
"""Pronation is positive on the left."""
HEAD = Range.of(80, 80)
HEAD_BENDING = float(np.radians(60 + _MARGIN))

"""Attention checks: dances spoilt so badly that nobody who looks prefers them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Joints = NDArray[np.float32]
"""(frames, 24, 3) metres, z up."""

_NOISE = 0.06
"""Standard deviation of the trembling of a scrambled body, metres."""


def still(joints: Joints) -> Joints:
    """A body that never moves."""
    return np.repeat(joints[:1], len(joints), axis=0)


def scrambled(joints: Joints, random: np.random.Generator) -> Joints:
    """A trembling body whose joints are exchanged, so that its bones cross each other."""
    count = joints.shape[1]
    order = np.roll(random.permutation(count), 1)
    moved = order[order == np.arange(count)]
    order[moved] = np.roll(order[moved], 1)
    noise = random.normal(0, _NOISE, joints.shape)
    return (joints[:, order] + noise).astype(np.float32)


def liveliness(joints: NDArray[Any]) -> float:
    """Mean speed of the joints, metres a frame: a check needs a dance that differs from a still one."""
    if len(joints) < 2:
        return 0.0
    return float(np.linalg.norm(np.diff(joints, axis=0), axis=-1).mean())

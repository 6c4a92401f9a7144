"""How good poses are: against known positions, and by how restless they are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hybrik_runner.rotations.arrays import nearest_rotation

Floats = NDArray[np.float64]


def procrustes(points: Floats, truth: Floats) -> Floats:
    """Points moved, turned and scaled as a whole, frame by frame, closest to the truth (Umeyama 1991).

    Args:
        points: (n, k, 3).
        truth: (n, k, 3).

    Returns:
        (n, k, 3)
    """
    centre, goal = points.mean(1, keepdims=True), truth.mean(1, keepdims=True)
    a, b = points - centre, truth - goal
    cross = np.einsum("nka,nkb->nab", b, a)
    turn = nearest_rotation(cross)
    scale = np.einsum("nab,nab->n", turn, cross) / np.maximum((a * a).sum((1, 2)), 1e-12)
    moved: Floats = scale[:, None, None] * np.einsum("nab,nkb->nka", turn, a) + goal
    return moved


def pa_mpjpe(points: Floats, truth: Floats) -> float:
    """Mean distance of (n, k, 3) points from the truth after `procrustes`, in the points' unit."""
    return float(np.linalg.norm(procrustes(points, truth) - truth, axis=2).mean())


def accelerations(points: Floats, times: Floats) -> Floats:
    """(n - 2, k, 3) second differences of (n, k, 3) positions at times (n,), unit / s²; steps may differ."""
    step = np.diff(times)[:, None, None]
    speed = np.diff(points, axis=0) / step
    change: Floats = 2 * np.diff(speed, axis=0) / (step[1:] + step[:-1])
    return change


def jitter(points: Floats, times: Floats) -> float:
    """Mean length of the joints' accelerations, unit / s²; 0 for fewer than three frames."""
    if len(times) < 3:
        return 0.0
    return float(np.linalg.norm(accelerations(points, times), axis=2).mean())


def acceleration_error(points: Floats, truth: Floats, fps: float) -> float:
    """Mean length of the difference of accelerations, root motion included, unit / s².

    Args:
        points, truth: (n, k, 3) in the same axes.
        fps: 1/s.
    """
    times = np.arange(len(points)) / fps
    difference = accelerations(points, times) - accelerations(truth, times)
    return float(np.linalg.norm(difference, axis=2).mean()) if len(difference) else 0.0

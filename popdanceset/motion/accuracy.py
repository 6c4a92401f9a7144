"""How good poses are: compared with known positions, and by their jitter.

Root translation error, acceleration error and foot sliding are those by which WHAM (Shin et al., CVPR 2024)
and GVHMR (Shen et al., SIGGRAPH Asia 2024) are evaluated.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from popdanceset.rotations.arrays import nearest_rotation

Floats = NDArray[np.float64]


def procrustes(points: Floats, truth: Floats) -> Floats:
    """Moves, rotates and scales points as a whole, frame by frame, closest to the truth (Umeyama 1991).

    Args:
        points: (n, k, 3).
        truth: (n, k, 3).

    Returns:
        (n, k, 3)
    """
    centre, target = points.mean(1, keepdims=True), truth.mean(1, keepdims=True)
    a, b = points - centre, truth - target
    cross = np.einsum("nka,nkb->nab", b, a)
    rotation = nearest_rotation(cross)
    scale = np.einsum("nab,nab->n", rotation, cross) / np.maximum((a * a).sum((1, 2)), 1e-12)
    moved: Floats = scale[:, None, None] * np.einsum("nab,nkb->nka", rotation, a) + target
    return moved


def pa_mpjpe(points: Floats, truth: Floats) -> float:
    """Returns the mean distance of points (n, k, 3) from the truth after `procrustes`, in the points'
    unit."""
    return float(np.linalg.norm(procrustes(points, truth) - truth, axis=2).mean())


def accelerations(points: Floats, times: Floats) -> Floats:
    """Returns the second differences (n - 2, k, 3) of positions (n, k, 3) at times (n,), unit / s²; steps may
    differ."""
    step = np.diff(times)[:, None, None]
    speed = np.diff(points, axis=0) / step
    change: Floats = 2 * np.diff(speed, axis=0) / (step[1:] + step[:-1])
    return change


def jitter(points: Floats, times: Floats) -> float:
    """Returns the mean length of the joints' accelerations, unit / s²; 0 for fewer than three frames."""
    if len(times) < 3:
        return 0.0
    return float(np.linalg.norm(accelerations(points, times), axis=2).mean())


def acceleration_error(points: Floats, truth: Floats, fps: float) -> float:
    """Returns the mean length of the difference of accelerations, root motion included, unit / s².

    Args:
        points, truth: (n, k, 3) in the same axes.
        fps: 1/s.
    """
    times = np.arange(len(points)) / fps
    difference = accelerations(points, times) - accelerations(truth, times)
    return float(np.linalg.norm(difference, axis=2).mean()) if len(difference) else 0.0


def root_translation_error(path: Floats, truth: Floats) -> float:
    """Returns the mean distance of a root's path (n, 3) from the true one, as a share of the true path's
    length, after the whole path is moved and rotated, not scaled, onto it.

    The root translation error of Shin et al., "WHAM" (CVPR 2024), and of GVHMR, which print it in percent. It
    says little about dances in place, whose paths are short.
    """
    a, b = path - path.mean(0), truth - truth.mean(0)
    turn = nearest_rotation((b.T @ a)[None])[0]
    length = float(np.linalg.norm(np.diff(truth, axis=0), axis=1).sum())
    return float(np.linalg.norm(a @ turn.T - b, axis=1).mean() / max(length, 1e-9))


def aligned(points: Floats, truth: Floats) -> Floats:
    """Moves and rotates a whole clip, without scaling it, closest to the truth.

    Args:
        points, truth: (n, k, 3) metres.

    Returns:
        (n, k, 3)
    """
    centre, target = points.mean((0, 1)), truth.mean((0, 1))
    cross = np.einsum("nka,nkb->ab", truth - target, points - centre)
    moved: Floats = (points - centre) @ nearest_rotation(cross[None])[0].T + target
    return moved


STILL = 0.01
"""Metres in 1/30 s below which a point of the truth stands."""


def foot_sliding(points: Floats, truth: Floats, fps: float) -> float:
    """Returns by how much points (n, k, 3) of feet move in 1/30 s, on average, where those of the truth
    (n, k, 3) stand, metres; 0 if they never do.

    WHAM and GVHMR take vertices of the soles and 30 frames a second.
    """
    step = 30.0 / fps
    moved = np.linalg.norm(np.diff(points, axis=0), axis=2) / step
    stands = np.linalg.norm(np.diff(truth, axis=0), axis=2) / step < STILL
    return float(moved[stands].mean()) if stands.any() else 0.0

"""Forward kinematics of the mean SMPL skeleton: rotations in, joint positions out.

Positions and global rotations share one frame, whichever it is; the root's rotation leads from the rest pose
into it (in the world of a release, z up, a standing dancer who faces the camera has +90° about x). Clips are
calculated with the components first (`popdanceset.rotations`), in chunks of frames that stay in the cache.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from popdanceset.rotations.component_arrays import (
    components_first,
    compose,
    frames_first,
    inverse,
    rotate,
)
from popdanceset.skeleton import SMPL_OFFSETS, SMPL_PARENTS, levels

Floats = NDArray[np.float64]

_CHUNK = 1024
"""Frames calculated at a time."""

_PARENTS = np.array(SMPL_PARENTS)
_LEVELS = [np.array(level) for level in levels()]
_OFFSETS = SMPL_OFFSETS.T[..., None]
"""(3, 24, 1) bones at rest."""


def forward_kinematics(rotations: Floats, scale: float | Floats = 1.0) -> Floats:
    """Joint positions of poses.

    Args:
        rotations: (n, 24, 3, 3) parent-relative rotation matrices.
        scale: scale of the mean SMPL skeleton, one or (n,).

    Returns:
        (n, 24, 3) metres, relative to the root.
    """
    out = np.empty((len(rotations), 24, 3))
    scales = np.broadcast_to(np.asarray(scale, np.float64), len(rotations))
    for part in chunks(len(rotations)):
        chain = _chained(components_first(rotations[part]))
        joints = np.zeros((3, 24, chain.shape[-1]))
        for level in _LEVELS[1:]:
            bones = rotate(chain[:, :, _PARENTS[level]], _OFFSETS[:, level])
            joints[:, level] = joints[:, _PARENTS[level]] + bones
        out[part] = (joints * scales[part]).transpose(2, 1, 0)
    return out


def global_rotations(rotations: Floats) -> Floats:
    """(n, 24, 3, 3) parent-relative rotations → (n, 24, 3, 3) rotations relative to the outer frame."""
    out = np.empty((len(rotations), 24, 3, 3))
    for part in chunks(len(rotations)):
        out[part] = frames_first(_chained(components_first(rotations[part])))
    return out


def local_rotations(rotations: Floats) -> Floats:
    """(n, 24, 3, 3) rotations relative to the outer frame → (n, 24, 3, 3) parent-relative rotations."""
    out = np.empty((len(rotations), 24, 3, 3))
    for part in chunks(len(rotations)):
        out[part] = frames_first(unchained(components_first(rotations[part])))
    return out


def chunks(count: int) -> list[slice]:
    """Slices of frames that are calculated together."""
    return [slice(start, start + _CHUNK) for start in range(0, count, _CHUNK)]


def _chained(rotations: Floats) -> Floats:
    """(3, 3, 24, n) parent-relative → relative to the outer frame, in place."""
    for level in _LEVELS[1:]:
        rotations[:, :, level] = compose(rotations[:, :, _PARENTS[level]], rotations[:, :, level])
    return rotations


def unchained(rotations: Floats) -> Floats:
    """(3, 3, 24, n) relative to the outer frame → parent-relative."""
    local = np.empty_like(rotations)
    local[:, :, 0] = rotations[:, :, 0]
    local[:, :, 1:] = compose(inverse(rotations[:, :, _PARENTS[1:]]), rotations[:, :, 1:])
    return local

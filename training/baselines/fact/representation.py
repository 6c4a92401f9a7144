"""Motion vectors of FACT: 225 channels, without any scaling.

| channels | meaning |
|---|---|
| 0..5    | zero; predicted like all others, and ignored |
| 6..8    | root position of a body of mean size, metres |
| 9..224  | rotation matrices of the 24 joints relative to their parents, row by row |
"""

from __future__ import annotations

import roma
import torch

from training.data import representation
from training.data.representation import SmplMotion
from training.motion.forward_kinematics import JOINTS

POSITION = slice(6, 9)
ROTATION = slice(9, 225)
WIDTH = 225


def encode(motion: SmplMotion) -> torch.Tensor:
    """Encodes motion, (…, frames, 24, 3) axis-angle and (…, frames, 3) metres, as (…, frames, 225)."""
    return _joined(motion.translation, roma.rotvec_to_rotmat(motion.poses))


def from_vectors(vectors: torch.Tensor) -> torch.Tensor:
    """Vectors of a release (…, frames, 156), see `training.data.representation`, as (…, frames, 225)."""
    rotation_6d = vectors[..., representation.ROTATION].reshape(*vectors.shape[:-1], JOINTS, 6)
    matrices = representation.rotation_6d_to_matrix(rotation_6d)
    return _joined(vectors[..., representation.POSITION], matrices)


def decode(vectors: torch.Tensor) -> SmplMotion:
    """Decodes (…, frames, 225). Matrices need not be rotations: the nearest rotation is taken (by SVD)."""
    matrices = vectors[..., ROTATION].reshape(*vectors.shape[:-1], JOINTS, 3, 3)
    return SmplMotion(roma.rotmat_to_rotvec(roma.special_procrustes(matrices)), vectors[..., POSITION])


def _joined(position: torch.Tensor, matrices: torch.Tensor) -> torch.Tensor:
    padding = position.new_zeros(*position.shape[:-1], POSITION.start)
    return torch.cat([padding, position, matrices.flatten(-3)], dim=-1)

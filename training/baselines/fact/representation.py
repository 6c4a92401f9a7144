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

from training.data.representation import SmplMotion
from training.motion.forward_kinematics import JOINTS

POSITION = slice(6, 9)
ROTATION = slice(9, 225)
WIDTH = 225


def encode(motion: SmplMotion) -> torch.Tensor:
    """Encodes motion, (…, frames, 24, 3) axis-angle and (…, frames, 3) metres, as (…, frames, 225)."""
    matrices = roma.rotvec_to_rotmat(motion.poses).flatten(-3)
    padding = matrices.new_zeros(*matrices.shape[:-1], POSITION.start)
    return torch.cat([padding, motion.translation, matrices], dim=-1)


def decode(vectors: torch.Tensor) -> SmplMotion:
    """Decodes (…, frames, 225). Matrices need not be rotations: the nearest rotation is taken (by SVD)."""
    matrices = vectors[..., ROTATION].reshape(*vectors.shape[:-1], JOINTS, 3, 3)
    return SmplMotion(roma.rotmat_to_rotvec(roma.special_procrustes(matrices)), vectors[..., POSITION])

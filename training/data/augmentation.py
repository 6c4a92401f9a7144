"""Augmentation: dances rotated about the vertical axis, and mirrored.

Both work on batches of unscaled motion vectors.
"""

from __future__ import annotations

import torch

from training.data.representation import CONTACT, CONTACT_JOINTS, POSITION, ROTATION, MinMaxScaler
from training.motion.sides import OTHER_SIDE

_CONTACT_SWAP = tuple(CONTACT_JOINTS.index(OTHER_SIDE[joint]) for joint in CONTACT_JOINTS)

# A mirror across x turns R into M R M with M = diag(-1, 1, 1): entries with exactly one index x change sign.
# A 6D rotation is the first two rows.
_ROTATION_6D_SIGNS = (1.0, -1.0, -1.0, -1.0, 1.0, 1.0)


def mirror(vectors: torch.Tensor) -> torch.Tensor:
    """Mirrors motion (…, 156) across the x axis: left and right change places.

    The mean SMPL skeleton is not quite symmetric: its left and right bones differ by up to 2 cm, and so do a
    mirrored dance and the exact mirror image.
    """
    rotation_6d = vectors[..., ROTATION].reshape(*vectors.shape[:-1], len(OTHER_SIDE), 6)[..., OTHER_SIDE, :]
    rotation_6d = rotation_6d * rotation_6d.new_tensor(_ROTATION_6D_SIGNS)
    position = vectors[..., POSITION] * vectors.new_tensor([-1.0, 1.0, 1.0])
    contact = vectors[..., CONTACT][..., _CONTACT_SWAP]
    return torch.cat([position, rotation_6d.flatten(-2), contact], dim=-1)


def yaw(vectors: torch.Tensor, angles: torch.Tensor) -> torch.Tensor:
    """Rotates motion (batch, frames, 156) about the vertical axis by angles (batch,), radians."""
    sin, cos = angles.sin()[:, None, None], angles.cos()[:, None, None]
    rotated = vectors.clone()
    # Rotate the root position and the rows of the root matrix in the plane of x and y.
    for first, second in ((slice(0, 1), slice(1, 2)), (slice(3, 6), slice(6, 9))):
        x, y = vectors[..., first], vectors[..., second]
        rotated[..., first] = cos * x - sin * y
        rotated[..., second] = sin * x + cos * y
    return rotated


def augment(
    vectors: torch.Tensor, mirrored: torch.Tensor | None = None, angles: torch.Tensor | None = None
) -> torch.Tensor:
    """Mirrors some dances of a batch, then rotates all of them.

    Args:
        vectors: (batch, frames, 156), unscaled.
        mirrored: (batch,) bool, the dances to mirror; None for none.
        angles: (batch,) radians; None for no rotation.
    """
    if mirrored is not None:
        vectors = torch.where(mirrored[:, None, None], mirror(vectors), vectors)
    return vectors if angles is None else yaw(vectors, angles)


def widen(scaler: MinMaxScaler, *, mirrored: bool, rotated: bool) -> MinMaxScaler:
    """The scaler for augmented motion: its range contains all that `augment` can make of the given range."""
    low, high = scaler.minimum.clone(), scaler.maximum.clone()
    if mirrored:
        # A mirror permutes channels and changes signs, so it maps the bounds of the ranges onto each other.
        one, other = mirror(low[None])[0], mirror(high[None])[0]
        low, high = (
            torch.minimum(low, torch.minimum(one, other)),
            torch.maximum(high, torch.maximum(one, other)),
        )
    if rotated:
        farthest = torch.maximum(low.abs(), high.abs())
        low[:2], high[:2] = -farthest[:2].norm(), farthest[:2].norm()
        for column in range(3):
            rows = [3 + column, 6 + column]
            reach = farthest[rows].norm().clamp(max=1)  # no entry of a rotation matrix exceeds 1
            low[rows], high[rows] = -reach, reach
    return MinMaxScaler(low, high)

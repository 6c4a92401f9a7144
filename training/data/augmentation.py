"""Dances turned about the vertical and seen in a mirror: as good as new ones, and free.

Both work on motion vectors in their own units (not scaled), whole batches at once.
"""

from __future__ import annotations

import torch

from popdanceset.skeleton import SMPL_JOINTS
from training.data.representation import CONTACT, CONTACT_JOINTS, POSITION, ROTATION, MinMaxScaler


def _other_side(joint: int) -> int:
    name = SMPL_JOINTS[joint]
    swapped = {"l": "r", "r": "l"}.get(name[0], "") + name[1:]
    return SMPL_JOINTS.index(swapped) if swapped in SMPL_JOINTS else joint


SWAP = tuple(_other_side(joint) for joint in range(len(SMPL_JOINTS)))
"""The joint that each SMPL joint becomes in a mirror."""

_CONTACT_SWAP = tuple(CONTACT_JOINTS.index(SWAP[joint]) for joint in CONTACT_JOINTS)

# A mirror across x turns R into M R M with M = diag(-1, 1, 1): entries with one index x change sign. The six
# numbers are the first two rows.
_SIX_SIGNS = (1.0, -1.0, -1.0, -1.0, 1.0, 1.0)


def mirror(vectors: torch.Tensor) -> torch.Tensor:
    """Motion (…, 156) in a mirror across the x axis: left and right change places.

    The mean SMPL skeleton is not quite symmetric, so a mirrored dance differs from the dance in a mirror by
    what its left and right bones differ, up to 2 cm a bone.
    """
    six = vectors[..., ROTATION].reshape(*vectors.shape[:-1], len(SWAP), 6)[..., SWAP, :]
    six = six * six.new_tensor(_SIX_SIGNS)
    position = vectors[..., POSITION] * vectors.new_tensor([-1.0, 1.0, 1.0])
    contact = vectors[..., CONTACT][..., _CONTACT_SWAP]
    return torch.cat([position, six.flatten(-2), contact], dim=-1)


def yaw(vectors: torch.Tensor, angles: torch.Tensor) -> torch.Tensor:
    """Motion (batch, frames, 156) turned about the vertical by angles (batch,), radians."""
    sin, cos = angles.sin()[:, None, None], angles.cos()[:, None, None]
    turned = vectors.clone()
    # Root position and the rows of the root's matrix are both turned in the plane of x and y.
    for first, second in ((slice(0, 1), slice(1, 2)), (slice(3, 6), slice(6, 9))):
        x, y = vectors[..., first], vectors[..., second]
        turned[..., first] = cos * x - sin * y
        turned[..., second] = sin * x + cos * y
    return turned


def augment(
    vectors: torch.Tensor, mirrored: torch.Tensor | None = None, angles: torch.Tensor | None = None
) -> torch.Tensor:
    """A batch (batch, frames, 156) in its own units, some of it mirrored, all of it turned.

    Args:
        vectors: in their own units.
        mirrored: (batch,) bool, which ones; None: none.
        angles: (batch,) radians; None: not turned.
    """
    if mirrored is not None:
        vectors = torch.where(mirrored[:, None, None], mirror(vectors), vectors)
    return vectors if angles is None else yaw(vectors, angles)


def widen(scaler: MinMaxScaler, *, mirrored: bool, turned: bool) -> MinMaxScaler:
    """The scaler of augmented motion: it holds whatever `augment` makes of what the given one holds."""
    low, high = scaler.minimum.clone(), scaler.maximum.clone()
    if mirrored:
        # A mirror permutes channels and changes signs, so it maps the corners of the ranges onto each other.
        one, other = mirror(low[None])[0], mirror(high[None])[0]
        low, high = (
            torch.minimum(low, torch.minimum(one, other)),
            torch.maximum(high, torch.maximum(one, other)),
        )
    if turned:
        farthest = torch.maximum(low.abs(), high.abs())
        low[:2], high[:2] = -farthest[:2].norm(), farthest[:2].norm()
        for column in range(3):
            rows = [3 + column, 6 + column]
            reach = farthest[rows].norm().clamp(max=1)  # no entry of a rotation matrix exceeds 1
            low[rows], high[rows] = -reach, reach
    return MinMaxScaler(low, high)

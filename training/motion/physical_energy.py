"""How far a dance is from what is physically possible: feet that stand, a floor, a body that is solid.

Each part is an energy of each frame: half the sum of squared distances, in metres, by which something would
have to move. It is 0 for a possible frame, differentiable, and depends on that frame alone: what comes from
other frames (when a foot stands, and where; the height of the floor) is calculated without gradients.
"""

from __future__ import annotations

from typing import NamedTuple

import torch

from popdanceset.motion.body.self_penetration import TOLERANCE
from popdanceset.schema import FPS
from popdanceset.skeleton import FOOT_JOINTS, SMPL_OFFSETS
from training.motion.capsules import overlaps

_SOLES = (-SMPL_OFFSETS[10, 1], -SMPL_OFFSETS[11, 1], 0.0, 0.0)
"""Metres: heights of ankles and toes above the balls of flat feet (`popdanceset.motion.floor`)."""

_NEAR = 0.05
"""Metres above the floor up to which a foot may stand on it."""
_SLOW = 0.5
"""m/s up to which a foot on the floor is taken to stand; what the network says counts at any speed."""
_CERTAIN = 0.8
"""A joint whose predicted contact is above this stands."""
_REACH = 20
"""Frames before and after within which a standing foot keeps its place."""
_FADE = 3
"""Frames in which a contact sets in and ends."""
_MARGIN = TOLERANCE / 2
"""Metres that a body may be in itself."""


class Contact(NamedTuple):
    """Feet on their floor, without gradients; points are the FOOT_JOINTS.

    Attributes:
        weight: (batch, frames, 4) from 0 to 1: how much a point stands.
        place: (batch, frames, 4, 2) metres: where it stands.
        floor: (batch, 1, 1) metres: height of the floor.
    """

    weight: torch.Tensor
    place: torch.Tensor
    floor: torch.Tensor


@torch.no_grad()
def contact(joints: torch.Tensor, predicted: torch.Tensor | None = None) -> Contact:
    """Finds the floor, when feet stand on it, and where.

    The floor is at the median over the frames of the height of the lowest sole. A point stands if it is near
    the floor, and slow or in contact as the network says. Its place is its mean position over the frames
    around, as far as it stands in them without a break.

    Args:
        joints: (batch, frames, 24, 3) metres, z up, 30 fps.
        predicted: (batch, frames, 4) contacts that a network predicts, 0..1; None: it predicts none.
    """
    feet = joints[:, :, FOOT_JOINTS]
    height = _heights(joints)
    floor = height.amin(-1).median(dim=1).values[:, None, None]
    velocity = torch.zeros_like(feet[..., :2])
    if joints.shape[1] > 1:
        velocity = torch.gradient(feet[..., :2], dim=1)[0] * FPS
    still = velocity.norm(dim=-1) < _SLOW
    if predicted is not None:
        still |= predicted > _CERTAIN
    standing = still & (height - floor < _NEAR)

    frames = joints.shape[1]
    frame = torch.arange(frames, device=joints.device)[None, :, None].expand(standing.shape)
    # The last frame before, and the first after, in which the point does not stand.
    before = torch.where(standing, -1, frame).cummax(1).values
    after = torch.where(standing, frames, frame).flip(1).cummin(1).values.flip(1)
    weight = torch.minimum(frame - before, after - frame).clamp(0, _FADE) / _FADE
    low, high = torch.maximum(before + 1, frame - _REACH), torch.minimum(after, frame + _REACH + 1)
    sums = torch.nn.functional.pad(feet[..., :2].cumsum(1), (0, 0, 0, 0, 1, 0))
    index = high.clamp(min=1)[..., None].expand(*high.shape, 2), low[..., None].expand(*low.shape, 2)
    total = sums.gather(1, index[0]) - sums.gather(1, index[1])
    count = (high - low).clamp(min=1)[..., None]
    return Contact(weight.to(joints.dtype) * standing, total / count, floor)


def feet(joints: torch.Tensor, found: Contact) -> torch.Tensor:
    """(batch, frames) energy of standing feet that are not in their place.

    Args:
        joints: (batch, frames, 24, 3) metres, z up.
        found: of these joints.
    """
    off = joints[:, :, FOOT_JOINTS, :2] - found.place
    return 0.5 * (found.weight[..., None] * off.square()).sum((-1, -2))


def floor(joints: torch.Tensor, found: Contact) -> torch.Tensor:
    """(batch, frames) energy of soles below the floor, and of standing ones above it; arguments as `feet`."""
    height = _heights(joints) - found.floor
    below = height.clamp(max=0)
    # Of a foot that stands on its ball, the ankle is free.
    lowest = height.amin(-1, keepdim=True).clamp(min=0) * found.weight.amax(-1, keepdim=True)
    return 0.5 * (below.square().sum(-1) + lowest.square().sum(-1))


def body(joints: torch.Tensor) -> torch.Tensor:
    """(batch, frames) energy of limbs in the body or in each other; joints as for `feet`."""
    frame, overlap = overlaps(joints.flatten(0, 1))
    energy = 0.5 * (overlap - _MARGIN).clamp(min=0).square()
    return energy.new_zeros(joints.shape[:2].numel()).index_add(0, frame, energy).view(joints.shape[:2])


def _heights(joints: torch.Tensor) -> torch.Tensor:
    """(batch, frames, 4) heights of the FOOT_JOINTS as though they were points of the sole."""
    return joints[:, :, FOOT_JOINTS, 2] - torch.tensor(_SOLES, dtype=joints.dtype, device=joints.device)

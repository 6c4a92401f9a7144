"""From heat maps and heads to joints in metres: soft-argmax, flip test, back-projection, camera scale.

Joints in the image ("uvd") are fractions of the box from its centre, -0.5…0.5, with depth in units of
`DEPTH_RANGE` from the root. The weak-perspective scale s of a camera of focal length f stands for a distance
f / (size · s) (Li et al. 2021, section 4).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from hybrik_runner.hybrik.hrnet import DEPTH, JOINTS
from hybrik_runner.hybrik.twist_swing import MIRRORED

FOCAL = 1000.0
"""Pixels of the image that the network sees."""

SIZE = 256.0
"""Side of that image, pixels."""

DEPTH_RANGE = 2.2
"""Depth of a heat map, metres."""

LEAST_SCALE = 1e-3
"""Smallest scale of a camera that shows anything: it corresponds to a distance of 4 km."""


def softmax_volumes(heat: Tensor) -> Tensor:
    """Converts heat maps (n, k · 64, …) to volumes (n, k, 64, …), each of which sums to one."""
    volumes = heat.reshape(len(heat), -1, DEPTH, *heat.shape[2:])
    softened: Tensor = volumes.flatten(2).softmax(2).view_as(volumes)
    return softened


def soft_argmax(volumes: Tensor) -> Tensor:
    """Returns the expected position of each joint (Sun et al., "Integral Human Pose Regression", 2018).

    Args:
        volumes: (n, k, depth, height, width), each summing to one.

    Returns:
        (n, k, 3) u, v, d, as fractions of width, height and depth from the middle.
    """
    plane = volumes.sum(2)  # shared by two axes, since volumes are large
    axes = []
    for along in (plane.sum(2), plane.sum(3), volumes.flatten(3).sum(3)):
        steps = torch.arange(along.shape[-1], dtype=along.dtype, device=along.device)
        axes.append((along * steps).sum(-1) / along.shape[-1] - 0.5)
    return torch.stack(axes, -1)


SHIFTED = (0, *range(63))
"""Which column of the mirrored heat map each column shows after a shift by one; the first is kept."""

PUBLISHED_SHIFT = (*SHIFTED[:17], 15, *range(17, 32), 31, *range(33, 48), *(47,) * 15)
"""The same as in the published code on a CPU: there the columns are copied within one array in blocks of
sixteen, and what one block has overwritten is read again by the next. Two columns show their neighbour, and
the last fifteen all show column 47."""


def unflip_heat(heat: Tensor, columns: Sequence[int] = SHIFTED) -> Tensor:
    """Mirrors heat maps (n, 29 · 64, h, 64) of a mirrored image back, as they would be for the image itself.

    The heat map of a mirrored image is one column off the mirrored heat map, because the network's strides
    start at the left; so the columns move by one.
    """
    volumes = heat.reshape(len(heat), JOINTS, DEPTH, *heat.shape[2:])
    return volumes[:, MIRRORED][..., mirrored(columns)].flatten(1, 2)


def mirrored(columns: Sequence[int]) -> list[int]:
    """Returns which column of a mirrored image's heat map corresponds to each column of the image's own."""
    return [DEPTH - 1 - column for column in columns]


def unflip_twists(twists: Tensor) -> Tensor:
    """Mirrors cosines and sines (n, 23, 2) of a mirrored image back, as they would be for the image
    itself."""
    other = torch.tensor(MIRRORED[1:24], device=twists.device) - 1
    return twists[:, other] * twists.new_tensor([1.0, -1.0])


def distance(scale: Tensor) -> Tensor:
    """Returns the camera's distance in metres for weak-perspective scales of any shape."""
    return FOCAL / (SIZE * scale)


def box_offset(bboxes: Tensor, img_center: Tensor) -> Tensor:
    """Returns the offset of boxes (n, 4) x0 y0 x1 y1 from the centres (n, 2) of their frames, (n, 2) in sides
    of the boxes."""
    corner, far = bboxes[:, :2], bboxes[:, 2:]
    return ((corner + far) / 2 - img_center) / (far - corner)


def back_project(uvd: Tensor, scale: Tensor, offset: Tensor | None = None) -> Tensor:
    """Converts joints to metres in the camera's axes, with depths relative to the root's.

    Args:
        uvd: (n, 29, 3).
        scale: (n, 1) of the camera.
        offset: (n, 2) of `box_offset`; None for boxes in the middle of the frame.

    Returns:
        (n, 29, 3)
    """
    depth = uvd[..., 2:] * DEPTH_RANGE
    image = uvd[..., :2] if offset is None else uvd[..., :2] + offset[:, None]
    return torch.cat([image * (SIZE / FOCAL) * (depth + distance(scale)[:, None]), depth], 2)


def refine_scale(uvd: Tensor, joints: Tensor, sigma: Tensor, scale: Tensor, offset: Tensor | None) -> Tensor:
    """Returns the camera scale at which a body's joints best match those in the image.

    A point at depth z seen at u is at x = u · (size / f) · (z + f / (size · s)), so 1 / s is the slope of
    x - u · (size / f) · z over u: least squares over both axes of the 24 joints, each equation multiplied by
    its joint's weight, 1 - 10 · sigma.

    Args:
        uvd: (n, 29, 3).
        joints: (n, 24, 3) metres, in the camera's axes except for its distance.
        sigma: (n, 29) uncertainty; from 0.1 on a joint does not count.
        scale: (n, 1) to keep where no joint counts.
        offset: (n, 2) of `box_offset`, or None.

    Returns:
        (n, 1), not positive where the body and the image contradict each other.
    """
    weight = (1 - 10 * sigma[:, :24, None]).clamp_min(0)
    u = uvd[:, :24, :2] if offset is None else uvd[:, :24, :2] + offset[:, None]
    a = weight * u
    b = weight * (joints[..., :2] - u * (SIZE / FOCAL) * joints[..., 2:])
    counted = (a * a).sum((1, 2))
    refined = counted / (a * b).sum((1, 2))
    return torch.where((counted > 0) & refined.isfinite(), refined, scale[:, 0])[:, None]

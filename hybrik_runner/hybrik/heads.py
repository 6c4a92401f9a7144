"""From heat maps and heads to joints in metres: soft-argmax, flip test, back-projection, camera scale.

Joints of the picture ("uvd") are fractions of the box from its centre, -0.5…0.5, with depth in units of
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
"""Pixels of the picture the network sees."""

SIZE = 256.0
"""Side of that picture."""

DEPTH_RANGE = 2.2
"""Metres that a heat map is deep."""

LEAST_SCALE = 1e-3
"""Of a camera that shows anything: it stands for a distance of 4 km."""


def softmax_volumes(heat: Tensor) -> Tensor:
    """Heat maps (n, k · 64, …) → (n, k, 64, …), each joint's summing to one."""
    volumes = heat.reshape(len(heat), -1, DEPTH, *heat.shape[2:])
    softened: Tensor = volumes.flatten(2).softmax(2).view_as(volumes)
    return softened


def soft_argmax(volumes: Tensor) -> Tensor:
    """Expected place of each joint (Sun et al., "Integral Human Pose Regression", 2018).

    Args:
        volumes: (n, k, depth, height, width), each summing to one.

    Returns:
        (n, k, 3) u, v, d, as fractions of width, height and depth from the middle.
    """
    plane = volumes.sum(2)  # once for two axes: volumes are large
    axes = []
    for along in (plane.sum(2), plane.sum(3), volumes.flatten(3).sum(3)):
        steps = torch.arange(along.shape[-1], dtype=along.dtype, device=along.device)
        axes.append((along * steps).sum(-1) / along.shape[-1] - 0.5)
    return torch.stack(axes, -1)


SHIFTED = (0, *range(63))
"""Which column of the mirrored heat map each column shows after moving by one; the first is kept."""

PUBLISHED_SHIFT = (*SHIFTED[:17], 15, *range(17, 32), 31, *range(33, 48), *(47,) * 15)
"""The same as the published code does it on a CPU: there, the columns are copied within one array in blocks
of sixteen, and what a block has overwritten is read again by the next. Two columns show their
neighbour, and the last fifteen all show column 47."""


def unflip_heat(heat: Tensor, columns: Sequence[int] = SHIFTED) -> Tensor:
    """Heat maps (n, 29 · 64, h, 64) of a mirrored picture, as they would be of the picture itself.

    A heat map of a mirrored picture lies one column beside the mirrored heat map, because the network's
    strides start at the left; so the columns move by one.
    """
    volumes = heat.reshape(len(heat), JOINTS, DEPTH, *heat.shape[2:])
    return volumes[:, MIRRORED][..., mirrored(columns)].flatten(1, 2)


def mirrored(columns: Sequence[int]) -> list[int]:
    """Which column of a mirrored picture's heat map stands for each column of the picture's own."""
    return [DEPTH - 1 - column for column in columns]


def unflip_twists(twists: Tensor) -> Tensor:
    """(n, 23, 2) cosines and sines of a mirrored picture, as of the picture itself."""
    other = torch.tensor(MIRRORED[1:24], device=twists.device) - 1
    return twists[:, other] * twists.new_tensor([1.0, -1.0])


def distance(scale: Tensor) -> Tensor:
    """Camera's distance in metres of weak-perspective scales of any shape."""
    return FOCAL / (SIZE * scale)


def box_offset(bboxes: Tensor, img_center: Tensor) -> Tensor:
    """Where boxes lie: (n, 4) x0 y0 x1 y1 and (n, 2) centres of the frames, in pixels → (n, 2) in boxes."""
    corner, far = bboxes[:, :2], bboxes[:, 2:]
    return ((corner + far) / 2 - img_center) / (far - corner)


def back_project(uvd: Tensor, scale: Tensor, offset: Tensor | None = None) -> Tensor:
    """Joints in metres in the camera's axes, their depth relative to the root's.

    Args:
        uvd: (n, 29, 3).
        scale: (n, 1) of the camera.
        offset: (n, 2) of `box_offset`; none for a box in the middle of the frame.

    Returns:
        (n, 29, 3)
    """
    depth = uvd[..., 2:] * DEPTH_RANGE
    image = uvd[..., :2] if offset is None else uvd[..., :2] + offset[:, None]
    return torch.cat([image * (SIZE / FOCAL) * (depth + distance(scale)[:, None]), depth], 2)


def refine_scale(uvd: Tensor, joints: Tensor, sigma: Tensor, scale: Tensor, offset: Tensor | None) -> Tensor:
    """The camera scale at which a body's joints best meet those of the picture.

    A point at depth z seen at u lies at x = u · (size / f) · (z + f / (size · s)), so 1 / s is the slope of
    x - u · (size / f) · z over u: least squares over both axes of the 24 joints, each equation multiplied by
    its joint's weight, 1 - 10 · sigma.

    Args:
        uvd: (n, 29, 3).
        joints: (n, 24, 3) metres, in the camera's axes except for its distance.
        sigma: (n, 29) uncertainty; from 0.1 on a joint counts nothing.
        scale: (n, 1) to keep where no joint counts.
        offset: (n, 2) of `box_offset`, or none.

    Returns:
        (n, 1), not positive where the body and the picture contradict each other altogether.
    """
    weight = (1 - 10 * sigma[:, :24, None]).clamp_min(0)
    u = uvd[:, :24, :2] if offset is None else uvd[:, :24, :2] + offset[:, None]
    a = weight * u
    b = weight * (joints[..., :2] - u * (SIZE / FOCAL) * joints[..., 2:])
    counted = (a * a).sum((1, 2))
    refined = counted / (a * b).sum((1, 2))
    return torch.where((counted > 0) & refined.isfinite(), refined, scale[:, 0])[:, None]

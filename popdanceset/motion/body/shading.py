"""Draws the body of capsules as a camera sees it: ray traced on the processor, shaded by one light.

Left and right limbs have the colours of `popdanceset.skeleton`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popdanceset.motion.body.capsules import CAPSULES, RADII, capsule_ends
from popdanceset.skeleton import Colour

Floats = NDArray[np.float32]

_LIGHT = np.array([-0.35, -0.68, -0.65], np.float32)
"""Towards the light in the camera's axes: from the left, above and behind the camera."""
_AMBIENT = 0.38
_NEAREST = 0.1
"""Metres before the camera within which nothing is drawn at a larger scale."""


@dataclass(frozen=True)
class Pinhole:
    """A camera that does not rotate.

    Attributes:
        axes: (3, 3) rows: right, down and forward of the image in the world.
        focal: focal length, pixels.
        size: width and height of the image, pixels; the principal point is its middle.
    """

    axes: Floats
    focal: float
    size: tuple[int, int]

    @cached_property
    def rays(self) -> Floats:
        """(height, width, 3) unit directions of the pixels in world axes."""
        width, height = self.size
        u, v = np.meshgrid(np.arange(width) + 0.5 - width / 2, np.arange(height) + 0.5 - height / 2)
        rays = np.stack([u, v, np.full_like(u, self.focal)], axis=-1) @ self.axes
        unit: Floats = (rays / np.linalg.norm(rays, axis=-1, keepdims=True)).astype(np.float32)
        return unit

    @cached_property
    def light(self) -> Floats:
        """(3,) towards the light in world axes."""
        return _LIGHT @ self.axes

    def project(self, points: NDArray[np.floating[Any]], place: Floats) -> tuple[Floats, Floats]:
        """Projects points.

        Args:
            points: (n, 3) in the world, metres.
            place: (3,) of the camera.

        Returns:
            Their pixels (n, 2), and pixels per metre at each of them (n,).
        """
        seen = (points - place) @ self.axes.T
        scale = self.focal / np.maximum(seen[:, 2], _NEAREST)
        pixels = seen[:, :2] * scale[:, None] + np.array(self.size) / 2
        return pixels.astype(np.float32), scale.astype(np.float32)


def draw_body(
    image: Floats, joints: NDArray[np.floating[Any]], scale: float, camera: Pinhole, place: Floats
) -> Floats:
    """Draws a body onto an image, in place.

    Args:
        image: (height, width, 3) float32 RGB, 0..255.
        joints: (24, 3) SMPL joints in the world, metres.
        scale: how large the body is beside the mean one (`body_scale`).
        camera: that looks at it.
        place: (3,) of the camera in the world, metres.

    Returns:
        (height, width) float32 distances of what was drawn from the camera, metres; infinite elsewhere.
    """
    nearest = np.full(image.shape[:2], np.inf, np.float32)
    for capsule, ends, radius in zip(CAPSULES, capsule_ends(joints), scale * RADII, strict=True):
        _capsule(image, nearest, ends.astype(np.float32), float(radius), capsule.colour, camera, place)
    return nearest


def _capsule(
    image: Floats,
    nearest: Floats,
    ends: Floats,
    radius: float,
    colour: Colour,
    camera: Pinhole,
    place: Floats,
) -> None:
    """Draws a capsule where it is nearer than the depths `nearest` (height, width), and updates these."""
    pixels, scale = camera.project(ends, place)
    margin = radius * scale.max() * 1.2 + 1
    left, top = np.maximum(np.floor(pixels.min(0) - margin), 0).astype(int)
    right, bottom = np.minimum(np.ceil(pixels.max(0) + margin), camera.size).astype(int)
    if right <= left or bottom <= top:
        return
    region = np.s_[top:bottom, left:right]
    ray = camera.rays[region]
    axis, origin = ends[1] - ends[0], place - ends[0]
    length2 = float(axis @ axis) + 1e-9
    along = ray @ axis
    lift = float(origin @ axis)
    toward = ray @ origin
    # The cylinder first: distance of the ray to the axis equals the radius.
    a = length2 - along**2
    b = length2 * toward - lift * along
    c = length2 * float(origin @ origin) - lift**2 - radius**2 * length2
    root = b**2 - a * c
    hit = (-b - np.sqrt(np.maximum(root, 0))) / np.maximum(a, 1e-9)
    share = (lift + hit * along) / length2
    # Beyond its ends, the sphere at that end.
    off = origin - np.where(share[..., None] < 0.5, 0, 1) * axis
    half = (ray * off).sum(-1)
    ball = half**2 - (off * off).sum(-1) + radius**2
    outside = (share < 0) | (share > 1)
    depth = np.where(outside, -half - np.sqrt(np.maximum(ball, 0)), hit)
    seen = np.where(outside, ball > 0, root > 0) & (depth > 0) & (depth < nearest[region])
    if not seen.any():
        return
    point = depth[seen][:, None] * ray[seen]
    foot = np.clip(share[seen], 0, 1)[:, None] * axis
    normal = (point + origin - foot) / radius
    light = _AMBIENT + (1 - _AMBIENT) * np.clip(normal @ camera.light, 0, 1)
    image[region][seen] = light[:, None] * np.array(colour, np.float32)
    nearest[region][seen] = depth[seen]

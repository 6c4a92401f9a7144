"""Dances as videos: a body of capsules on a chequered floor, ray traced on the CPU.

Left and right limbs have the colours of `popdanceset.skeleton`. The camera stands in front of the dancer (who
faces -y in the rest pose of a release), at eye level, and follows the root smoothly.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from popdanceset.errors import InputError
from popdanceset.film import Sound, write_film
from popdanceset.skeleton import MIDDLE_COLOUR, SMPL_BONES, SMPL_JOINTS, Colour, bone_colour

Floats = NDArray[np.float32]
Image = NDArray[np.uint8]

_RADII = {
    (0, 1): 0.10, (0, 2): 0.10, (0, 3): 0.115, (3, 6): 0.115, (6, 9): 0.12, (9, 12): 0.07, (9, 13): 0.09,
    (9, 14): 0.09, (12, 15): 0.055, (1, 4): 0.075, (2, 5): 0.075, (4, 7): 0.052, (5, 8): 0.052,
    (7, 10): 0.04, (8, 11): 0.04, (13, 16): 0.065, (14, 17): 0.065, (16, 18): 0.045, (17, 19): 0.045,
    (18, 20): 0.036, (19, 21): 0.036, (20, 22): 0.032, (21, 23): 0.032,
}  # fmt: skip
"""Metres; thick enough to look like a body, thin enough to distinguish crossing limbs."""

_HEAD_RADIUS, _HEAD_LIFT = 0.105, 1.0
_LIGHT = np.array([-0.35, -0.65, 0.68], np.float32)

_DISTANCE, _HEIGHT, _AIM = 4.2, 1.35, 0.95
_VIEW = 2.7
"""Metres that the smaller side of the image spans at the dancer."""
_FOLLOW = 0.8
"""Seconds over which the path of the camera is averaged."""

_TILES = np.array([[40, 44, 54], [54, 59, 71]], np.float32)
_SKY = np.array([24, 26, 33], np.float32)


def render(joints: NDArray[np.floating[Any]], fps: float, size: tuple[int, int]) -> Iterator[Image]:
    """Renders the frames of a dance.

    Args:
        joints: (frames, 24, 3) SMPL joints in the world, metres, z up, floor at z = 0.
        fps: frames a second.
        size: width and height, pixels.

    Yields:
        (height, width, 3) uint8 RGB, one image for each frame.

    Raises:
        InputError: the joints have another shape, or contain NaN or infinity.
    """
    places = np.asarray(joints, np.float32)
    if places.ndim != 3 or places.shape[1:] != (24, 3) or not len(places):
        raise InputError(f"joints of shape {places.shape} are not a dance", do="give (frames, 24, 3)")
    if not np.isfinite(places).all():
        raise InputError("the joints contain NaN or infinity", do="check the motion before rendering it")
    rays = _rays(size)
    floor = _Floor(rays)
    path = gaussian_filter1d(places[:, 0, :2], _FOLLOW * fps, axis=0, mode="nearest")
    for body, (x, y) in zip(places, path, strict=True):
        camera = np.array([x, y - _DISTANCE, _HEIGHT], np.float32)
        image = floor.seen_from(camera)
        _shadow(image, body, camera, size)
        _body(image, body, camera, rays, size)
        yield image.astype(np.uint8)


def write_video(
    joints: NDArray[np.floating[Any]],
    target: Path,
    fps: int,
    audio: Sound | None = None,
    size: tuple[int, int] = (480, 640),
) -> None:
    """Writes a dance as an MP4, with an audio track if given; arguments as `render`.

    Raises:
        InputError: as `render`, or the file cannot be written.
    """
    write_film(target, render(joints, fps, size), fps, audio)


def _focal(size: tuple[int, int]) -> float:
    return min(size) * _DISTANCE / _VIEW


def _axes() -> Floats:
    """(3, 3) rows: right, down and forward of the image in the world."""
    forward = np.array([0, _DISTANCE, _AIM - _HEIGHT])
    forward /= np.linalg.norm(forward)
    right = np.array([1.0, 0, 0])
    return np.stack([right, np.cross(forward, right), forward]).astype(np.float32)


def _rays(size: tuple[int, int]) -> Floats:
    """(height, width, 3) unit directions of the pixels in world axes; the camera does not rotate."""
    width, height = size
    u, v = np.meshgrid(np.arange(width) + 0.5 - width / 2, np.arange(height) + 0.5 - height / 2)
    rays = np.stack([u, v, np.full_like(u, _focal(size))], axis=-1) @ _axes()
    unit: Floats = (rays / np.linalg.norm(rays, axis=-1, keepdims=True)).astype(np.float32)
    return unit


def _project(points: Floats, camera: Floats, size: tuple[int, int]) -> tuple[Floats, Floats]:
    """Pixels (n, 2) of world points (n, 3), and pixels per metre at these points (n,)."""
    seen = (points - camera) @ _axes().T
    scale = _focal(size) / np.maximum(seen[:, 2], 0.1)
    pixels = seen[:, :2] * scale[:, None] + np.array(size) / 2
    return pixels.astype(np.float32), scale.astype(np.float32)


class _Floor:
    """The chequered floor and the sky; values that do not depend on the camera path are computed once."""

    def __init__(self, rays: Floats) -> None:
        self.image = np.broadcast_to(_SKY, rays.shape).copy()
        self.horizon = int(
            np.argmax(rays[:, 0, 2] < -1e-3)
        )  # the pixels of a row look down at almost the same angle
        down = rays[self.horizon :]
        reach = -_HEIGHT / np.minimum(down[..., 2], -1e-3)
        self.ground = 2 * reach[..., None] * down[..., :2]  # two tiles per metre
        fade = np.exp(-np.maximum(reach - _DISTANCE, 0) / 6)[..., None]
        self.tiles = _SKY + (_TILES[:, None, None] - _SKY) * fade  # both colours, everywhere

    def seen_from(self, camera: Floats) -> Floats:
        """A new image (height, width, 3) to draw on."""
        along, across = (np.floor(self.ground[..., i] + 2 * camera[i]).astype(np.int32) for i in (0, 1))
        odd = ((along + across) & 1).astype(bool)[..., None]
        image = self.image.copy()
        image[self.horizon :] = np.where(odd, self.tiles[1], self.tiles[0])
        return image


def _shadow(image: Floats, body: Floats, camera: Floats, size: tuple[int, int]) -> None:
    """Draws the shadow of a light straight above the body."""
    flat = body * np.array([1, 1, 0], np.float32)
    pixels, scale = _project(flat, camera, size)
    mask = np.zeros(image.shape[:2], np.float32)
    for (a, b), radius in _RADII.items():
        thick = max(1, round(float(scale[[a, b]].mean()) * radius * 1.4))
        cv2.line(mask, _pixel(pixels[a]), _pixel(pixels[b]), 1.0, min(thick, 200), cv2.LINE_AA)
    left, top = np.maximum(np.floor(pixels.min(0)).astype(int) - 40, 0)
    right, bottom = np.ceil(pixels.max(0)).astype(int) + 40
    if right <= left or bottom <= top:
        return
    region = np.s_[top:bottom, left:right]
    if mask[region].size:
        image[region] *= 1 - 0.55 * cv2.GaussianBlur(mask[region], (0, 0), 5)[..., None]


def _body(image: Floats, body: Floats, camera: Floats, rays: Floats, size: tuple[int, int]) -> None:
    nearest = np.full(image.shape[:2], np.inf, np.float32)
    crown = body[15] + (body[15] - body[12]) * _HEAD_LIFT
    for a, b in SMPL_BONES:
        colour = bone_colour(SMPL_JOINTS[a], SMPL_JOINTS[b])
        _capsule(image, nearest, body[a], body[b], _RADII[a, b], colour, camera, rays, size)
    _capsule(image, nearest, body[15], crown, _HEAD_RADIUS, MIDDLE_COLOUR, camera, rays, size)


def _capsule(
    image: Floats,
    nearest: Floats,
    start: Floats,
    end: Floats,
    radius: float,
    colour: Colour,
    camera: Floats,
    rays: Floats,
    size: tuple[int, int],
) -> None:
    """Draws a capsule where it is nearer than the depths `nearest` (height, width), and updates these."""
    pixels, scale = _project(np.stack([start, end]), camera, size)
    margin = radius * scale.max() * 1.2 + 1
    left, top = np.maximum(np.floor(pixels.min(0) - margin), 0).astype(int)
    right, bottom = np.minimum(np.ceil(pixels.max(0) + margin), size).astype(int)
    if right <= left or bottom <= top:
        return
    region = np.s_[top:bottom, left:right]
    ray = rays[region]
    axis, origin = end - start, camera - start
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
    seen = np.where(outside, ball > 0, root > 0) & (depth < nearest[region])
    if not seen.any():
        return
    point = depth[seen][:, None] * ray[seen]
    foot = np.clip(share[seen], 0, 1)[:, None] * axis
    normal = (point + origin - foot) / radius
    light = 0.38 + 0.62 * np.clip(normal @ _LIGHT, 0, 1)
    image[region][seen] = light[:, None] * np.array(colour, np.float32)
    nearest[region][seen] = depth[seen]


def _pixel(point: Floats) -> tuple[int, int]:
    x, y = np.clip(point, -10_000, 10_000)
    return round(float(x)), round(float(y))

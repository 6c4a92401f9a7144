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
from popdanceset.motion.body.capsules import RADII, body_scale, capsule_ends
from popdanceset.motion.body.shading import Pinhole, draw_body

Floats = NDArray[np.float32]
Image = NDArray[np.uint8]

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
    view = _view(size)
    floor = _Floor(view.rays)
    scale = body_scale(places)
    path = gaussian_filter1d(places[:, 0, :2], _FOLLOW * fps, axis=0, mode="nearest")
    for body, (x, y) in zip(places, path, strict=True):
        camera = np.array([x, y - _DISTANCE, _HEIGHT], np.float32)
        image = floor.seen_from(camera)
        _shadow(image, body, scale, view, camera)
        draw_body(image, body, scale, view, camera)
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


def _view(size: tuple[int, int]) -> Pinhole:
    forward = np.array([0, _DISTANCE, _AIM - _HEIGHT])
    forward /= np.linalg.norm(forward)
    right = np.array([1.0, 0, 0])
    axes = np.stack([right, np.cross(forward, right), forward]).astype(np.float32)
    return Pinhole(axes, min(size) * _DISTANCE / _VIEW, size)


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


def _shadow(image: Floats, body: Floats, scale: float, view: Pinhole, camera: Floats) -> None:
    """Draws the shadow of a light straight above the body."""
    ends = capsule_ends(body * np.array([1, 1, 0])).reshape(-1, 3)
    pixels, size = view.project(ends, camera)
    mask = np.zeros(image.shape[:2], np.float32)
    thickness = 2 * scale * RADII * size.reshape(-1, 2).mean(1)
    for (start, end), thick in zip(pixels.reshape(-1, 2, 2), thickness, strict=True):
        cv2.line(mask, _pixel(start), _pixel(end), 1.0, min(max(1, round(float(thick))), 200), cv2.LINE_AA)
    left, top = np.maximum(np.floor(pixels.min(0)).astype(int) - 40, 0)
    right, bottom = np.ceil(pixels.max(0)).astype(int) + 40
    if right <= left or bottom <= top:
        return
    region = np.s_[top:bottom, left:right]
    if mask[region].size:
        image[region] *= 1 - 0.55 * cv2.GaussianBlur(mask[region], (0, 0), 5)[..., None]


def _pixel(point: Floats) -> tuple[int, int]:
    x, y = np.clip(point, -10_000, 10_000)
    return round(float(x)), round(float(y))

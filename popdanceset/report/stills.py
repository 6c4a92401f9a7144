"""Stills of clips and videos, with the estimated skeleton drawn over them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from popdanceset.media import frames, probe
from popdanceset.schema import FPS
from popdanceset.skeleton import COCO_BONES, COCO_JOINTS, bone_colour

HEIGHT = 360
QUALITY = 82
_FRACTION_BITS = 4  # OpenCV draws at sixteenths of a pixel
_FAR = 4.0  # joints further outside than this many image sizes are not drawn

FACE = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Still:
    """A JPEG image and its time, seconds from the start of the file."""

    time: float
    jpeg: bytes
    width: int
    height: int

    @property
    def uri(self) -> str:
        """The image as a `data:` address."""
        return "data:image/jpeg;base64," + base64.b64encode(self.jpeg).decode()


def moments(count: int, frames: int) -> list[int]:
    """Chooses frames evenly spread over a clip, none at its very ends.

    Args:
        count: number of frames wanted; fewer are chosen if the clip is shorter.
        frames: length of the clip.

    Returns:
        Indices of the frames, ascending.
    """
    count = min(count, frames)
    return [int((k + 0.5) * frames / count) for k in range(count)]


def clip_stills(path: Path, keypoints: Floats | None, indices: Sequence[int]) -> list[Still]:
    """Reads frames of a clip and draws the skeletons of their poses.

    Args:
        path: a clip at 30 fps.
        keypoints: (T, 17, 2) COCO joints, pixels of the clip; None: nothing is drawn.
        indices: of the frames, ascending.

    Raises:
        InputError, MediaError: as `popdanceset.media.frames`.
    """
    wanted = set(indices)
    scale = min(1.0, HEIGHT / probe(path).height)
    stills = []
    for index, frame in enumerate(frames(path, HEIGHT)):
        if index in wanted:
            image = frame.image.copy()
            if keypoints is not None and index < len(keypoints):
                draw_skeleton(image, keypoints[index] * scale)
            stills.append(_still(index / FPS, image))
        if index >= max(wanted, default=-1):
            break
    return stills


def video_stills(path: Path, times: Sequence[float]) -> list[Still]:
    """Reads frames of a video at given times.

    Args:
        path: the video.
        times: seconds, in any order; a time after the end means the last frame.

    Returns:
        One still per time, in the same order.

    Raises:
        InputError, MediaError: as `popdanceset.media.frames`.
    """
    order = sorted(range(len(times)), key=lambda k: times[k])
    found: dict[int, Still] = {}
    shown = None
    for frame in frames(path, HEIGHT):
        while shown is not None and order and times[order[0]] < frame.time:
            found[order.pop(0)] = _still(shown.time, shown.image)
        if not order:
            break
        shown = frame
    if shown is not None:
        found |= {k: _still(shown.time, shown.image) for k in order}
    return [found[k] for k in sorted(found)]


def draw_skeleton(image: Image, keypoints: Floats) -> None:
    """Draws COCO bones and joints onto an image, in place.

    Args:
        image: (height, width, 3) RGB.
        keypoints: (17, 2) pixels of this image; joints that are not finite or far outside are left out.
    """
    height, width = image.shape[:2]
    near = np.isfinite(keypoints).all(axis=1) & (
        np.abs(np.nan_to_num(keypoints)) < _FAR * max(height, width)
    ).all(axis=1)
    points = np.round(np.where(near[:, None], keypoints, 0) * 2**_FRACTION_BITS).astype(int)
    reach = float(np.ptp(keypoints[near], axis=0).max()) if near.any() else 0.0
    thick = max(2, round(reach / 100))
    bones = [bone for bone in COCO_BONES if near[list(bone)].all()]
    for extra in (2, 0):  # a dark rim first, so that the lines show on any clothes
        for a, b in bones:
            colour = (15, 18, 22) if extra else bone_colour(COCO_JOINTS[a], COCO_JOINTS[b])
            _line(image, points[a], points[b], colour, thick + extra)
    for joint in np.flatnonzero(near):
        radius = 0.7 * thick * (0.6 if COCO_JOINTS[joint] in FACE else 1.0)
        _dot(image, points[joint], (15, 18, 22), radius + 1)
        _dot(image, points[joint], (255, 255, 255), radius)


def _line(image: Image, a: Any, b: Any, colour: tuple[int, int, int], thick: int) -> None:
    cv2.line(image, tuple(map(int, a)), tuple(map(int, b)), colour, thick, cv2.LINE_AA, _FRACTION_BITS)


def _dot(image: Image, at: Any, colour: tuple[int, int, int], radius: float) -> None:
    size = round(radius * 2**_FRACTION_BITS)
    cv2.circle(image, tuple(map(int, at)), size, colour, -1, cv2.LINE_AA, _FRACTION_BITS)


def _still(time: float, image: Image) -> Still:
    _, jpeg = cv2.imencode(
        ".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    )
    return Still(time, jpeg.tobytes(), image.shape[1], image.shape[0])

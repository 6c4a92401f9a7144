"""Poses drawn over their frames: COCO joints in colour, and the SMPL skeleton as the camera would see it,
or a body of capsules round it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from hybrik_runner.poses.table import camera_of, put_back, turn_of
from hybrik_runner.running.turning import turned
from popdanceset import media
from popdanceset.errors import InputError
from popdanceset.film import write_film
from popdanceset.motion.body.capsules import body_scale
from popdanceset.motion.body.shading import Pinhole, draw_body
from popdanceset.motion.camera import project
from popdanceset.schema import FPS
from popdanceset.skeleton import COCO_BONES, COCO_JOINTS, SMPL_BONES, bone_colour
from popdanceset.tables import fold_column

if TYPE_CHECKING:
    import pyarrow as pa

Image = NDArray[np.uint8]
Style = Literal["skeleton", "body"]
"""How poses are drawn."""

_SMPL_COLOUR = (255, 255, 255)
_MARK, _BAR = (170, 0, 255), 60
"""Colour of the bar that marks a frame whose left and right were put back; 60 bars would fill the frame."""
_OPACITY = 0.8
"""Of a body: what is behind it stays visible."""
_SOFT = 0.7
"""Pixels over which its outline fades (standard deviation)."""


def draw(
    image: Image, keypoints2d: NDArray[np.floating], smpl2d: NDArray[np.floating] | None = None
) -> Image:
    """Returns a copy of an image with a pose on it.

    Args:
        image: (height, width, 3) uint8 RGB.
        keypoints2d: (17, 2) COCO joints, pixels, drawn in the colours of `popdanceset.skeleton`.
        smpl2d: (24, 2) SMPL joints, pixels, in thin white; None: not drawn.
    """
    result = np.ascontiguousarray(image).copy()
    width = max(1, round(min(image.shape[:2]) / 180))
    if smpl2d is not None:
        thin = max(1, width // 2)
        for parent, child in SMPL_BONES:
            cv2.line(result, _pixel(smpl2d[parent]), _pixel(smpl2d[child]), _SMPL_COLOUR, thin, cv2.LINE_AA)
    for start, end in COCO_BONES:
        colour = bone_colour(COCO_JOINTS[start], COCO_JOINTS[end])
        cv2.line(result, _pixel(keypoints2d[start]), _pixel(keypoints2d[end]), colour, width, cv2.LINE_AA)
    for name, point in zip(COCO_JOINTS, keypoints2d, strict=True):
        cv2.circle(result, _pixel(point), width + 1, bone_colour(name), -1, cv2.LINE_AA)
    return result


def drawn(path: Path, table: pa.Table, style: Style = "skeleton") -> Iterator[Image]:
    """Yields the frames of a clip at 30 fps with the poses of its table (schema FRAMES) on them, one for each
    row, as a skeleton or as a body. A bar along the top marks rows whose left and right were put back."""
    marked = set(put_back(table))
    for index, image in enumerate(_drawn(path, table, style)):
        if index in marked:
            image[: max(1, image.shape[0] // _BAR)] = _MARK
        yield image


def _drawn(path: Path, table: pa.Table, style: Style) -> Iterator[Image]:
    keypoints2d = fold_column(table, "coco_keypoints2d").astype(np.float64)
    joints, root = fold_column(table, "joints3d"), fold_column(table, "cam_root")
    scale = body_scale(joints)
    frames = turned(media.frames(path, fps=FPS), turn_of(table))
    for index, frame in enumerate(frames):
        if index >= len(table):
            return
        if not index:
            camera = camera_of(table, (frame.image.shape[1], frame.image.shape[0]))
            seen = camera.see(joints, root)
            pinhole = Pinhole(np.eye(3, dtype=np.float32), camera.focal_length, camera.size)
        if style == "skeleton":
            smpl2d = project(seen[index], camera.focal_length, camera.size)
            yield draw(frame.image, keypoints2d[index], smpl2d)
        else:
            yield with_body(frame.image, seen[index], scale, pinhole)


def with_body(image: Image, joints: NDArray[np.float64], scale: float, camera: Pinhole) -> Image:
    """Returns a copy of an image with a shaded body on it.

    Args:
        image: (height, width, 3) uint8 RGB.
        joints: (24, 3) SMPL joints in camera axes, metres.
        scale: how large the body is beside the mean one.
        camera: that took the image, with the axes of the joints.
    """
    if not np.isfinite(joints).all():
        return np.array(image)
    plain = image.astype(np.float32)
    body = plain.copy()
    depth = draw_body(body, joints, scale, camera, np.zeros(3, np.float32))
    there = _OPACITY * cv2.GaussianBlur(np.isfinite(depth).astype(np.float32), (0, 0), _SOFT)[..., None]
    blended: Image = np.rint(plain + there * (body - plain)).astype(np.uint8)
    return blended


def stills(
    path: Path, table: pa.Table, folder: Path, count: int = 6, style: Style = "skeleton"
) -> list[Path]:
    """Writes evenly spaced drawn frames as PNG files into an existing folder; returns their paths.

    Raises:
        InputError: the folder cannot be written to.
    """
    wanted = set(np.linspace(0, len(table) - 1, min(count, len(table))).round().astype(int).tolist())
    written = []
    for index, image in enumerate(drawn(path, table, style)):
        if index not in wanted:
            continue
        target = folder / f"{path.stem}_{index:05d}.png"
        encoded, data = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        assert encoded, "OpenCV encodes any 8-bit image as PNG"
        try:
            target.write_bytes(data.tobytes())
        except OSError as error:
            raise InputError(f"not writable: {error.strerror}", target, "name another folder") from error
        written.append(target)
    return written


def video(path: Path, table: pa.Table, target: Path, style: Style = "skeleton") -> None:
    """Writes all drawn frames as an H.264 video at 30 fps.

    Raises:
        InputError: the file cannot be written.
    """
    write_film(target, drawn(path, table, style), FPS)


def _pixel(point: NDArray[np.floating]) -> tuple[int, int]:
    x, y = np.clip(np.nan_to_num(point), -10_000, 10_000)
    return round(float(x)), round(float(y))

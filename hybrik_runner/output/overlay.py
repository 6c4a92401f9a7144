"""Poses drawn over their frames: COCO joints in colour, the SMPL skeleton as the camera would see it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from hybrik_runner.poses.camera import project, to_camera
from hybrik_runner.poses.table import camera_to_world, turn_of
from hybrik_runner.running.turning import turned
from popdanceset import media
from popdanceset.errors import InputError
from popdanceset.film import write_film
from popdanceset.schema import FPS
from popdanceset.skeleton import COCO_BONES, COCO_JOINTS, SMPL_BONES, bone_colour
from popdanceset.tables import fold_column

if TYPE_CHECKING:
    import pyarrow as pa

Image = NDArray[np.uint8]

_SMPL_COLOUR = (255, 255, 255)


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


def drawn(path: Path, table: pa.Table) -> Iterator[Image]:
    """Yields the frames of a clip at 30 fps with the poses of its table (schema FRAMES) on them, one for each
    row."""
    keypoints2d = fold_column(table, "coco_keypoints2d").astype(np.float64)
    # A table whose floor was levelled is turned relative to the camera.
    joints = fold_column(table, "joints3d").astype(np.float64) @ camera_to_world(table)
    root = fold_column(table, "cam_root").astype(np.float64)
    frames = turned(media.frames(path, fps=FPS), turn_of(table))
    for index, frame in enumerate(frames):
        if index >= len(table):
            return
        size = (frame.image.shape[1], frame.image.shape[0])
        smpl2d = project(to_camera(joints[index]) + root[index], size)
        yield draw(frame.image, keypoints2d[index], smpl2d)


def stills(path: Path, table: pa.Table, folder: Path, count: int = 6) -> list[Path]:
    """Writes evenly spaced drawn frames as PNG files into an existing folder; returns their paths.

    Raises:
        InputError: the folder cannot be written to.
    """
    wanted = set(np.linspace(0, len(table) - 1, min(count, len(table))).round().astype(int).tolist())
    written = []
    for index, image in enumerate(drawn(path, table)):
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


def video(path: Path, table: pa.Table, target: Path) -> None:
    """Writes all drawn frames as an H.264 video at 30 fps.

    Raises:
        InputError: the file cannot be written.
    """
    write_film(target, drawn(path, table), FPS)


def _pixel(point: NDArray[np.floating]) -> tuple[int, int]:
    x, y = np.clip(np.nan_to_num(point), -10_000, 10_000)
    return round(float(x)), round(float(y))

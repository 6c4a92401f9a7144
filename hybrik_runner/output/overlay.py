"""Poses drawn over their pictures: COCO joints in colour, the SMPL skeleton as the camera would see it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from hybrik_runner.poses.camera import project, to_camera
from hybrik_runner.poses.table import extraction
from popdanceset import media
from popdanceset.errors import InputError
from popdanceset.film import write_film
from popdanceset.schema import FPS
from popdanceset.skeleton import COCO_BONES, COCO_JOINTS, SMPL_BONES, bone_colour

if TYPE_CHECKING:
    import pyarrow as pa

Picture = NDArray[np.uint8]

_SMPL_COLOUR = (255, 255, 255)


def draw(
    picture: Picture, coco2d: NDArray[np.floating], smpl2d: NDArray[np.floating] | None = None
) -> Picture:
    """A copy of a picture with a pose on it.

    Args:
        picture: (height, width, 3) uint8 RGB.
        coco2d: (17, 2) COCO joints, pixels, drawn in the colours of `popdanceset.skeleton`.
        smpl2d: (24, 2) SMPL joints, pixels, in thin white; None: not drawn.
    """
    result = np.ascontiguousarray(picture).copy()
    width = max(1, round(min(picture.shape[:2]) / 180))
    if smpl2d is not None:
        for parent, child in SMPL_BONES:
            cv2.line(
                result,
                _pixel(smpl2d[parent]),
                _pixel(smpl2d[child]),
                _SMPL_COLOUR,
                max(1, width // 2),
                cv2.LINE_AA,
            )
    for start, end in COCO_BONES:
        colour = bone_colour(COCO_JOINTS[start], COCO_JOINTS[end])
        cv2.line(result, _pixel(coco2d[start]), _pixel(coco2d[end]), colour, width, cv2.LINE_AA)
    for name, point in zip(COCO_JOINTS, coco2d, strict=True):
        cv2.circle(result, _pixel(point), width + 1, bone_colour(name), -1, cv2.LINE_AA)
    return result


def drawn(path: Path, table: pa.Table) -> Iterator[Picture]:
    """The pictures of a clip at 30 fps with the poses of its table (schema FRAMES) on them, one a row."""
    count = len(table)
    coco2d = _column(table, "coco_keypoints2d", (17, 2))
    # A table whose floor was levelled is turned against the camera.
    levelled = np.array(extraction(table).get("floor", {}).get("camera_to_world", np.eye(3)))
    joints, root = _column(table, "joints3d", (24, 3)) @ levelled, _column(table, "cam_root", (3,))
    for number, frame in enumerate(media.frames(path, fps=FPS)):
        if number >= count:
            return
        size = (frame.image.shape[1], frame.image.shape[0])
        smpl2d = project(to_camera(joints[number]) + root[number], size)
        yield draw(frame.image, coco2d[number], smpl2d)


def stills(path: Path, table: pa.Table, folder: Path, count: int = 6) -> list[Path]:
    """Writes evenly spaced drawn pictures as PNG files into an existing folder; their paths.

    Raises:
        InputError: the folder cannot be written to.
    """
    wanted = set(np.linspace(0, len(table) - 1, min(count, len(table))).round().astype(int).tolist())
    written = []
    for number, picture in enumerate(drawn(path, table)):
        if number not in wanted:
            continue
        target = folder / f"{path.stem}_{number:05d}.png"
        encoded, data = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        assert encoded, "OpenCV encodes any 8-bit picture as PNG"
        try:
            target.write_bytes(data.tobytes())
        except OSError as error:
            raise InputError(f"not writable: {error.strerror}", target, "name another folder") from error
        written.append(target)
    return written


def film(path: Path, table: pa.Table, target: Path) -> None:
    """Writes all drawn pictures as an H.264 film at 30 fps.

    Raises:
        InputError: the file cannot be written.
    """
    write_film(target, drawn(path, table), FPS)


def _column(table: pa.Table, name: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    column = table[name].combine_chunks()
    return np.asarray(column.values.to_numpy(), np.float64).reshape(len(table), *shape)


def _pixel(point: NDArray[np.floating]) -> tuple[int, int]:
    x, y = np.clip(np.nan_to_num(point), -10_000, 10_000)
    return round(float(x)), round(float(y))

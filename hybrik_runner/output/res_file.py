"""Poses as HybrIK's own `res.pk`: of its network, of a video, or of a pose table of any estimator.

`popdanceset.motion.hybrik_res` describes the layout.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hybrik_runner.poses.table import camera_of
from popdanceset import media
from popdanceset.errors import InputError
from popdanceset.motion.array_pickle import dumps
from popdanceset.motion.hybrik_res import (
    DEPTH_RANGE,
    FILE,
    FOCAL,
    NEUTRAL,
    NOTES_FILE,
    SIDE,
    Floats,
    Res,
    arrange,
    notes,
    of_body,
)
from popdanceset.rotations.arrays import axis_angle_to_matrix
from popdanceset.schema import FRAMES
from popdanceset.store import Store
from popdanceset.tables import conform, fold_column

if TYPE_CHECKING:
    import pyarrow as pa

    from hybrik_runner.hybrik.estimator import HybrIKEstimator
    from hybrik_runner.hybrik.network import Result
    from hybrik_runner.hybrik.predictions import CropPrediction

__all__ = ["ENLARGED", "FILE", "NEUTRAL", "from_predictions", "from_result", "from_table", "from_video",
           "squares", "write"]  # fmt: skip

ENLARGED = 1.25
"""Side of the square that the network sees, as a multiple of the dancer's longer side."""


def from_result(result: Result, bbox: Floats, size: tuple[int, int], img_path: Sequence[str]) -> Res:
    """Arranges a network's result as the official demo would have written it.

    Args:
        result: of n frames, on any device.
        bbox: (n, 4) the squares that the network saw, pixels of the frame.
        size: width and height of the frames, pixels.
        img_path: n names.
    """

    def plain(value: Any, *shape: int) -> NDArray[np.float32]:
        array: NDArray[np.float32] = value.detach().float().cpu().numpy().reshape(len(result), *shape)
        return array

    return arrange(
        pred_uvd=plain(result.uvd, 29, 3),
        pred_xyz_17=plain(result.joints_17, 17, 3) / DEPTH_RANGE,
        pred_xyz_29=plain(result.joints_29, 29, 3) / DEPTH_RANGE,
        pred_xyz_24_struct=plain(result.joints_24, 24, 3) / DEPTH_RANGE,
        pred_scores=plain(result.maxima, 29),
        pred_camera=plain(result.scale, 1),
        pred_betas=plain(result.betas, 10),
        pred_thetas=plain(result.rotations, 216),
        pred_phi=plain(result.phi, 23, 2),
        pred_cam_root=plain(result.cam_root, 3),
        transl=plain(result.cam_root, 3),
        bbox=np.asarray(bbox, np.float64),
        size=size,
        img_path=img_path,
    )


def from_video(estimator: HybrIKEstimator, path: Path) -> Res:
    """Runs HybrIK on a video and arranges the result as the official demo would have: one row for each frame
    with the dancer.

    Args:
        estimator: HybrIK.
        path: the video.

    Raises:
        InputError: the video cannot be read, or the dancer is never visible.
    """
    size, predictions, img_path = (0, 0), [], []
    numbered = enumerate(estimator.track(media.frames(path)), start=1)
    while chunk := list(islice(numbered, estimator.batch)):
        crops = [(number, crop) for number, crop in chunk if crop is not None]
        for (number, crop), prediction in zip(crops, estimator.predict([c for _, c in crops]), strict=True):
            if prediction is not None:
                size = (int(2 * crop.centre[0]), int(2 * crop.centre[1]))
                predictions.append(prediction)
                img_path.append(f"{path.stem}-{number:06d}.png")
    if not predictions:
        raise InputError("no dancer is visible", path, "give a video of one whole dancer")
    return from_predictions(predictions, size, img_path)


def from_predictions(
    predictions: Sequence[CropPrediction], size: tuple[int, int], img_path: Sequence[str]
) -> Res:
    """As `from_result`, for what HybrIK as an estimator predicts for n frames."""

    def stacked(name: str, *shape: int) -> Floats:
        return np.stack([getattr(p, name) for p in predictions]).reshape(len(predictions), *shape)

    return arrange(
        pred_uvd=stacked("uvd", 29, 3),
        pred_xyz_17=stacked("joints_17", 17, 3) / DEPTH_RANGE,
        pred_xyz_29=stacked("joints_29", 29, 3) / DEPTH_RANGE,
        pred_xyz_24_struct=stacked("joints_24", 24, 3) / DEPTH_RANGE,
        pred_scores=stacked("scores", 29),
        pred_camera=stacked("scale", 1),
        pred_betas=stacked("betas", 10),
        pred_thetas=stacked("rotations", 216),
        pred_phi=stacked("phi", 23, 2),
        pred_cam_root=stacked("cam_root", 3),
        transl=stacked("cam_root", 3),
        bbox=np.stack([prediction.crop.square for prediction in predictions]),
        size=size,
        img_path=img_path,
    )


def from_table(table: pa.Table, size: tuple[int, int], name: str) -> Res:
    """Arranges a pose table of any estimator as the official demo would have written it.

    `pred_cam_root` is where the camera saw the root; `transl` is where the table puts the body, moving as
    `smpl_trans` does, feet on the floor. If the table's world was turned to make the floor level, it is
    turned back.

    The boxes are squares round the dancer's boxes, all as large as the largest. So there is one focal length
    for the clip, as HybrIK's layout implies it, and a root that moves evenly in the table moves evenly here.
    The body is moved nearer or farther by the ratio of this focal length to that of the table's camera, so
    that it is seen equally large. What a table does not contain is filled as `NEUTRAL` says. `smpl_scaling`
    shows in the joints only, and frames in which nobody was seen have scores of 0.

    Args:
        table: of one clip, schema FRAMES, with the metadata that it was written with.
        size: width and height of the clip's frames, pixels.
        name: name of the clip; goes into `img_path`.

    Raises:
        InputError: the table is empty or of several clips, or its boxes are empty.
        SchemaError: it is not a pose table.
    """
    camera = camera_of(table, size)
    table = conform(table, FRAMES, name)
    if not len(table) or len(set(table["clip_id"].to_pylist())) > 1:
        raise InputError("contains no frames, or frames of several clips", name, "give the table of one clip")
    rotations = axis_angle_to_matrix(_column(table, "smpl_poses"))
    rotations[:, 0] = camera.to_world.T @ rotations[:, 0]
    joints = _column(table, "joints3d") @ camera.to_world

    bbox = squares(_column(table, "bbox"))
    side = bbox[0, 2] - bbox[0, 0]
    if not side > 0:
        raise InputError("its boxes have no area", name, "extract the clip again")
    focal = FOCAL / SIDE * side
    farther = np.array([1.0, 1.0, focal / camera.focal_length])
    seen, standing = _column(table, "cam_root"), _column(table, "smpl_trans")
    origin = (seen @ camera.to_world.T - standing).mean(0)
    root = seen * farther
    return of_body(
        rotations,
        joints,
        root,
        bbox,
        size,
        name,
        scores=_column(table, "pred_scores"),
        transl=(standing + origin) @ camera.to_world * farther,
    )


def squares(boxes: Floats) -> Floats:
    """Returns squares round the middles of boxes (n, 4) x0 y0 x1 y1, a quarter wider than their longest
    side."""
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = (boxes[:, 2:] - boxes[:, :2]).max() * ENLARGED / 2
    return np.concatenate([middle - half, middle + half], axis=1)


def _column(table: pa.Table, name: str) -> Floats:
    return fold_column(table, name).astype(np.float64)


def write(res: Res, folder: Path, filled: Mapping[str, str] | None = None, fps: float | None = None) -> None:
    """Writes `res.pk`, and `res.json` with frames, rate, axes, and which values are filled in.

    Args:
        res: of `from_result` or `from_table`.
        folder: created if it does not exist.
        filled: what the source does not contain: `NEUTRAL` for a table; nothing for a network's result.
        fps: frames a second, if they are known.

    Raises:
        StoreError: the folder cannot be written to.
    """
    store = Store(folder)
    store.write_json(NOTES_FILE, notes(res, dict(filled or {}), fps))
    store.write_bytes(FILE, dumps(res))

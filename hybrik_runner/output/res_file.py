"""Poses in the layout of HybrIK's own `res.pk`, which its Blender add-on and its users' tools read.

The official demo writes a pickled dictionary of arrays with n frames each, in the camera's axes (x right, y
down, z away from it):

    pred_uvd            (n, 29, 3)  joints, as fractions of the box from its middle; depth in 2.2 m
    pred_xyz_17         (n, 17, 3)  Human3.6M's joints from Human3.6M's root, in 2.2 m
    pred_xyz_29         (n, 29, 3)  SMPL's joints and leaves as predicted, from the root, in 2.2 m
    pred_xyz_24_struct  (n, 24, 3)  joints of the posed body, from its root, in 2.2 m
    pred_scores         (n, 29)     confidence
    pred_camera         (n, 1)      weak-perspective scale s
    pred_betas          (n, 10)     shape
    pred_thetas         (n, 216)    24 rotation matrices, parent-relative; the root's leads into these axes
    pred_phi            (n, 23, 2)  cosine and sine of the twists of joints 1…23
    pred_cam_root       (n, 3)      root, metres
    transl              (n, 3)      the body's place; in the demo's files the same
    transl_camsys       (n, 3)      transl times 256 / side of the box
    bbox                (n, 4)      x0 y0 x1 y1 of the square that the network saw, pixels
    height, width       (n,)        of the frame, pixels
    img_path            (n,)        the frame's file

A root in metres depends on a focal length. HybrIK's is 1000 pixels of its 256, so f = 1000 · side / 256
pixels of the frame: a point X of the body is seen at the frame's middle + f · (X + transl)[xy] / (X +
transl)[z].
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hybrik_runner.poses.camera import focal_length, to_camera, to_world
from hybrik_runner.poses.table import camera_to_world
from popdanceset import media
from popdanceset.errors import InputError
from popdanceset.rotations.arrays import axis_angle_to_matrix, twist_angle
from popdanceset.schema import FRAMES
from popdanceset.skeleton import SMPL_OFFSETS, SMPL_PARENTS
from popdanceset.store import Store
from popdanceset.tables import conform, fold_column

if TYPE_CHECKING:
    import pyarrow as pa

    from hybrik_runner.hybrik.estimator import HybrIKEstimator
    from hybrik_runner.hybrik.network import Result
    from hybrik_runner.hybrik.predictions import CropPrediction

Floats = NDArray[np.float64]
Res = dict[str, NDArray[Any]]

FILE = "res.pk"
FOCAL = 1000.0
SIDE = 256.0
"""The focal length and the side of the network's image, pixels."""

DEPTH_RANGE = 2.2
ENLARGED = 1.25
"""Side of the square that the network sees, as a multiple of the dancer's longer side."""

_LEAVES = (15, 22, 23, 10, 11)
"""Joints that carry the leaves 24…28: top of the head, left and right finger tips and toe tips."""

_TWISTED = {joint: SMPL_PARENTS.index(joint) for joint in range(1, 24) if joint in SMPL_PARENTS}
"""Joint → the child to which its bone leads, the lowest-numbered one."""

_HUMAN36M = (0, 2, 5, 8, 1, 4, 7, 6, 12, 15, 15, 16, 18, 20, 17, 19, 21)
"""The SMPL joint nearest to each of Human3.6M's 17: root, right leg, left leg, torso, neck, nose, head,
arms."""

NEUTRAL = {
    "pred_betas": "zeros, the mean shape: shapes are not stored",
    "pred_phi": "(1, 0), no twist, of head, toes and hands: they twist about leaves that are not stored",
    "pred_xyz_29": "leaves 24…28 lie in the joints that carry them",
    "pred_uvd": "leaves 24…28 lie in the joints that carry them",
    "pred_xyz_17": "the nearest joint of SMPL stands for each of Human3.6M's; the head for nose and top",
    "img_path": "names that the demo would choose; there are no such files",
}
"""What a pose table does not contain, and what is written instead."""


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

    return _res(
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

    return _res(
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
    The table's focal length is the frame's diagonal; the body is moved nearer or farther by the ratio of
    both, so that it is seen equally large. What a table does not contain is filled as `NEUTRAL` says.
    `smpl_scaling` shows in the joints only, and frames in which nobody was seen have scores of 0.

    Args:
        table: of one clip, schema FRAMES, with the metadata that it was written with.
        size: width and height of the clip's frames, pixels.
        name: name of the clip; goes into `img_path`.

    Raises:
        InputError: the table is empty or of several clips, or its boxes are empty.
        SchemaError: it is not a pose table.
    """
    turn = camera_to_world(table)
    table = conform(table, FRAMES, name)
    if not len(table) or len(set(table["clip_id"].to_pylist())) > 1:
        raise InputError("contains no frames, or frames of several clips", name, "give the table of one clip")
    count = len(table)
    rotations = axis_angle_to_matrix(_column(table, "smpl_poses"))
    # The columns of a rotation are points: where it takes the axes.
    rotations[:, 0] = to_camera(rotations[:, 0].swapaxes(1, 2) @ turn).swapaxes(1, 2)
    joints = to_camera(_column(table, "joints3d") @ turn)
    joints_29 = np.concatenate([joints, joints[:, _LEAVES]], axis=1)

    bbox = squares(_column(table, "bbox"))
    side = bbox[0, 2] - bbox[0, 0]
    if not side > 0:
        raise InputError("its boxes have no area", name, "extract the clip again")
    focal = FOCAL / SIDE * side
    farther = np.array([1.0, 1.0, focal / focal_length(size)])
    seen, standing = _column(table, "cam_root"), _column(table, "smpl_trans")
    origin = (to_world(seen) @ turn.T - standing).mean(0)
    root = seen * farther
    places = joints_29 + root[:, None]
    centre = (bbox[:, :2] + bbox[:, 2:]) / 2 - np.array(size) / 2
    uv = (places[..., :2] / places[..., 2:] * focal - centre[:, None]) / side
    return _res(
        pred_uvd=np.concatenate([uv, joints_29[..., 2:] / DEPTH_RANGE], axis=-1),
        pred_xyz_17=joints[:, _HUMAN36M] / DEPTH_RANGE,
        pred_xyz_29=joints_29 / DEPTH_RANGE,
        pred_xyz_24_struct=joints / DEPTH_RANGE,
        pred_scores=_column(table, "pred_scores"),
        pred_camera=FOCAL / (SIDE * root[:, 2:]),
        pred_betas=np.zeros((count, 10)),
        pred_thetas=rotations.reshape(count, 216),
        pred_phi=twists(rotations),
        pred_cam_root=root,
        transl=to_camera((standing + origin) @ turn) * farther,
        bbox=bbox,
        size=size,
        img_path=[f"{name}-{number:06d}.png" for number in range(1, count + 1)],
    )


def squares(boxes: Floats) -> Floats:
    """Returns squares round the middles of boxes (n, 4) x0 y0 x1 y1, a quarter wider than their longest
    side."""
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = (boxes[:, 2:] - boxes[:, :2]).max() * ENLARGED / 2
    return np.concatenate([middle - half, middle + half], axis=1)


def twists(rotations: Floats) -> Floats:
    """Returns cosine and sine of each joint's twist about its own bone in the mean body's rest pose (Li et
    al. 2021, section 3.2).

    Args:
        rotations: (n, 24, 3, 3) parent-relative.

    Returns:
        (n, 23, 2) of joints 1…23; (1, 0) for joints without a child in SMPL.
    """
    phi = np.zeros((len(rotations), 23, 2))
    phi[..., 0] = 1
    joints, children = list(_TWISTED), list(_TWISTED.values())
    angle = twist_angle(rotations[:, joints], SMPL_OFFSETS[children])
    phi[:, np.array(joints) - 1] = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    return phi


def _res(
    *,
    transl: NDArray[Any],
    bbox: Floats,
    size: tuple[int, int],
    img_path: Sequence[str],
    **others: NDArray[Any],
) -> Res:
    """Arranges arrays in the demo's order and types, with those that follow from the rest."""
    side = bbox[:, 2:3] - bbox[:, :1]
    arrays = {**others, "transl": transl, "transl_camsys": transl * (SIDE / side)}
    return {
        **{name: np.ascontiguousarray(value, np.float32) for name, value in arrays.items()},
        "bbox": np.ascontiguousarray(bbox, np.float64),
        "height": np.full(len(bbox), size[1]),
        "width": np.full(len(bbox), size[0]),
        "img_path": np.array(list(img_path), np.str_),
    }


def _column(table: pa.Table, name: str) -> Floats:
    return fold_column(table, name).astype(np.float64)


class _Pickler(pickle.Pickler):
    """Writes arrays by their public constructor: numpy's own way names a module that numpy 1 does not have,
    and the Pythons inside Blender up to 4.x come with numpy 1."""

    def reducer_override(self, obj: object) -> Any:
        if type(obj) is np.ndarray:
            return np.ndarray, (obj.shape, obj.dtype.str, bytearray(obj.tobytes()))
        return NotImplemented


def dumps(res: Res) -> bytes:
    """Returns the file's content; `pickle.load` of Python 3.4 or later reads it with any numpy."""
    content = io.BytesIO()
    _Pickler(content, protocol=4).dump(res)
    return content.getvalue()


def write(res: Res, folder: Path, filled: Mapping[str, str] | None = None) -> None:
    """Writes `res.pk`, and `res.json` with the number of frames, the axes, and which values are filled in.

    Args:
        res: of `from_result` or `from_table`.
        folder: created if it does not exist.
        filled: what the source does not contain: `NEUTRAL` for a table; nothing for a network's result.

    Raises:
        StoreError: the folder cannot be written to.
    """
    store = Store(folder)
    notes = {"frames": len(res["transl"]), "axes": "x right, y down, z away from the camera"}
    store.write_json("res.json", {**notes, "filled": dict(filled or {})})
    store.write_bytes(FILE, dumps(res))

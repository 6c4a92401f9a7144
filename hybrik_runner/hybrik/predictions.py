"""Crops for the network, its predictions one crop each, and the poses of a clip from them.

HybrIK assumes a focal length of 1000 pixels of its 256 pixel crop, whatever the crop shows: f · side / 256
pixels of the clip, a different one for every box. Its distances are converted to the one focal length that
`hybrik_runner.poses.camera` assumes for the clip; sideways nothing changes. So a dancer who comes closer does
so in the pose table as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hybrik_runner.blazepose.census import Census
from hybrik_runner.estimator import Poses
from hybrik_runner.hybrik import crop
from hybrik_runner.poses import camera
from hybrik_runner.poses.framing import orientation
from hybrik_runner.poses.sides import restored
from popdanceset.motion.forward_kinematics import forward_kinematics
from popdanceset.skeleton import SMPL_OFFSETS, SMPL_PARENTS

if TYPE_CHECKING:
    from hybrik_runner.hybrik.network import Result
    from hybrik_runner.poses.camera import Calibration
    from popdanceset.media import Frame

Floats = NDArray[np.float64]

COCO_FROM_H36M = (11, 14, 12, 15, 13, 16, 4, 1, 5, 2, 6, 3)
"""Human3.6M's index of COCO's shoulders, elbows, wrists, hips, knees and ankles, each left then right."""

FACE_VERTICES = (332, 2800, 6260, 583, 4071)
"""SMPL vertices that stand for COCO's nose, eyes and ears, left before right, as the package smplx of SMPL's
authors names them (its `vertex_ids.py`)."""

_LIMBS = (4, 5, 7, 8, 18, 19, 20, 21)
_LIMB_LENGTHS = np.linalg.norm(SMPL_OFFSETS[list(_LIMBS)], axis=1)
_LEAST_SIDE = 8.0
"""Pixels. A crop of a smaller box shows nothing."""


@dataclass(frozen=True, slots=True)
class Crop:
    """What the network sees of a frame.

    Attributes:
        image: (256, 256, 3) uint8 RGB, the square scaled.
        square: (4,) x0 y0 x1 y1 that it shows, pixels of the clip.
        centre: (2,) of the clip's frame, pixels.
        bbox: (4,) x0 y0 x1 y1 of the dancer, pixels.
        people: how many dancers were counted; None: nobody counted.
        axis: (2,) from feet to head in the clip's frame, as the tracker saw it; None: unknown.
        met: whether somebody else may be taken for the dancer from here on.
    """

    image: NDArray[np.uint8]
    square: Floats
    centre: Floats
    bbox: Floats
    people: int | None = None
    axis: Floats | None = None
    met: bool = False


@dataclass(frozen=True, slots=True)
class CropPrediction:
    """What HybrIK predicts for one crop; float64, metres, the camera's axes as in `network.Result`.

    Attributes:
        rotations: (24, 3, 3) parent-relative; the root's leads to the camera's axes.
        betas: (10,) shape.
        phi: (23, 2) cosine and sine of the twists.
        uvd: (29, 3) joints in the square.
        joints_29: (29, 3) as predicted, relative to the root.
        joints_24: (24, 3) of the posed body, relative to its root.
        joints_17: (17, 3) Human3.6M's, relative to their root.
        coco: (17, 3) COCO's joints of the posed body, relative to SMPL's root.
        scale: weak-perspective scale as predicted.
        cam_scale: the same, refined.
        cam_root: (3,) the root before HybrIK's own camera.
        scores: (29,) maxima of the heat maps.
        crop: what the network saw.
    """

    rotations: Floats
    betas: Floats
    phi: Floats
    uvd: Floats
    joints_29: Floats
    joints_24: Floats
    joints_17: Floats
    coco: Floats
    scale: Floats
    cam_scale: Floats
    cam_root: Floats
    scores: Floats
    crop: Crop


def cut(frame: Frame, bbox: Floats, people: int | None = None, axis: Floats | None = None) -> Crop | None:
    """Cuts a box (4,) out of a frame; returns None if the box is too small to show anything.

    Args:
        frame, bbox: the frame and the dancer's box, pixels.
        people, axis: as `Crop`; None: unknown.
    """
    if not np.isfinite(bbox).all() or (bbox[2:] - bbox[:2]).max() < _LEAST_SIDE:
        return None
    square = crop.enlarge(bbox[None])[0]
    height, width = frame.image.shape[:2]
    middle = np.array([width / 2, height / 2])
    return Crop(crop.cut(frame.image, square), square, middle, bbox, people, axis)


def split(
    result: Result, crops: Sequence[Crop], usable: NDArray[np.bool_] | None = None
) -> list[CropPrediction | None]:
    """Splits the first rows of a result into one prediction for each crop.

    Args:
        result: of at least as many rows.
        crops: what the network saw.
        usable: (rows,) of `Prediction.usable`; None: all are.

    Returns:
        None where the prediction, or the body fitted to it, is unusable.
    """
    import torch

    from hybrik_runner.hybrik.heads import LEAST_SCALE

    face = result.vertices[:, list(FACE_VERTICES)]
    coco = torch.cat([face, result.joints_17[:, list(COCO_FROM_H36M)]], 1) + result.pelvis[:, None]
    columns = {
        "rotations": result.rotations, "betas": result.betas, "phi": result.phi, "uvd": result.uvd,
        "joints_29": result.joints_29, "joints_24": result.joints_24, "joints_17": result.joints_17,
        "coco": coco, "scale": result.scale, "cam_scale": result.cam_scale, "cam_root": result.cam_root,
        "scores": result.maxima,
    }  # fmt: skip
    # One copy from the device, not a dozen.
    flat = torch.cat([values.flatten(1) for values in columns.values()], 1).double().cpu().numpy()
    finite = np.isfinite(flat).all(1)
    if usable is not None:
        finite &= usable
    shapes = [tuple(values.shape[1:]) for values in columns.values()]
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]
    predictions: list[CropPrediction | None] = []
    for row, seen, good in zip(flat, crops, finite, strict=False):
        parts = [part.reshape(shape) for part, shape in zip(np.split(row, ends), shapes, strict=True)]
        prediction = CropPrediction(crop=seen, **dict(zip(columns, parts, strict=True)))
        before_camera = prediction.cam_scale[0] > LEAST_SCALE and prediction.cam_root[2] > 0
        predictions.append(prediction if good and before_camera else None)
    return predictions


def poses(times: Floats, calibration: Calibration, predictions: Sequence[CropPrediction | None]) -> Poses:
    """Assembles the poses of a clip.

    The skeleton's scale is the median over the clip and over the limb bones of their lengths in the posed
    body. COCO's limbs are Human3.6M's joints of the posed body, its face consists of SMPL's vertices; in the
    image they are where HybrIK's own camera shows them. Left and right are put back in order by the joints as
    predicted (`hybrik_runner.poses.sides`). Scores are the maxima of the heat maps. Twists are
    predicted, so every rotation counts as observed.

    Args:
        times: (m,) seconds of all frames.
        calibration: of the frames.
        predictions: m of them.
    """
    found = np.array([prediction is not None for prediction in predictions], bool)
    seen = [prediction for prediction in predictions if prediction is not None]
    people = Census.median(prediction.crop.people for prediction in seen)
    if not seen:
        return Poses.none(times, calibration, people)
    rotations = np.stack([prediction.rotations for prediction in seen])
    rotations[:, 0] = camera.to_world(rotations[:, 0].swapaxes(1, 2)).swapaxes(1, 2)
    joints = np.stack([prediction.joints_24 for prediction in seen])
    parents = [SMPL_PARENTS[joint] for joint in _LIMBS]
    lengths = np.linalg.norm(joints[:, _LIMBS] - joints[:, parents], axis=2)
    scaling = float(np.clip(np.median(lengths / _LIMB_LENGTHS), 0.3, 3.0))

    coco = np.stack([prediction.coco for prediction in seen])
    root = np.stack([prediction.cam_root for prediction in seen])
    cam_scale = np.array([prediction.cam_scale[0] for prediction in seen])
    square = np.stack([prediction.crop.square for prediction in seen])
    bbox = np.stack([prediction.crop.bbox for prediction in seen])
    centre = np.stack([prediction.crop.centre for prediction in seen])
    side = square[:, 2] - square[:, 0]
    focal = _focal_lengths(side)
    placed = coco + root[:, None]
    depth = root[:, 2:] * (calibration.focal_length / focal)[:, None]
    axes = [prediction.crop.axis for prediction in seen if prediction.crop.axis is not None]
    assembled = Poses(
        times=times,
        found=found,
        calibration=calibration,
        scaling=scaling,
        rotations=rotations,
        cam_root=np.concatenate([root[:, :2], depth], 1),
        keypoints3d=camera.to_world(coco),
        keypoints2d=centre[:, None] + focal[:, None, None] * placed[..., :2] / placed[..., 2:],
        scores=np.stack([prediction.scores for prediction in seen]),
        camera=_weak_perspective(cam_scale, root, side, centre, bbox),
        bbox=bbox,
        observed=np.ones((len(seen), 24), bool),
        unfiltered_joints3d=forward_kinematics(rotations, scaling),
        people=people,
        orientation=orientation(np.stack(axes)) if axes else None,
        meetings=tuple(times[found][[prediction.crop.met for prediction in seen]].tolist()),
    )
    seen_joints = np.stack([prediction.joints_29[:24] for prediction in seen])
    return restored(assembled, camera.to_world(seen_joints))


def _focal_lengths(side: Floats) -> Floats:
    """(n,) HybrIK's focal lengths in pixels of the clip, of squares with sides (n,)."""
    focal, size = 1000.0, 256.0  # as `heads.FOCAL` and `heads.SIZE`, which would import torch
    return focal / size * side


def _weak_perspective(scale: Floats, root: Floats, side: Floats, centre: Floats, bbox: Floats) -> Floats:
    """Converts HybrIK's weak perspective, in which a metre is `scale` sides of its square, to that of a pose
    table.

    Args:
        scale: (n,) refined.
        root: (n, 3) before HybrIK's camera.
        side: (n,) of the squares, pixels.
        centre: (n, 2) of the frames, pixels.
        bbox: (n, 4) of the dancer, pixels.

    Returns:
        (n, 3) as `camera.weak_perspective`.
    """
    middle = (bbox[:, :2] + bbox[:, 2:]) / 2
    half = (bbox[:, 2:] - bbox[:, :2]).max(1) / 2
    metre = side * scale
    shown = centre + (_focal_lengths(side) / root[:, 2])[:, None] * root[:, :2]
    return np.column_stack([metre / half, (shown - middle) / metre[:, None]])

"""The layout of HybrIK's own `res.pk`, which its Blender add-on and its users' tools read.

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

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popdanceset.rotations.arrays import twist_angle
from popdanceset.skeleton import SMPL_OFFSETS, SMPL_PARENTS

Floats = NDArray[np.float64]
Res = dict[str, NDArray[Any]]

FILE = "res.pk"
NOTES_FILE = "res.json"
FOCAL = 1000.0
SIDE = 256.0
"""The focal length and the side of the network's image, pixels."""

DEPTH_RANGE = 2.2

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
"""What a body of joints and rotations does not contain, and what is written instead."""


def of_body(
    rotations: Floats,
    joints: Floats,
    root: Floats,
    bbox: Floats,
    size: tuple[int, int],
    name: str,
    *,
    scores: Floats,
    transl: Floats,
) -> Res:
    """Arranges a posed body in front of a camera; what it does not contain is filled as `NEUTRAL` says.

    Args:
        rotations: (n, 24, 3, 3) parent-relative; the root's leads into the camera's axes.
        joints: (n, 24, 3) from the root, camera axes, metres.
        root: (n, 3) camera axes, metres, at HybrIK's focal length.
        bbox: (n, 4) squares of one size, pixels.
        size: width and height of the frames, pixels.
        name: goes into `img_path`.
        scores: (n, 29).
        transl: (n, 3) the body's place, if it differs from `root`.
    """
    count, side = len(root), bbox[0, 2] - bbox[0, 0]
    joints_29 = np.concatenate([joints, joints[:, _LEAVES]], axis=1)
    places = joints_29 + root[:, None]
    centre = (bbox[:, :2] + bbox[:, 2:]) / 2 - np.array(size) / 2
    uv = (places[..., :2] / places[..., 2:] * (FOCAL / SIDE * side) - centre[:, None]) / side
    return arrange(
        pred_uvd=np.concatenate([uv, joints_29[..., 2:] / DEPTH_RANGE], axis=-1),
        pred_xyz_17=joints[:, _HUMAN36M] / DEPTH_RANGE,
        pred_xyz_29=joints_29 / DEPTH_RANGE,
        pred_xyz_24_struct=joints / DEPTH_RANGE,
        pred_scores=scores,
        pred_camera=FOCAL / (SIDE * root[:, 2:]),
        pred_betas=np.zeros((count, 10)),
        pred_thetas=rotations.reshape(count, 216),
        pred_phi=twists(rotations),
        pred_cam_root=root,
        transl=transl,
        bbox=bbox,
        size=size,
        img_path=[f"{name}-{number:06d}.png" for number in range(1, count + 1)],
    )


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


def arrange(
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


def notes(res: Res, filled: dict[str, str], fps: float | None = None) -> dict[str, Any]:
    """What stands beside the file: frames, their rate if known, axes, and which values are filled in."""
    return {
        "frames": len(res["transl"]),
        **({} if fps is None else {"fps": fps}),
        "axes": "x right, y down, z away from the camera",
        "filled": filled,
    }

"""HybrIK's `res.pk`, one for each clip, as an imagined camera sees the dancer.

A reader of `res.pk` does not learn how the camera was tilted, and the camera of imported clips is unknown.
So the one here is level, does not move, and stands so far away that it sees the whole dance; its image is the
box. Rotations and the path of the root are exact in it. (`popdanceset export-res` writes the clips of a store
as their own cameras saw them.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from popdanceset.errors import InputError
from popdanceset.motion import hybrik_res
from popdanceset.motion.array_pickle import dumps
from popdanceset.motion.axes import from_z_up, poses_from_z_up
from popdanceset.rotations.arrays import axis_angle_to_matrix
from training.export.kinds.base import MOTION, Clip, File, PerClip, json_file

_IMAGE = 1024
"""Width and height of the imagined image, pixels."""

_MARGIN = 0.9
"""Share of the image that the dance may fill."""

_NEAREST = 4.0
"""Metres between the camera and the nearest joint, at least."""

FILLED = {
    **hybrik_res.NEUTRAL,
    "bbox": f"the whole image of {_IMAGE} x {_IMAGE} pixels of an imagined camera",
    "pred_camera": "of an imagined camera, level and unmoved, that sees the whole dance",
    "pred_scores": "0 in frames whose scores are unknown",
}


@dataclass(frozen=True)
class HybrIK(PerClip):
    """Writes `{clip}/res.pk` and `{clip}/res.json`."""

    columns = (*MOTION, "pred_scores")
    notes = (
        "30 fps; x right, y down, z away from an imagined camera; res.json names what is filled in",
        "transl is the path of the mean body's root, moved before that camera",
    )

    def files(self, clip: Clip) -> Iterator[File]:
        """Yields the file of a clip, and what is filled in."""
        res, moved = _res(clip)
        document = {**hybrik_res.notes(res, FILLED, clip.fps), "moved": moved.tolist()}
        yield json_file(f"{clip.clip_id}/{hybrik_res.NOTES_FILE}", document)
        content = dumps(res)
        yield File(f"{clip.clip_id}/{hybrik_res.FILE}", lambda path: path.write_bytes(content))


def _res(clip: Clip) -> tuple[hybrik_res.Res, hybrik_res.Floats]:
    """The arrays of the file, and by how much the body was moved before the camera, (3,) metres."""
    dance = clip.dance
    if round(clip.fps) != 30:
        raise InputError(f"has {clip.fps:g} fps, but res.pk cannot state a rate")
    rotations = axis_angle_to_matrix(poses_from_z_up(dance.poses, "-y"))
    root = from_z_up(dance.translation, "-y")
    joints = from_z_up(dance.joints - dance.joints[:, :1], "-y")
    moved = _before_camera(joints + root[:, None])
    root = root + moved
    scores = np.nan_to_num(clip.frames["pred_scores"].astype(np.float64))
    box = np.tile(np.array([0.0, 0.0, _IMAGE, _IMAGE]), (len(root), 1))
    size = (_IMAGE, _IMAGE)
    res = hybrik_res.of_body(rotations, joints, root, box, size, clip.clip_id, scores=scores, transl=root)
    return res, moved


def _before_camera(places: hybrik_res.Floats) -> hybrik_res.Floats:
    """The constant shift (3,) of joints (frames, 24, 3), camera axes, that brings all of them into view."""
    low, high = places.min((0, 1)), places.max((0, 1))
    middle = np.append((low + high)[:2] / 2, 0)
    aside = np.abs((places - middle)[..., :2]).max(-1)
    steepest = _MARGIN * hybrik_res.SIDE / hybrik_res.FOCAL / 2
    depth = max(_NEAREST - low[2], float((aside / steepest - places[..., 2]).max()))
    return np.append(-middle[:2], depth)

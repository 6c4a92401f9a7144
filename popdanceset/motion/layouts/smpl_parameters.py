"""Parameters under the names of the package smplx: HMR2 (4D-Humans), GVHMR and their relatives."""

from __future__ import annotations

import numpy as np

from popdanceset.errors import InputError
from popdanceset.motion.content import Content
from popdanceset.motion.joint_motion import Array
from popdanceset.motion.layouts.base import FPS_NAMES, Published, Recording, shaped
from popdanceset.motion.layouts.named import NO_TRANSLATION
from popdanceset.motion.rotations import from_matrices, smpl_poses

_BODIES = (21, 23)
"""Joints of `body_pose`: of SMPL-X and SMPL-H, and of SMPL."""


class SmplParameters(Published):
    """`global_orient`, `body_pose` and `transl`, as vectors or matrices: HMR2 and others.

    The rate is that of the film. Axes are those of a camera (y down) or of a world (y or z up), so the
    posture of the body decides.
    """

    name = "SMPL parameters (HMR2)"
    keys = frozenset({"global_orient", "body_pose", "transl", "trans", "betas", *FPS_NAMES})
    up = None
    usual_up = "-y"

    def fits(self, content: Content) -> bool:
        """Whether the rotations are there."""
        return content.has("global_orient", "body_pose")

    def read(self, content: Content) -> Recording:
        """Reads rotations of the body."""
        orient = _vectors(content.arrays["global_orient"], (1,), content)
        body = _vectors(content.arrays["body_pose"], _BODIES, content)
        if len(orient) != len(body):
            raise InputError(
                f"global_orient has {len(orient)} frames and body_pose {len(body)}", content.path
            )
        poses = np.concatenate([orient, body], axis=1)
        notes: tuple[str, ...] = ()
        if poses.shape[1] == 22:
            notes = ("the hands are straight: SMPL-X has other joints there",)
        translation = content.first(("transl", "trans"))
        if translation is None:
            root, notes = np.zeros((len(poses), 3)), (*notes, NO_TRANSLATION)
        else:
            root = shaped(translation, (3,), content, len(poses)).astype(np.float64)
        return Recording(poses=smpl_poses(poses), translation=root, notes=notes)


class Gvhmr(SmplParameters):
    """`smpl_params_global` of GVHMR: 30 fps, y up, metres."""

    name = "GVHMR"
    keys = frozenset({"smpl_params_global"})
    fps = 30.0
    usual_up = "y"

    def fits(self, content: Content) -> bool:
        """Whether the parameters in the world are there."""
        return super().fits(_world(content))

    def read(self, content: Content) -> Recording:
        """Reads the motion in the world, not that in the camera."""
        return super().read(_world(content))


def _world(content: Content) -> Content:
    return next(
        (inner for name, inner in content.groups() if name == "smpl_params_global"),
        Content(content.path, content.name, {}),
    )


def _vectors(array: Array, joints: tuple[int, ...], content: Content) -> Array:
    """Axis-angle (frames, joints, 3) from vectors or matrices of one of these numbers of joints."""
    found = array
    sizes = {per * count for count in joints for per in (3, 9)}
    while found.ndim > 2 and found.shape[0] == 1 and found[0].size not in sizes:
        found = found[0]
    width = found[0].size if found.ndim > 1 and len(found) else 0
    for count in joints:
        if width == 9 * count:
            return from_matrices(shaped(found, (count, 3, 3), content), content.path)
        if width == 3 * count:
            return shaped(found, (count, 3), content)
    return shaped(array, (joints[-1], 3), content)

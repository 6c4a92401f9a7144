"""A dance as exporters write it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from popdanceset.errors import InputError
from training.motion.forward_kinematics import forward_kinematics

Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, eq=False)
class Dance:
    """SMPL motion of the mean body.

    Attributes:
        poses: (frames, 24, 3) axis-angle, radians, parent-relative; float64.
        translation: (frames, 3) of the root, metres, z up; float64.
        fps: frames a second.
        seconds_to_generate: time that sampling took; None if it was not measured.
        scaling: size of the dancer relative to the mean body. Files that contain a skeleton (BVH, glTF) show
            it, and the path of its root, in this size.

    Raises:
        InputError: the shapes are wrong, there are no frames, or values are NaN or infinite.
    """

    poses: Floats
    translation: Floats
    fps: float
    seconds_to_generate: float | None = None
    scaling: float = 1.0

    @classmethod
    def of_frames(cls, frames: Mapping[str, np.ndarray[Any, Any]], fps: float) -> Self:
        """The dance in frames of a release, whose root is divided by the scale of the body.

        Args:
            frames: `smpl_poses` (frames, 24, 3), `smpl_trans` (frames, 3), `smpl_scaling` (frames, 1).
            fps: frames a second.

        Raises:
            InputError: as the class; or the body has no size.
        """
        scaling = frames["smpl_scaling"].astype(np.float64).reshape(-1, 1)
        if not len(scaling) or not (scaling > 0).all():
            raise InputError("the scale of the body is not above 0 in every frame")
        root = frames["smpl_trans"].astype(np.float64) / scaling
        return cls(frames["smpl_poses"].astype(np.float64), root, fps, scaling=float(scaling[0, 0]))

    def __post_init__(self) -> None:
        count = len(self.poses)
        if not count or self.poses.shape != (count, 24, 3) or self.translation.shape != (count, 3):
            raise InputError(
                f"poses {self.poses.shape} and translation {self.translation.shape} are not a dance",
                do="give (frames, 24, 3) and (frames, 3)",
            )
        if not (np.isfinite(self.poses).all() and np.isfinite(self.translation).all()):
            raise InputError("the dance contains NaN or infinity", do="check the motion before writing it")

    @property
    def joints(self) -> Floats:
        """(frames, 24, 3) positions of the joints of the mean SMPL skeleton, metres, z up."""
        rotations = Rotation.from_rotvec(self.poses.reshape(-1, 3)).as_matrix().reshape(-1, 24, 3, 3)
        placed = forward_kinematics(torch.from_numpy(rotations), torch.from_numpy(self.translation))
        joints: Floats = placed.numpy()
        return joints

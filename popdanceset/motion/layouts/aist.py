"""AIST++ as published: SMPL fitted to a body that is `smpl_scaling` times as large."""

from __future__ import annotations

from popdanceset.motion.content import Content
from popdanceset.motion.layouts.base import Published, Recording
from popdanceset.motion.layouts.named import rotations


class AistPlusPlus(Published):
    """`smpl_poses`, `smpl_trans`, `smpl_scaling`, `smpl_loss`: 60 fps, y up; metres after division."""

    name = "AIST++"
    keys = frozenset({"smpl_poses", "smpl_trans", "smpl_scaling", "smpl_loss"})
    fps = 60.0
    up = "y"

    def fits(self, content: Content) -> bool:
        """Whether the marks of AIST++ are there: the loss of the fit, a single scaling, or its names."""
        if not content.has("smpl_poses", "smpl_trans") or content.has("full_pose"):
            return False
        scaling = content.arrays.get("smpl_scaling")
        return content.has("smpl_loss") or content.aist_name or (scaling is not None and scaling.size == 1)

    def read(self, content: Content) -> Recording:
        """Reads rotations; the translation is divided by the scaling."""
        return rotations(content, "smpl_poses", "smpl_trans", "smpl_scaling")

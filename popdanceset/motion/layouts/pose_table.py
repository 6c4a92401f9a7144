"""Pose tables of this project: `poses/*.parquet` of a store."""

from __future__ import annotations

from popdanceset.motion.content import Content
from popdanceset.motion.layouts.base import Published, Recording
from popdanceset.motion.layouts.named import rotations


class PoseTable(Published):
    """A pose table: 30 fps, z up, metres after division by the scaling."""

    name = "pose table"
    keys = frozenset({"smpl_poses", "smpl_trans", "smpl_scaling"})
    fps = 30.0

    def fits(self, content: Content) -> bool:
        """Whether the file is a table."""
        return content.format == "parquet"

    def read(self, content: Content) -> Recording:
        """Reads rotations; the translation is divided by the scaling."""
        return rotations(content, "smpl_poses", "smpl_trans", "smpl_scaling")

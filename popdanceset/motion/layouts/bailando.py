"""What Bailando writes: positions of the SMPL joints on AIST++."""

from __future__ import annotations

from popdanceset.motion.content import Content
from popdanceset.motion.layouts.base import Published, Recording
from popdanceset.motion.layouts.named import joints_of


class Bailando(Published):
    """`pred_position`, or a folder of frames that is named as a sequence of AIST++: 60 fps, y up, metres."""

    name = "Bailando"
    keys = frozenset({"pred_position", "3d_pose"})
    fps = 60.0
    up = "y"

    def fits(self, content: Content) -> bool:
        """Whether there is a `pred_position`, or a `3d_pose` under a name of AIST++."""
        return content.has("pred_position") or (content.has("3d_pose") and content.aist_name)

    def read(self, content: Content) -> Recording:
        """Reads positions."""
        joints, notes = joints_of(content.arrays[next(n for n in self.keys if content.has(n))], content)
        return Recording(joints, notes=notes)

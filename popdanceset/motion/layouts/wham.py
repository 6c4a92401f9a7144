"""What WHAM writes: for each person a dictionary of rotations in the camera and in the world."""

from __future__ import annotations

from popdanceset.motion.content import Content
from popdanceset.motion.layouts.base import FPS_NAMES, Published, Recording
from popdanceset.motion.layouts.named import rotations


class Wham(Published):
    """`pose_world` and `trans_world`: metres, y up unless the body stands otherwise; the film's rate."""

    name = "WHAM"
    keys = frozenset({"pose_world", "trans_world", *FPS_NAMES})
    up = None
    usual_up = "y"

    def fits(self, content: Content) -> bool:
        """Whether the motion in the world is there."""
        return content.has("pose_world", "trans_world")

    def read(self, content: Content) -> Recording:
        """Reads the motion in the world, not that in the camera."""
        return rotations(content, "pose_world", "trans_world", None)

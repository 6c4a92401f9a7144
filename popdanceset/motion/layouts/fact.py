"""What FACT writes: 24 rotation matrices in each frame."""

from __future__ import annotations

from popdanceset.motion.content import Content
from popdanceset.motion.layouts.base import Published, Recording, shaped
from popdanceset.motion.rotations import from_matrices


class Fact(Published):
    """225 numbers (6 unused, root, 24 matrices) or 219 (without the 6): 60 fps, y up, metres."""

    name = "FACT"
    fps = 60.0
    up = "y"

    def fits(self, content: Content) -> bool:
        """Whether the only array has this width."""
        return content.width in (219, 225)

    def read(self, content: Content) -> Recording:
        """Reads root and rotations; matrices that a network predicted become the nearest rotations."""
        assert content.single is not None
        values = shaped(content.single, (content.width,), content)[:, -219:]
        poses = from_matrices(values[:, 3:].reshape(-1, 24, 3, 3), content.path)
        return Recording(poses=poses, translation=values[:, :3].astype("float64"))

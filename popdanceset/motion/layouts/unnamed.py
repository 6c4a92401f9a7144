"""Arrays without a name: positions of the 24 joints, or rotations if the user says so."""

from __future__ import annotations

import numpy as np

from popdanceset.errors import InputError
from popdanceset.motion.content import Content
from popdanceset.motion.layouts.base import Published, Recording
from popdanceset.motion.layouts.named import MORE_JOINTS, NO_TRANSLATION, WIDTHS, joints_of, vectors_of

_WIDTHS = {3 * count for count in (24, *MORE_JOINTS)} | {*WIDTHS, 216}


class Unnamed(Published):
    """(frames, 24, 3) or (frames, 72) positions; with `content=poses` axis-angle vectors or matrices."""

    name = "array without a name"

    def fits(self, content: Content) -> bool:
        """Whether there is one array without a name."""
        return "" in content.arrays or content.width in _WIDTHS

    def read(self, content: Content) -> Recording:
        """Reads positions, or rotations without a translation."""
        assert content.single is not None
        if content.unnamed == "poses":
            poses = vectors_of(content.single, content)
            return Recording(poses=poses, translation=np.zeros((len(poses), 3)), notes=(NO_TRANSLATION,))
        if content.unnamed is None and content.width in (156, 165, 216):
            raise InputError(
                f"an array of shape {content.single.shape}: it may hold rotations",
                content.path,
                "give content=poses if it does",
            )
        joints, notes = joints_of(content.single, content)
        return Recording(joints, notes=notes)

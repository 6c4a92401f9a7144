"""Frames of a root and 6D rotations, as FineDance, LODGE and EDGE store them.

| numbers | content | project |
|---|---|---|
| 315 | root, 52 rotations (SMPL-H) | FineDance |
| 319 | 4 contacts, root, 52 rotations | FineDance, LODGE |
| 139 | 4 contacts, root, 22 rotations | LODGE |
| 135 | root, 22 rotations | LODGE |
| 151 | 4 contacts, root, 24 rotations | EDGE |
| 147 | root, 24 rotations | EDGE |

A rotation is the first two rows of its matrix. Values must not be normalised.
"""

from __future__ import annotations

from popdanceset.motion.content import Content
from popdanceset.motion.layouts.base import Published, Recording, shaped
from popdanceset.motion.rotations import from_rows, smpl_poses

_CONTACTS = {315: 0, 319: 4, 139: 4, 135: 0, 151: 4, 147: 0}
"""Numbers in a frame → those before the root."""


class Rotation6D(Published):
    """Arrays of the widths above: 30 fps, metres, y up unless the body stands otherwise."""

    name = "6D rotations (FineDance, LODGE, EDGE)"
    fps = 30.0
    up = None
    usual_up = "y"

    def fits(self, content: Content) -> bool:
        """Whether the only array has one of the widths."""
        return content.width in _CONTACTS

    def read(self, content: Content) -> Recording:
        """Reads root and rotations of the body."""
        assert content.single is not None
        values = shaped(content.single, (content.width,), content)[:, _CONTACTS[content.width] :]
        rows = values[:, 3:].reshape(len(values), -1, 6)
        poses = smpl_poses(from_rows(rows if rows.shape[1] == 24 else rows[:, :22], content.path))
        notes = ("the hands are straight",) if rows.shape[1] != 24 else ()
        return Recording(poses=poses, translation=values[:, :3].astype("float64"), notes=notes)

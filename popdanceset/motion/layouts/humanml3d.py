"""Positions of the first 22 SMPL joints, as HumanML3D stores and MDM samples them."""

from __future__ import annotations

import numpy as np

from popdanceset.errors import InputError
from popdanceset.motion.content import Content, frame_width
from popdanceset.motion.joint_motion import Array
from popdanceset.motion.layouts.base import Published, Recording
from popdanceset.motion.layouts.named import joints_of


class HumanML3D(Published):
    """(frames, 22, 3), or MDM's (1, 22, 3, frames): metres, y up unless the body stands otherwise.

    The rate is 20 in HumanML3D and MDM and 30 or 60 in dance sets with as many joints, so it is unknown.
    """

    name = "22 joints (HumanML3D)"
    keys = frozenset({"motion", "joints"})
    up = None
    usual_up = "y"

    def fits(self, content: Content) -> bool:
        """Whether `motion`, `joints` or the only array has 22 joints."""
        array = _array(content)
        if array is None or content.unnamed == "poses" or content.has("smpl_poses"):
            return False
        return frame_width(array) == 66 or _time_last(array) is not None

    def read(self, content: Content) -> Recording:
        """Reads positions; the hands follow from the forearms."""
        array = _array(content)
        assert array is not None
        turned = _time_last(array)
        if turned is not None and len(turned) > 1:
            raise InputError(
                f"holds {len(turned)} motions", content.path, "write each motion to a file of its own"
            )
        joints, notes = joints_of(array if turned is None else np.moveaxis(turned[0], -1, 0), content)
        return Recording(joints, notes=notes)


def _array(content: Content) -> Array | None:
    named = content.first(("motion", "joints"))
    return content.single if named is None else named


def _time_last(array: Array) -> Array | None:
    """(motions, 22, 3, frames) of arrays whose last axis is time; otherwise None."""
    if array.ndim == 3 and array.shape[:2] == (22, 3):
        array = array[None]
    return array if array.ndim == 4 and array.shape[1:3] == (22, 3) else None

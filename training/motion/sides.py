"""Left and right of the SMPL skeleton."""

from __future__ import annotations

from popdanceset.skeleton import SMPL_JOINTS


def _other_side(joint: int) -> int:
    name = SMPL_JOINTS[joint]
    swapped = {"l": "r", "r": "l"}.get(name[0], "") + name[1:]
    return SMPL_JOINTS.index(swapped) if swapped in SMPL_JOINTS else joint


OTHER_SIDE = tuple(_other_side(joint) for joint in range(len(SMPL_JOINTS)))
"""The joint on the other side of the body, for each joint; itself for joints in the middle."""

"""The skeletons of this field: SMPL's 24 joints with their rest pose, COCO's 17 keypoints, and their colours.

The rest offsets are those of the mean SMPL body as the released POPDG code uses it (recovered from its
published joint positions to 1e-7 m). In the rest pose y is up, x points to the body's left and z to its
front; a root rotation of +90° about x brings it into the world of a release (z up, facing -y).

Every image of a body (report, overlays, rendered dances) draws the dancer's left in `LEFT_COLOUR` and the
right in `RIGHT_COLOUR`.
"""

from __future__ import annotations

import numpy as np

SMPL_JOINTS = (
    "root", "lhip", "rhip", "belly", "lknee", "rknee", "spine", "lankle", "rankle", "chest", "ltoes", "rtoes",
    "neck", "linshoulder", "rinshoulder", "head", "lshoulder", "rshoulder", "lelbow", "relbow", "lwrist",
    "rwrist", "lhand", "rhand",
)  # fmt: skip

SMPL_PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)

SMPL_OFFSETS = np.array(
    [
        [0.0, 0.0, 0.0],
        [0.05858135, -0.08228004, -0.01766408],
        [-0.06030973, -0.09051332, -0.01354254],
        [0.00443945, 0.12440352, -0.03838522],
        [0.04345142, -0.38646945, 0.00803700],
        [-0.04325663, -0.38368791, -0.00484304],
        [0.00448844, 0.13795640, 0.02682033],
        [-0.01479032, -0.42687458, -0.03742800],
        [0.01905555, -0.42004550, -0.03456167],
        [-0.00226458, 0.05603239, 0.00285505],
        [0.04105436, -0.06028581, 0.12204243],
        [-0.03483987, -0.06210566, 0.13032329],
        [-0.01339020, 0.21163553, -0.03346758],
        [0.07170245, 0.11399969, -0.01889817],
        [-0.08295366, 0.11247234, -0.02370739],
        [0.01011321, 0.08893734, 0.05040987],
        [0.12292141, 0.04520509, -0.01904600],
        [-0.11322832, 0.04685326, -0.00847207],
        [0.25533190, -0.01564902, -0.02294649],
        [-0.26012748, -0.01436928, -0.03126873],
        [0.26570925, 0.01269811, -0.00737473],
        [-0.26910836, 0.00679372, -0.00602676],
        [0.08669055, -0.01063603, -0.01559429],
        [-0.08875370, -0.00865157, -0.01010708],
    ]
)
"""(24, 3) float64, metres: each joint's rest position relative to its parent."""

COCO_JOINTS = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee",
    "left_ankle", "right_ankle",
)  # fmt: skip

COCO_BONES = (
    (5, 7), (7, 9), (6, 8), (8, 10), (11, 13), (13, 15), (12, 14), (14, 16), (5, 6), (11, 12), (5, 11),
    (6, 12), (0, 1), (0, 2), (1, 3), (2, 4), (0, 5), (0, 6),
)  # fmt: skip

SMPL_BONES = tuple((parent, child) for child, parent in enumerate(SMPL_PARENTS) if parent >= 0)

LIMB_JOINTS = (16, 17, 18, 19, 20, 21, 1, 2, 4, 5, 7, 8)
"""SMPL indices of shoulders, elbows, wrists, hips, knees and ankles, each left then right."""

FOOT_JOINTS = (7, 8, 10, 11)
"""SMPL indices of ankles and toes."""

Colour = tuple[int, int, int]
"""Red, green and blue, 0..255."""

LEFT_COLOUR: Colour = (255, 140, 0)
RIGHT_COLOUR: Colour = (0, 170, 255)
MIDDLE_COLOUR: Colour = (154, 164, 175)
"""Of the trunk, and of bones that join the two sides."""


def bone_colour(*names: str) -> Colour:
    """Returns the colour of a joint or a bone: left, right, or middle if it joins the sides or has none.

    Args:
        names: names of the joints, from `SMPL_JOINTS` or `COCO_JOINTS`; one or two.
    """
    sides = {_side(name) for name in names} - {""}
    if sides == {"left"}:
        return LEFT_COLOUR
    return RIGHT_COLOUR if sides == {"right"} else MIDDLE_COLOUR


def _side(name: str) -> str:
    if name.startswith(("left_", "right_")):
        return name.partition("_")[0]
    return {"l": "left", "r": "right"}.get(name[0], "") if name in SMPL_JOINTS and name != "root" else ""


def levels() -> list[list[int]]:
    """Groups the SMPL joints by their depth in the tree, root first: kinematics needs one step per level."""
    depth = [0] * len(SMPL_PARENTS)
    for joint, parent in enumerate(SMPL_PARENTS[1:], start=1):
        depth[joint] = depth[parent] + 1
    return [[j for j, d in enumerate(depth) if d == level] for level in range(max(depth) + 1)]

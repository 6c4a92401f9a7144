"""AMASS and sets in its layout: SMPL, SMPL-H and SMPL-X rotations with a frame rate."""

from __future__ import annotations

import numpy as np

from popdanceset.motion.content import Content, frame_width
from popdanceset.motion.layouts.base import FPS_NAMES, Published, Recording, shaped
from popdanceset.motion.layouts.named import rotations, vectors_of

_SPLIT = ("root_orient", "pose_body")
_HANDS = "the hands are straight: of the model's joints the first 22 are SMPL's"


class Amass(Published):
    """`poses` and `trans` with a rate or a body shape, or `root_orient` and `pose_body`: metres.

    AMASS is z up, but sets in its layout are often y up, so the posture of the body decides.
    """

    name = "AMASS"
    keys = frozenset({"poses", "trans", "betas", "gender", "surface_model_type", *_SPLIT, *FPS_NAMES})
    up = None
    usual_up = "z"

    def fits(self, content: Content) -> bool:
        """Whether there are rotations of SMPL-H or SMPL-X, or marks of AMASS beside them."""
        if content.has(*_SPLIT):
            return True
        if not content.has("poses", "trans"):
            return False
        marks = ("mocap_framerate", "mocap_frame_rate", "betas")
        return content.first(marks) is not None or frame_width(content.arrays["poses"]) in (156, 165)

    def read(self, content: Content) -> Recording:
        """Reads rotations of the body."""
        trans = "trans" if content.has("trans") else None
        if not content.has(*_SPLIT):
            read = rotations(content, "poses", trans, None)
            wide = content.arrays["poses"].size > 72 * len(read.poses if read.poses is not None else ())
            return Recording(
                poses=read.poses, translation=read.translation, notes=read.notes + ((_HANDS,) if wide else ())
            )
        orient = shaped(content.arrays["root_orient"], (1, 3), content)
        body = shaped(content.arrays["pose_body"], (21, 3), content, len(orient))
        poses = vectors_of(np.concatenate([orient, body], axis=1), content)
        if trans is None:
            return Recording(poses=poses, translation=np.zeros((len(poses), 3)), notes=(_HANDS,))
        root = shaped(content.arrays["trans"], (3,), content, len(poses)).astype(np.float64)
        return Recording(poses=poses, translation=root, notes=(_HANDS,))

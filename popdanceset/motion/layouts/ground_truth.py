"""Ground truth of EDGE and of the published PopDanceSet: rotations before a model's own preparation.

Both write `pos` and `q`, with `scale` if the positions are not scaled yet. EDGE's come from AIST++ (60 fps,
y up, divided by one scale); PopDanceSet's from HybrIK (30 fps, axes of the camera, y down, multiplied by
the camera's scale in each frame). Sources: data preparation of EDGE 17c3428 and of POPDG.
"""

from __future__ import annotations

from dataclasses import replace

from popdanceset.motion.content import Content
from popdanceset.motion.joint_motion import mean_body
from popdanceset.motion.layouts.base import Published, Recording, shaped
from popdanceset.motion.layouts.named import rotations
from popdanceset.motion.posture import standing_axis

_KEYS = frozenset({"pos", "q", "scale"})


class EdgeGroundTruth(Published):
    """`pos`, `q` and one `scale`, or `pos` and `q` that were sliced and scaled: 60 fps, y up, metres."""

    name = "EDGE ground truth"
    keys = _KEYS
    fps = 60.0
    up = "y"

    def fits(self, content: Content) -> bool:
        """Whether `pos` and `q` are there, and not those of PopDanceSet."""
        return content.has("pos", "q") and not _of_popdanceset(content)

    def read(self, content: Content) -> Recording:
        """Reads rotations; the translation is divided by the scale."""
        return rotations(content, "q", "pos", "scale")


class PopDanceSetPrepared(Published):
    """`pos`, `q` and a `scale` for each frame: 30 fps, y down, metres after multiplication."""

    name = "PopDanceSet ground truth (prepared)"
    keys = _KEYS
    fps = 30.0
    up = "-y"

    def fits(self, content: Content) -> bool:
        """Whether `pos` and `q` are there, and those of PopDanceSet."""
        return content.has("pos", "q") and _of_popdanceset(content)

    def read(self, content: Content) -> Recording:
        """Reads rotations; the translation is multiplied by the scale."""
        return rotations(content, "q", "pos", "scale", multiply=True)


class PopDanceSetRaw(Published):
    """`transl`, `pred_thetas` and `pred_camera` of HybrIK, whose product is the position: 30 fps, y down."""

    name = "PopDanceSet ground truth"
    keys = frozenset({"transl", "pred_thetas", "pred_camera"})
    fps = 30.0
    up = "-y"

    def fits(self, content: Content) -> bool:
        """Whether HybrIK's rotations and translation are there."""
        return content.has("transl", "pred_thetas")

    def read(self, content: Content) -> Recording:
        """Reads rotations; the translation is multiplied by the camera's scale."""
        camera = content.arrays.get("pred_camera")
        if camera is None:
            read = rotations(content, "pred_thetas", "transl", None)
            return replace(read, notes=("no pred_camera: the translation is not scaled",))
        frames = len(shaped(content.arrays["transl"], (3,), content))
        if camera.size != 3 * frames:
            return rotations(content, "pred_thetas", "transl", "pred_camera", multiply=True)
        scale = shaped(camera, (3,), content, frames)[:, :1]
        of_scale = replace(content, values={**content.values, "pred_camera": scale})
        read = rotations(of_scale, "pred_thetas", "transl", "pred_camera", multiply=True)
        return replace(read, notes=("of pred_camera (s, x, y) the scale s is used",))


def _of_popdanceset(content: Content) -> bool:
    """A scale for each frame, or else a body that stands along −y, but never under a name of AIST++."""
    if content.aist_name:
        return False
    scale = content.arrays.get("scale")
    if scale is not None and scale.size > 1:
        return True
    read = rotations(content, "q", "pos", None)
    assert read.poses is not None
    return standing_axis(mean_body(read.poses, read.poses[:, 0] * 0)) == "-y"

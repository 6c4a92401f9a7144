"""Layouts of motion files: one reader for each, chosen by the arrays in the file.

To add a layout, write a class with the attributes and methods of `Layout` in a file of its own, and add it to
`LAYOUTS` before those that would also fit.
"""

from __future__ import annotations

from popdanceset.errors import InputError
from popdanceset.motion.content import Content
from popdanceset.motion.layouts.aist import AistPlusPlus
from popdanceset.motion.layouts.amass import Amass
from popdanceset.motion.layouts.bailando import Bailando
from popdanceset.motion.layouts.base import FPS_NAMES, Layout, Recording
from popdanceset.motion.layouts.fact import Fact
from popdanceset.motion.layouts.ground_truth import EdgeGroundTruth, PopDanceSetPrepared, PopDanceSetRaw
from popdanceset.motion.layouts.humanml3d import HumanML3D
from popdanceset.motion.layouts.named import Named, Sampler
from popdanceset.motion.layouts.pose_table import PoseTable
from popdanceset.motion.layouts.rotation_6d import Rotation6D
from popdanceset.motion.layouts.smpl_parameters import Gvhmr, SmplParameters
from popdanceset.motion.layouts.unnamed import Unnamed
from popdanceset.motion.layouts.wham import Wham

__all__ = ["KEYS", "LAYOUTS", "Layout", "Recording", "choose"]

LAYOUTS: tuple[Layout, ...] = (
    PoseTable(), Bailando(), Sampler(), AistPlusPlus(), PopDanceSetRaw(), PopDanceSetPrepared(),
    EdgeGroundTruth(), Wham(), Gvhmr(), SmplParameters(), Amass(), HumanML3D(), Named(), Fact(), Rotation6D(),
    Unnamed(),
)  # fmt: skip
"""All layouts; the first that fits a file reads it."""

KEYS = frozenset(
    {*FPS_NAMES, "fps_assumed", "up", "unit", "music", "music_id", "seconds_to_generate", ""}
).union(*(layout.keys for layout in LAYOUTS))
"""Names of the arrays that any layout reads."""


def choose(content: Content) -> tuple[Layout, Recording, tuple[str, ...]]:
    """Reads a motion with the layout of its file.

    Of several people in nested dictionaries, the one with most frames is read.

    Returns:
        The layout, the motion, and what was assumed or left out.

    Raises:
        InputError: no layout fits, or the arrays of the one that does have wrong shapes.
    """
    for layout in LAYOUTS:
        people = [(name, inner) for name, inner in content.groups() if layout.fits(inner)]
        if not people:
            continue
        if people[0][0] == "":
            recording = layout.read(people[0][1])
            return layout, recording, recording.notes
        read = [(name, layout.read(inner)) for name, inner in people]
        name, recording = max(read, key=lambda pair: _frames(pair[1]))
        more = (f"{len(read)} people; {name!r}, who is seen longest, is read",) if len(read) > 1 else ()
        return layout, recording, (*recording.notes, *more)
    raise InputError(
        f"contains no motion; its arrays: {content.describe()}",
        content.path,
        "see the layouts in popdanceset/motion/layouts",
    )


def _frames(recording: Recording) -> int:
    array = recording.poses if recording.joints is None else recording.joints
    return 0 if array is None else len(array)

"""Dances as joint positions: the form in which motions of any source are measured."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popdanceset.errors import InputError
from popdanceset.motion.conventions import Source
from popdanceset.release.reader import Release

Array = NDArray[Any]

FPS = 30.0
"""Frames a second of files and music features that do not state another rate."""


@dataclass(frozen=True, slots=True)
class JointMotion:
    """A dance as positions of its joints.

    Attributes:
        name: of the file without its ending, or of the clip.
        joints: (frames, 24, 3) metres, z up, in the precision of the file.
        fps: frames a second.
        file: name of the file; of the clip if it comes from a release.
        music_name: name of its music, if the file states it; otherwise "".
        seconds_to_generate: time that sampling took; None if unknown.
        source: how the file was read; None if the motion comes from no file.
    """

    name: str
    joints: Array
    fps: float = FPS
    file: str = ""
    music_name: str = ""
    seconds_to_generate: float | None = None
    source: Source | None = None

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return len(self.joints) / self.fps


def mean_body(poses: Array, translation: Array) -> Array:
    """Computes the joints of the mean SMPL body.

    Args:
        poses: (frames, 24, 3) axis-angle, radians, relative to the parents.
        translation: (frames, 3) root, metres.

    Returns:
        (frames, 24, 3) float32 metres, in the axes of the translation.
    """
    from popdanceset.motion.forward_kinematics import forward_kinematics
    from popdanceset.rotations.arrays import axis_angle_to_matrix

    rotations = axis_angle_to_matrix(np.array(poses, np.float64))  # a copy: files may be read-only in memory
    relative = forward_kinematics(rotations)
    return (relative + np.asarray(translation, np.float64)[:, None]).astype(np.float32)


def resampled(motion: JointMotion, fps: float) -> JointMotion:
    """The motion at another frame rate, by linear interpolation of positions."""
    if np.isclose(motion.fps, fps, rtol=1e-6) or len(motion.joints) < 2:
        return motion
    last = len(motion.joints) - 1
    # Rounded, so that a frame at the time of an old frame equals it exactly.
    place = np.round(np.arange(0, last + 1e-9, motion.fps / fps), 6)
    before = np.minimum(place.astype(np.int64), last - 1)
    share = (place - before)[:, None, None]
    joints = motion.joints[before] * (1 - share) + motion.joints[before + 1] * share
    return replace(motion, joints=joints.astype(motion.joints.dtype), fps=fps)


def motions_from_release(release: Release, split: str = "test") -> list[JointMotion]:
    """Reads the motions of a part of a release, on the mean body, as models are trained on them.

    Raises:
        InputError: there is no such part, or it is empty.
    """
    motions = []
    source = Source("release", float(release.fps))
    for clip_id, frames in release.iterate(split, ["smpl_poses", "smpl_trans", "smpl_scaling"]):
        joints = mean_body(frames["smpl_poses"], frames["smpl_trans"] / frames["smpl_scaling"])
        motions.append(JointMotion(clip_id, joints, float(release.fps), file=clip_id, source=source))
    if not motions:
        raise InputError(f"has no clip in its part {split!r}", release.path, "choose another part")
    return motions

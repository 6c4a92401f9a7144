"""One dance with the beats of its music, as the metrics take it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from popdanceset.errors import InputError
from popdanceset.skeleton import SMPL_JOINTS

Floats = np.ndarray[Any, np.dtype[np.floating[Any]]]
Ints = np.ndarray[Any, np.dtype[np.integer[Any]]]


LEAST_FRAMES = 4
"""Least length of a clip: jitter is a third difference."""


@dataclass(frozen=True, eq=False)
class Clip:
    """One dance.

    Attributes:
        name: name in the results; unique in its set.
        joints: (frames, 24, 3) positions of the SMPL joints, metres, z up.
        fps: frames a second, of the joints and of the beats.
        music_beats: frame numbers of the music's beats, from 0; None if there is no music.
        music_id: identifies the music; clips with the same one are dances to the same piece. None if unknown.
        music_frames: length of the music; None takes the length of the motion.
    """

    name: str
    joints: Floats
    fps: float
    music_beats: Ints | None = None
    music_id: str | None = None
    music_frames: int | None = None

    def __post_init__(self) -> None:
        checked(self.joints, self.fps, self.name, LEAST_FRAMES)
        if self.joints.ndim != 3:
            raise InputError(
                f"joints of one clip are (frames, 24, 3), not {self.joints.shape}",
                self.name,
                "give one Clip per dance",
            )


def checked(joints: Floats, fps: float, where: str = "", least: int = 3) -> Floats:
    """Returns the joints, if metrics can be computed from them.

    Args:
        joints: (…, frames, 24, 3) positions, metres.
        fps: frames a second.
        where: the clip's name, for the message.
        least: number of frames that the metric needs.

    Raises:
        InputError: the shape, the data type, the number of frames, a value or `fps` is wrong.
    """
    if joints.ndim < 3 or joints.shape[-2:] != (len(SMPL_JOINTS), 3):
        raise InputError(
            f"joints are (frames, 24, 3), not {joints.shape}", where, "give positions of the 24 SMPL joints"
        )
    if joints.shape[-3] < least:
        raise InputError(
            f"{joints.shape[-3]} frames are too few, {least} are needed", where, "leave this motion out"
        )
    if not np.issubdtype(joints.dtype, np.floating):
        raise InputError(
            f"joints are {joints.dtype}, not floating point", where, "give metres as float32 or float64"
        )
    if not np.isfinite(joints).all():
        frames = np.unique(np.argwhere(~np.isfinite(joints))[:, -3])
        raise InputError(
            f"{len(frames)} frames hold NaN or infinity, the first is {frames[0]}",
            where,
            "repair it or leave it out",
        )
    if not (np.isfinite(fps) and fps > 0):
        raise InputError(f"fps is {fps}", where, "give the frames a second of the motion")
    return joints

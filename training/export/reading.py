"""Reads a dance from a motion file, a pose table or a clip of a release, whatever its layout is."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from popdanceset.errors import InputError
from popdanceset.motion.conventions import Conventions, Source
from popdanceset.motion.files import read_smpl
from popdanceset.motion.joint_motion import JointMotion
from training.export.dance import Dance
from training.motion.inverse_kinematics import fit_rotations

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ReadDance:
    """A dance and where it comes from.

    Attributes:
        dance: rotations and translation of the mean body, z up, metres.
        motion: joints as the file holds them, z up, metres, and how they were read.
    """

    dance: Dance
    motion: JointMotion

    @property
    def source(self) -> Source:
        """How the dance was read."""
        assert self.motion.source is not None
        return self.motion.source


def read_dance(address: str) -> ReadDance:
    """Reads a dance.

    Args:
        address: `FILE` or `RELEASE:CLIP_ID`, with `,fps=60,up=-y,unit=cm,content=poses` where the file does
            not state them.

    Raises:
        InputError: it cannot be read, or contains NaN or infinity.
    """
    name, conventions = Conventions.parse(address)
    path = Path(name)
    if not path.exists() and ":" in name.removeprefix("s3:"):
        if conventions != Conventions():
            raise InputError(
                "a release states its rate, axes and unit", address, "give RELEASE:CLIP_ID alone"
            )
        release, _, clip_id = name.rpartition(":")
        return _from_release(release, clip_id)
    read = read_smpl(path, conventions)
    motion = read.motion
    if not np.isfinite(motion.joints).all():
        bad = int((~np.isfinite(motion.joints).all((1, 2))).sum())
        raise InputError(
            f"{bad} of {len(motion.joints)} frames contain NaN or infinity", path, "repair the motion"
        )
    if read.poses is not None and read.translation is not None:
        poses, translation = read.poses, read.translation
    else:
        poses, translation = fit_rotations(motion.joints), np.asarray(motion.joints[:, 0], np.float64)
    dance = Dance(
        np.asarray(poses, np.float64), np.asarray(translation, np.float64), motion.fps,
        motion.seconds_to_generate,
    )  # fmt: skip
    if read.poses is None:
        error = float(np.linalg.norm(dance.joints - motion.joints, axis=-1).mean())
        assert motion.source is not None
        note = f"rotations fitted to joints, without twist of limbs, to {1000 * error:.1f} mm on average"
        motion = replace(motion, source=replace(motion.source, notes=(*motion.source.notes, note)))
    return ReadDance(dance, motion)


def _from_release(address: str, clip_id: str) -> ReadDance:
    from popdanceset.release.reader import Release

    with Release(address) as release:
        frames = release.frames(clip_id, ["smpl_poses", "smpl_trans", "smpl_scaling"])
        fps = float(release.fps)
    dance = Dance.of_frames(frames, fps)
    return ReadDance(dance, JointMotion(clip_id, dance.joints, fps, clip_id, source=Source("release", fps)))


def at_rate(dance: Dance, fps: float) -> Dance:
    """The dance at another frame rate: rotations by slerp, the root linearly."""
    from scipy.spatial.transform import Rotation

    if np.isclose(dance.fps, fps, rtol=1e-6) or len(dance.poses) < 2:
        return replace(dance, fps=fps)
    before, share = _places(len(dance.poses), dance.fps, fps)
    first, second = (Rotation.from_rotvec(dance.poses[at].reshape(-1, 3)) for at in (before, before + 1))
    step = (first.inv() * second).as_rotvec() * np.repeat(share, 24)[:, None]
    poses = (first * Rotation.from_rotvec(step)).as_rotvec().reshape(-1, 24, 3)
    return replace(dance, poses=poses, translation=linear_at_rate(dance.translation, dance.fps, fps), fps=fps)


def linear_at_rate(values: Any, fps: float, wanted: float) -> Any:
    """Values (frames, …) of a frame rate, interpolated linearly to another."""
    if np.isclose(fps, wanted, rtol=1e-6) or len(values) < 2:
        return values
    before, share = _places(len(values), fps, wanted)
    low, high = values[before], values[before + 1]
    return low + share.reshape(-1, *(1,) * (low.ndim - 1)) * (high - low)


def _places(count: int, fps: float, wanted: float) -> tuple[Any, Any]:
    """For each frame of a wanted rate: the frame before it, and the share of the way to the next."""
    last = count - 1
    place = np.round(np.arange(0, last + 1e-9, fps / wanted), 6)
    before = np.minimum(place.astype(np.int64), last - 1)
    return before, place - before

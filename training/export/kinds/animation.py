"""Files of one motion each: AMASS, BVH, glTF and joints as CSV."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from popdanceset.errors import InputError
from popdanceset.skeleton import SMPL_JOINTS
from training.export.arrays import write_amass
from training.export.bvh import write_bvh
from training.export.gltf import write_glb
from training.export.kinds.base import Array, Clip, File, PerClip, copied
from training.export.reading import at_rate, linear_at_rate


@dataclass(frozen=True)
class Amass(PerClip):
    """Writes `{clip}.npz` in the layout of AMASS.

    Attributes:
        fps: frames a second; None for those of the release.
    """

    fps: float | None = None
    notes = (
        "z up, metres; SMPL-H of mean shape: the path of the root is that of the mean body",
        "the hands are straight: SMPL's two hand joints are not those of SMPL-H and are left out",
    )

    def files(self, clip: Clip) -> Iterator[File]:
        """Yields the file of a clip."""
        dance = at_rate(clip.dance, self.fps or clip.fps)
        yield File(f"{clip.clip_id}.npz", functools.partial(write_amass, dance=dance))


@dataclass(frozen=True)
class Bvh(PerClip):
    """Writes `{clip}.bvh`.

    Attributes:
        fps: frames a second; None for those of the release.
    """

    fps: float | None = None
    notes = ("y up, centimetres; the skeleton has the size of the dancer",)

    def files(self, clip: Clip) -> Iterator[File]:
        """Yields the file of a clip."""
        dance = at_rate(clip.dance, self.fps or clip.fps)
        yield File(f"{clip.clip_id}.bvh", functools.partial(write_bvh, dance=dance))


@dataclass(frozen=True)
class Gltf(PerClip):
    """Writes `{clip}.glb`, and the clip's sound beside it.

    Attributes:
        fps: frames a second; None for those of the release.
    """

    fps: float | None = None
    with_sound = True
    notes = (
        "y up, metres; the skeleton has the size of the dancer",
        "extras of the scene name the clip, and the WAV beside the file",
    )

    def files(self, clip: Clip) -> Iterator[File]:
        """Yields the file of a clip, and its sound."""
        dance = at_rate(clip.dance, self.fps or clip.fps)
        write = functools.partial(write_glb, dance=dance, extras=extras_of(clip))
        yield File(f"{clip.clip_id}.glb", write)
        if clip.sound is not None:
            yield copied(sound_of(clip), clip.sound)


def sound_of(clip: Clip) -> str:
    """Name of a clip's sound, beside its animation."""
    return f"{clip.clip_id}.wav"


def extras_of(clip: Clip) -> Mapping[str, str]:
    """What an animation states about itself."""
    return {"clip_id": clip.clip_id} | ({"sound": sound_of(clip)} if clip.has_sound else {})


@dataclass(frozen=True)
class JointsCsv(PerClip):
    """Writes `{clip}.csv`: a row a frame with the positions of SMPL's 24 joints.

    Attributes:
        fps: frames a second; None for those of the release.
    """

    fps: float | None = None
    columns = ("smpl_trans", "joints3d")
    notes = ("columns frame, time (seconds) and x, y, z of each joint: metres, x right, y forward, z up",)

    def files(self, clip: Clip) -> Iterator[File]:
        """Yields the table of a clip."""
        joints = clip.frames["joints3d"].astype(np.float64)
        places = joints + clip.frames["smpl_trans"].astype(np.float64)[:, None]
        if not len(places) or not np.isfinite(places).all():
            raise InputError("has no joints, or joints that are NaN or infinite")
        fps = self.fps or clip.fps
        places = linear_at_rate(places, clip.fps, fps)
        yield File(f"{clip.clip_id}.csv", functools.partial(_write_csv, places, fps))


def _write_csv(places: Array, fps: float, path: Path) -> None:
    frames = np.arange(len(places))
    names = [f"{joint}_{axis}" for joint in SMPL_JOINTS for axis in "xyz"]
    rows = np.column_stack([frames, frames / fps, places.reshape(len(places), -1)])
    formats = ["%d", *["%.7f"] * (rows.shape[1] - 1)]
    np.savetxt(path, rows, formats, ",", header=",".join(["frame", "time", *names]), comments="")

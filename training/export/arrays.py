"""Dances as numpy arrays, with the names of a release, of the released POPDG code, or of AMASS."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from popdanceset.atomic import atomic_write
from popdanceset.motion.array_pickle import dumps
from training.export.dance import Dance


@dataclass(frozen=True, slots=True)
class Form:
    """What a file states about its motion.

    Attributes:
        up: the axis that points up, of `popdanceset.motion.conventions.UPS`.
        unit: of positions, of `popdanceset.motion.conventions.UNITS`.
        fps_assumed: whether the frame rate is unknown; the file says so, and readers ask for it.
    """

    up: str = "z"
    unit: str = "m"
    fps_assumed: bool = False


RELEASE_FORM = Form()
"""Axes and unit of a release."""


def write_npz(path: Path, dance: Dance, form: Form = RELEASE_FORM) -> None:
    """Writes `smpl_poses` (frames, 24, 3), `smpl_trans` (frames, 3), `joints` (frames, 24, 3), float32, and
    `fps`.

    `seconds_to_generate` is added if it is known; `up` and `unit` if they are not those of a release.
    """
    poses, translation, joints = _in_form(dance, form)
    content: dict[str, Any] = {
        "smpl_poses": poses.astype(np.float32),
        "smpl_trans": translation.astype(np.float32),
        "joints": joints.astype(np.float32),
        "fps": np.float64(dance.fps),
    }
    with atomic_write(path) as file:
        np.savez_compressed(file, **content, **_time(dance), **_axes(form))


def write_pkl(path: Path, dance: Dance, form: Form = RELEASE_FORM) -> None:
    """Writes the format of the released sampler, which published evaluation code reads.

    It has `smpl_poses` (frames, 72), `smpl_trans` (frames, 3) and joint positions `full_pose` (frames, 24,
    3), float32. The rate is written as `fps` if it is not 30. `seconds_to_generate` is added if known; `up`
    and `unit` if they are not those of a release.
    """
    poses, translation, joints = _in_form(dance, form)
    content: dict[str, Any] = {
        "smpl_poses": poses.reshape(-1, 72).astype(np.float32),
        "smpl_trans": translation.astype(np.float32),
        "full_pose": joints.astype(np.float32),
    }
    if dance.fps != 30:
        content["fps"] = float(dance.fps)
    with atomic_write(path) as file:
        file.write(dumps(content | _time(dance) | _axes(form)))


def write_amass(path: Path, dance: Dance, form: Form = RELEASE_FORM) -> None:
    """Writes the layout of AMASS: `poses` (frames, 156) of SMPL-H with straight hands, `trans` (frames, 3),
    `mocap_framerate`, `gender` and `betas` of the mean body, and `up` and `unit`.

    SMPL's two hand joints are left out; `trans` is the position of the root.
    """
    poses, translation, _ = _in_form(dance, form)
    wide = np.zeros((len(poses), 156))
    wide[:, :66] = poses[:, :22].reshape(-1, 66)
    with atomic_write(path) as file:
        np.savez_compressed(
            file,
            poses=wide,
            trans=translation,
            betas=np.zeros(16),
            gender=np.array("neutral"),
            mocap_framerate=np.float64(dance.fps),
            **{"up": form.up, "unit": form.unit} | _axes(form),
        )


def _in_form(dance: Dance, form: Form) -> tuple[Any, Any, Any]:
    """Rotations, translation and joints in the axes and unit of a file."""
    from popdanceset.motion.axes import from_z_up, poses_from_z_up
    from popdanceset.motion.conventions import UNITS

    factor = 1 / UNITS[form.unit]
    return (
        poses_from_z_up(dance.poses, form.up),
        from_z_up(dance.translation, form.up) * factor,
        from_z_up(dance.joints, form.up) * factor,
    )


def _time(dance: Dance) -> dict[str, Any]:
    known = dance.seconds_to_generate
    return {} if known is None else {"seconds_to_generate": float(known)}


def _axes(form: Form) -> dict[str, Any]:
    axes = {} if (form.up, form.unit) == ("z", "m") else {"up": form.up, "unit": form.unit}
    return axes | ({"fps_assumed": 1} if form.fps_assumed else {})

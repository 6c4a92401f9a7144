"""The layout of AIST++: y up, centimetres.

    motions/{clip}.pkl                smpl_poses (frames, 72), smpl_scaling (1,), smpl_trans (frames, 3)
    keypoints3d/{clip}.pkl            keypoints3d and keypoints3d_optim (frames, 17, 3), COCO joints
    splits/crossmodal_{split}.txt     clip ids
    ignore_list.txt                   empty

A scaling of 100 is a body of mean size. AIST++ has 60 frames a second; files of another rate state it as
`fps`, and readers that do not know the entry must be given the rate.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from popdanceset import layout
from popdanceset.motion.array_pickle import dumps
from popdanceset.motion.axes import from_z_up, poses_from_z_up
from training.export.dance import Dance
from training.export.kinds.base import MOTION, Array, Clip, File, Member, PerClip, split_files, text_file
from training.export.reading import at_rate, linear_at_rate

_CM = 100.0
_USUAL_FPS = 60.0


@dataclass(frozen=True)
class Aist(PerClip):
    """Writes the layout of AIST++.

    Attributes:
        fps: frames a second; None for those of the release.
    """

    fps: float | None = None
    columns = (*MOTION, "coco_keypoints3d")

    @property
    def notes(self) -> Sequence[str]:
        """Axes, unit and rate."""
        rate = "the rate of the release" if self.fps is None else f"{self.fps:g} fps, resampled"
        return (
            f"y up, centimetres, {rate}; AIST++ itself has 60 fps. Files of another rate state it as fps",
            "smpl_trans is the position of the root, as POPDG and EDGE take it; smpl_loss is not known",
        )

    def files(self, clip: Clip) -> Iterator[File]:
        """Yields motion and keypoints of a clip."""
        fps = self.fps or clip.fps
        rate = {} if round(fps, 6) == _USUAL_FPS else {"fps": float(fps)}
        dance = at_rate(clip.dance, fps)
        yield File(f"motions/{clip.clip_id}.pkl", functools.partial(_write_motion, dance, rate))
        keypoints = clip.frames["coco_keypoints3d"].astype(np.float64)
        if np.isfinite(keypoints).all():
            placed = keypoints + clip.frames["smpl_trans"].astype(np.float64)[:, None]
            resampled = linear_at_rate(placed, clip.fps, fps)
            yield File(
                f"keypoints3d/{clip.clip_id}.pkl", functools.partial(_write_keypoints, resampled, rate)
            )

    def lists(self, members: Sequence[Member], splits: Sequence[str]) -> Iterator[File]:
        """Yields the splits and an empty list of sequences to ignore."""
        yield from split_files(members, splits, lambda split: layout.split(f"crossmodal_{split}"))
        yield text_file("ignore_list.txt", ())


def _write_motion(dance: Dance, rate: dict[str, float], path: Path) -> None:
    scaling = _CM * dance.scaling
    arrays: dict[str, Array] = {
        "smpl_poses": poses_from_z_up(dance.poses, "y").reshape(-1, 72),
        "smpl_scaling": np.array([scaling]),
        "smpl_trans": from_z_up(dance.translation, "y") * scaling,
    }
    path.write_bytes(dumps({**{name: value.astype(np.float32) for name, value in arrays.items()}, **rate}))


def _write_keypoints(places: Array, rate: dict[str, float], path: Path) -> None:
    values = (from_z_up(places, "y") * _CM).astype(np.float32)
    path.write_bytes(dumps({"keypoints3d": values, "keypoints3d_optim": values, **rate}))

"""Dances as numpy arrays, with the names of a release or of the released POPDG code."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np

from popdanceset.atomic import atomic_write
from training.export.dance import Dance


def write_npz(path: Path, dance: Dance) -> None:
    """Writes `smpl_poses` (frames, 24, 3), `smpl_trans` (frames, 3), `joints` (frames, 24, 3), float32, and
    `fps`.

    `seconds_to_generate` is added if it is known.
    """
    content: dict[str, Any] = {
        "smpl_poses": dance.poses.astype(np.float32),
        "smpl_trans": dance.translation.astype(np.float32),
        "joints": dance.joints.astype(np.float32),
        "fps": np.float64(dance.fps),
    }
    with atomic_write(path) as file:
        np.savez_compressed(file, **content, **_time(dance))


def write_pkl(path: Path, dance: Dance) -> None:
    """Writes the format of the released sampler, which published evaluation code reads.

    It has `smpl_poses` (frames, 72), `smpl_trans` (frames, 3) and joint positions `full_pose` (frames, 24,
    3), float32. The rate is always 30 frames a second and is not written. `seconds_to_generate` is added if
    known.
    """
    content: dict[str, Any] = {
        "smpl_poses": dance.poses.reshape(-1, 72).astype(np.float32),
        "smpl_trans": dance.translation.astype(np.float32),
        "full_pose": dance.joints.astype(np.float32),
    }
    with atomic_write(path) as file:
        pickle.dump(content | _time(dance), file, protocol=4)


def _time(dance: Dance) -> dict[str, Any]:
    known = dance.seconds_to_generate
    return {} if known is None else {"seconds_to_generate": float(known)}

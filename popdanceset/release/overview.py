"""What the figures and the card say about frames and music, gathered clip by clip in little memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from popdanceset.music.baseline import EVENTS, WIDTH
from popdanceset.schema import FPS
from popdanceset.skeleton import SMPL_JOINTS
from popdanceset.tables import Array, fold_column

Doubles = np.ndarray[Any, np.dtype[np.float64]]

BEAT_EXTRACTORS = ("baseline", "baseline-corrected")
"""Extractors whose last column is 1 at a beat, the preferred one first."""

_LEAST_BEATS = 4
_DEGREES = 180


class Overview:
    """Motion energy and tempo of each clip, and how far each joint turns.

    Attributes:
        energies: clip id → mean kinetic energy per mass in J/kg; clips of one frame have none.
        tempos: extractor → clip id → beats a minute; clips with fewer than four beats have none.
        keypoints2d: number of clips with 2D keypoints in every frame.
        clips: number of clips.
    """

    def __init__(self) -> None:
        self.energies: dict[str, float] = {}
        self.tempos: dict[str, dict[str, float]] = {}
        self.keypoints2d = 0
        self.clips = 0
        self._angles = np.zeros((len(SMPL_JOINTS), _DEGREES), np.int64)

    def add_frames(self, clip_id: str, rows: pa.Table) -> None:
        """Adds the frame rows of a clip, schema FRAMES."""
        self.clips += 1
        self.keypoints2d += not rows["coco_keypoints2d"].null_count
        joints = fold_column(rows, "joints3d") + fold_column(rows, "smpl_trans")[:, None]
        if len(joints) > 1:
            self.energies[clip_id] = motion_energy(joints)
        degrees = rotation_angles(fold_column(rows, "smpl_poses"))
        bins = np.minimum(degrees, _DEGREES - 1).astype(np.int64)
        bins += np.arange(bins.shape[1]) * _DEGREES
        self._angles += np.bincount(bins.ravel(), minlength=self._angles.size).reshape(self._angles.shape)

    def add_music(self, clip_id: str, extractor: str, rows: pa.Table) -> None:
        """Adds the music rows of a clip; features without a column of beats are ignored."""
        if extractor not in BEAT_EXTRACTORS or rows["features"].type.list_size != WIDTH:
            return
        found = tempo(fold_column(rows, "features")[:, EVENTS.stop - 1])
        if found is not None:
            self.tempos.setdefault(extractor, {})[clip_id] = found

    def angle_quantile(self, share: float) -> Doubles:
        """Estimates a quantile of each joint's rotation angle, to half a degree.

        Args:
            share: of the frames whose angle is not larger, 0..1.

        Returns:
            (24,) degrees.
        """
        reached = self._angles.cumsum(axis=1)
        wanted = share * reached[:, -1:]
        found: Doubles = (reached < wanted).sum(axis=1) + 0.5
        return found


def motion_energy(joints: Array) -> float:
    """Returns half the mean squared speed of the joints, as if all had the same mass.

    Args:
        joints: (frames, joints, 3) positions in the world, metres, at 30 fps; two frames or more.

    Returns:
        J/kg, which is m²/s².
    """
    velocity = np.diff(joints, axis=0).astype(np.float64) * FPS
    return float(np.einsum("fjc,fjc->", velocity, velocity) / 2 / velocity[..., 0].size)


def rotation_angles(poses: Array) -> Doubles:
    """Returns the angles of rotations, the short way round.

    Args:
        poses: (..., 3) axis-angle, radians.

    Returns:
        (...) degrees, 0..180.
    """
    turns = np.sqrt(np.einsum("...c,...c->...", poses, poses, dtype=np.float64)) / (2 * np.pi)
    angles: Doubles = 360 * np.abs(turns - np.round(turns))
    return angles


def tempo(beats: Array) -> float | None:
    """Returns beats a minute between the first beat and the last, or None if there are fewer than four.

    Args:
        beats: (frames,) above 0.5 at a beat, at 30 fps.
    """
    (places,) = np.nonzero(beats > 0.5)
    if len(places) < _LEAST_BEATS:
        return None
    return float(60 * FPS * (len(places) - 1) / (places[-1] - places[0]))

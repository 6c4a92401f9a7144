"""Beats of music, and which music belongs to which motion."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from popdanceset.errors import InputError
from popdanceset.release.reader import Release
from popdanceset.safe_pickle import read_arrays
from training.motion.joint_motion import FPS, JointMotion

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Music:
    """The beats of a piece of music.

    Attributes:
        name: of the file without its ending, or of the clip.
        beats: (beats,) frames of the beats; None if they are unknown.
        frames: length in frames.
        fps: frames a second.
    """

    name: str
    beats: NDArray[np.int64] | None
    frames: int
    fps: float = FPS


def music_from_folder(folder: Path, fps: float = FPS) -> list[Music]:
    """Reads `.npy` features (frames, width) of a folder, whose last column is 1 at beats and 0 elsewhere.

    Raises:
        InputError: the folder is not readable or empty, or a last column is not a beat track.
    """
    if not folder.is_dir():
        raise InputError("no such folder", folder, "give a folder of .npy music features")
    paths = sorted(path for path in folder.glob("*.npy") if not path.name.startswith("."))
    if not paths:
        raise InputError("contains no music", folder, "give a folder of .npy music features")
    return [_music(path.stem, read_arrays(path).get(""), fps, path) for path in paths]


def music_from_release(release: Release, split: str = "test", extractor: str = "baseline") -> list[Music]:
    """Reads the music of all clips of a part of a release; clips without features have unknown beats.

    Raises:
        InputError: the last column of the features is not a beat track.
    """
    known = extractor in release.extractors
    with_music = set(release.clips_with_music(extractor)) if known else set()
    missing = [clip_id for clip_id in release.clip_ids(split) if clip_id not in with_music]
    if missing:
        _log.warning("%s: %d clips have no %s music features", release.path, len(missing), extractor)
    frames = dict(zip(release.clips["clip_id"].to_pylist(), release.clips["frames"].to_pylist(), strict=True))
    fps = float(release.fps)
    return [
        _music(clip_id, release.music(clip_id, extractor), fps, f"{release.path}: {clip_id}")
        if clip_id in with_music
        else Music(clip_id, None, frames[clip_id], fps)
        for clip_id in release.clip_ids(split)
    ]


def _music(name: str, features: object, fps: float, where: object) -> Music:
    if (
        not isinstance(features, np.ndarray)
        or features.ndim not in (1, 2)
        or features.dtype.kind not in "biuf"
    ):
        raise InputError("not music features", where, "give an array (frames, width)")
    column = features if features.ndim == 1 else features[:, -1]
    if not np.isin(column, (0, 1)).all():
        raise InputError(
            "the last column of the music features is not a beat track: it has values other than 0 and 1",
            where,
            "give the 35-dim baseline features",
        )
    return Music(name, np.flatnonzero(column), len(column), fps)


def paired(motions: Iterable[JointMotion], music: Iterable[Music], where: object) -> list[Music]:
    """Finds the music of each motion by name.

    The file of a motion states its music, or its name contains the name of the music as whole parts between
    underscores or hyphens, as `test_BV1_Clip_1` and `BV1_Clip_1-7` contain `BV1_Clip_1`; the longest such
    name counts.

    Args:
        motions: the motions.
        music: to choose from.
        where: place of the music, for messages.

    Raises:
        InputError: no music fits a motion, or two pieces fit equally well.
    """
    by_parts: dict[tuple[str, ...], Music] = {}
    for piece in music:
        if by_parts.setdefault(_parts(piece.name), piece) is not piece:
            raise InputError(f"two pieces of music are named like {piece.name}", where, "rename one")
    return [_partner(motion, by_parts, where) for motion in motions]


def _parts(name: str) -> tuple[str, ...]:
    return tuple(re.split(r"[_-]", name))


def _partner(motion: JointMotion, by_parts: Mapping[tuple[str, ...], Music], where: object) -> Music:
    for name in filter(None, (motion.music_name, motion.name)):
        parts = _parts(name)
        for length in range(len(parts), 0, -1):
            runs = {parts[start : start + length] for start in range(len(parts) - length + 1)}
            fitting = [by_parts[run] for run in sorted(runs) if run in by_parts]
            if len(fitting) > 1:
                names = " and ".join(piece.name for piece in fitting)
                raise InputError(f"{motion.name} fits {names}", where, "rename the motion")
            if fitting:
                return fitting[0]
    there = sorted(piece.name for piece in by_parts.values())
    some = ", ".join(there[:2]) + (", …" if len(there) > 2 else "")
    raise InputError(
        f"no music fits the motion {motion.name}; available: {some or 'none'}",
        where,
        "put the name of the music into the name of the motion",
    )

"""Beats of music, and which music belongs to which motion."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from popdanceset.errors import InputError
from popdanceset.motion.formats import read_content
from popdanceset.motion.joint_motion import FPS, JointMotion
from popdanceset.release.reader import Release
from popdanceset.safe_pickle import read_arrays

FEATURE_FILES = (".npy", ".npz")
"""Endings of files of music features."""

SONG_FILES = (
    ".mp3", ".wav", ".flac", ".ogg", ".oga", ".opus", ".m4a", ".aac", ".wma", ".aif", ".aiff",
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".flv", ".avi", ".ts",
)  # fmt: skip
"""Endings of files in a folder that are read as songs; a file that is named itself may have any."""

MUSIC_FILES = "music features (.npy or .npz) or songs (.mp3, .wav, .mp4 …)"

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


class KnownMusic(NamedTuple):
    """Pieces that motions are paired with.

    Attributes:
        pieces: to choose from.
        others: to choose from where no piece fits.
        where: place of the music, for messages.
    """

    pieces: Sequence[Music]
    others: Sequence[Music] = ()
    where: object = ""


def music_from_folder(folder: Path, fps: float = FPS) -> list[Music]:
    """Reads the pieces of music in a folder; files of other kinds are ignored.

    A song whose features are in the folder too, under the same name, is not read.

    Raises:
        InputError: the folder is not readable or contains no music; or as `music_from_file`.
    """
    if not folder.is_dir():
        raise InputError("no such folder", folder, f"give a folder of {MUSIC_FILES}")
    paths = sorted(path for path in folder.iterdir() if not path.name.startswith(".") and path.is_file())
    found = [path for path in paths if path.suffix.lower() in FEATURE_FILES]
    known = {path.stem for path in found}
    found += [path for path in paths if path.suffix.lower() in SONG_FILES and path.stem not in known]
    if not found:
        raise InputError("contains no music", folder, f"give a folder of {MUSIC_FILES}")
    return [music_from_file(path, fps) for path in found]


def music_from_file(path: Path, fps: float = FPS) -> Music:
    """Reads a piece of music: features that are known, or a song, whose beats are found as in a release.

    Features are an `.npy` array (frames, width), or an `.npz` archive that `popdanceset features FILE` wrote;
    their last column is 1 at beats and 0 elsewhere.

    Args:
        path: features, or any file with an audio track.
        fps: frames a second of features that do not state it.

    Raises:
        InputError: the file is not readable, the last column of the features is not a beat track, or the
            song is not usable (`popdanceset.music.song.read_song`).
    """
    ending = path.suffix.lower()
    if ending == ".npy":
        return _music(path.stem, read_arrays(path).get(""), fps, path)
    if ending == ".npz":
        return _archived(path, fps)
    from popdanceset.music.song import read_song, song_extractor, song_features

    return _music(path.stem, song_features(read_song(path), song_extractor("baseline")), FPS, path)


def _archived(path: Path, fps: float) -> Music:
    content = read_content(path, ("features", "fps"))
    features = content.first(("features",))
    return _music(
        path.stem, content.single if features is None else features, content.number(("fps",)) or fps, path
    )


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


def paired(motions: Iterable[JointMotion], known: KnownMusic) -> list[Music | None]:
    """Finds the music of each motion by name; None where no piece fits.

    The file of a motion states its music, or its name contains the name of the music as whole parts between
    underscores or hyphens, as `test_BV1_Clip_1` and `BV1_Clip_1-7` contain `BV1_Clip_1`; the longest such
    name counts.

    Args:
        motions: the motions.
        known: the music to choose from.

    Raises:
        InputError: two pieces fit a motion equally well, or have the same name.
    """
    shelves = [_by_parts(pieces, known.where) for pieces in (known.pieces, known.others)]
    return [
        next(
            filter(None, (_partner(motion, by_parts, known.where) for by_parts in shelves)),
            None,
        )
        for motion in motions
    ]


def _by_parts(pieces: Iterable[Music], where: object) -> dict[tuple[str, ...], Music]:
    by_parts: dict[tuple[str, ...], Music] = {}
    for piece in pieces:
        if by_parts.setdefault(_parts(piece.name), piece) is not piece:
            raise InputError(f"two pieces of music are named like {piece.name}", where, "rename one")
    return by_parts


def _parts(name: str) -> tuple[str, ...]:
    return tuple(re.split(r"[_-]", name))


def _partner(motion: JointMotion, by_parts: Mapping[tuple[str, ...], Music], where: object) -> Music | None:
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
    return None

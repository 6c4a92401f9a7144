"""The layout of the published PopDanceSet, so that the released code of POPDG trains on a release.

    motions/{clip}.pkl      transl (frames, 3), pred_thetas (frames, 72), pred_camera (frames, 1)
    wavs/{clip}.wav         the clip's sound, if the store has it
    splits/{split}.txt      clip ids
    high_quality_dataset    training clips that the published list names, or of tier A
    dataset_directory       addresses of the videos
    {split}/{extractor}_feats/{clip}_slice{k}.npy   music features of 150 frames, from frame 15 k on

The released loader multiplies `transl` by `pred_camera`, rotates the position and the root by -90° about x,
and shifts the position by (0, -5, 1). What is written is the inverse of that for the mean body, with a
`pred_camera` of 1, so that the loader arrives at the poses of the release. The camera in the release would be
wrong here: it is another one, and its scale would multiply the position.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from popdanceset.errors import InputError
from popdanceset.motion.array_pickle import dumps
from popdanceset.motion.axes import from_z_up, poses_from_z_up
from training.export.kinds.base import (
    MOTION,
    Array,
    Clip,
    File,
    Member,
    PerClip,
    copied,
    split_files,
    text_file,
)

_SHIFT = np.array([0.0, -5.0, 1.0])
"""By which the released loader moves positions, z up, metres."""

_WINDOW, _STEP = 150, 15
"""Frames of a slice, and from one slice to the next: 5 s every half second at 30 fps."""

_HOW_TO_TRAIN = """
link this folder as its data/popdanceset; copy splits/, train/ and test/ into its data/, and
high_quality_dataset beside data/; run create_dataset.py in data/ without extraction; then run train.py with
--feature_type baseline or jukebox
"""

_ADDRESS = "https://www.bilibili.com/{bvid}"

_NOTES = (
    "30 fps; pred_camera is 1, and transl the position of the mean body as the released loader expects it",
    "features of a slice are cut from those of the clip; the released code computes them from each slice",
    "high_quality_dataset lists training clips of tier A, of imported ones those that their set lists",
    "the released loader uses the clips of that list twice",
    f"to train with the released code: {' '.join(_HOW_TO_TRAIN.split())}",
)


@dataclass(frozen=True)
class Published(PerClip):
    """Writes the published layout.

    Attributes:
        features: extractors whose features are written; None for all of the release.
    """

    features: Sequence[str] | None = None
    columns = MOTION
    with_sound = True
    notes = _NOTES

    def files(self, clip: Clip) -> Iterator[File]:
        """Yields motion, sound and music features of a clip."""
        if round(clip.fps) != 30:
            raise InputError(f"has {clip.fps:g} fps, but the layout 30", clip.clip_id)
        yield File(f"motions/{clip.clip_id}.pkl", functools.partial(_write_motion, clip))
        slices = slices_of(len(clip.dance.poses), _STEP, _WINDOW)
        if clip.sound is not None:
            yield copied(f"wavs/{clip.clip_id}.wav", clip.sound)
            slices = min(slices, _slices_of_sound(clip.sound))
        for extractor, features in clip.features.items():
            folder = f"{clip.member.split}/{extractor}_feats"
            for number in range(min(slices, slices_of(len(features), _STEP, _WINDOW))):
                part = features[number * _STEP :][:_WINDOW]
                name = f"{folder}/{clip.clip_id}_slice{number}.npy"
                yield File(name, functools.partial(_save, part))

    def lists(self, members: Sequence[Member], splits: Sequence[str]) -> Iterator[File]:
        """Yields the splits, the good clips, and the addresses of the videos."""
        yield from split_files(members, splits)
        best = (member.clip_id for member in members if member.high_quality and member.split == "train")
        yield text_file("high_quality_dataset", best)
        videos = dict.fromkeys(m.bvid for m in members if m.bvid.startswith("BV"))
        yield text_file("dataset_directory", (_ADDRESS.format(bvid=bvid) for bvid in videos))


def slices_of(length: int, step: int, window: int) -> int:
    """Number of windows that fit into a length, one every step."""
    return max(0, (length - window) // step + 1)


def _slices_of_sound(path: Path) -> int:
    """Slices that the released code cuts from a sound: it counts samples."""
    import soundfile

    try:
        info = soundfile.info(path)
    except soundfile.LibsndfileError as error:
        raise InputError(f"its sound is not readable: {error}", path, "acquire the video again") from None
    return slices_of(info.frames, int(0.5 * info.samplerate), int(5 * info.samplerate))


def _write_motion(clip: Clip, path: Path) -> None:
    dance = clip.dance
    place = from_z_up(dance.translation - _SHIFT, "-y")
    thetas = poses_from_z_up(dance.poses, "-y").reshape(-1, 72)
    arrays = {"transl": place, "pred_thetas": thetas, "pred_camera": np.ones((len(place), 1))}
    path.write_bytes(dumps({name: value.astype(np.float32) for name, value in arrays.items()}))


def _save(values: Array, path: Path) -> None:
    np.save(path, np.ascontiguousarray(values))

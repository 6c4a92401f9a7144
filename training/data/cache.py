"""Motion vectors and music features of a release as two memory-mapped arrays.

The first reader of a release writes them to a cache folder, clip after clip; a window is then one slice of
each array.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from popdanceset import layout
from popdanceset.errors import InputError
from popdanceset.release.reader import Release
from training.data.representation import WIDTH, encode

Floats = np.ndarray[Any, np.dtype[np.float32]]

_log = logging.getLogger(__name__)

CACHE_VERSION = 1
"""Raise it when the meaning of the cached arrays changes."""


class Span(NamedTuple):
    """Rows of a clip in the cached arrays."""

    clip_id: str
    split: str
    first: int
    frames: int


class Cache(NamedTuple):
    """Arrays of a release on disk.

    Attributes:
        folder: holds `motion.npy` (frames, 156) and `music.npy` (frames, width), both float32.
        spans: the clips with music, in order.
        without_music: number of clips left out because they have no music features.
    """

    folder: Path
    spans: list[Span]
    without_music: int

    def array(self, name: str) -> Floats:
        """One of the arrays, memory-mapped, read-only."""
        array: Floats = np.load(self.folder / f"{name}.npy", mmap_mode="r")
        return array

    def only(self, clip_ids: Collection[str]) -> Cache:
        """The same arrays with some of the clips."""
        return self._replace(spans=[span for span in self.spans if span.clip_id in clip_ids])

    def clips(self, name: str, split: str) -> Iterator[torch.Tensor]:
        """The rows of each clip of a part, with one clip in memory at a time."""
        array = self.array(name)
        for span in self.spans:
            if span.split == split:
                yield torch.from_numpy(np.array(array[span.first : span.first + span.frames]))


def open_cache(release: Release, cache_dir: Path | None = None, extractor: str = "baseline") -> Cache:
    """Open the arrays of a release, and write them first if the cache does not hold them yet.

    The cache is keyed by the content of the release, so a copy or a renamed release finds the same arrays. If
    two processes write them at once, the first to finish wins and the other reads its result.

    Args:
        release: the release.
        cache_dir: folder of the caches; None: the user's cache folder.
        extractor: name of the music features.

    A damaged cache is written again, with a warning.

    Raises:
        InputError: the release has no such music features, the features of a clip do not fit its frames, or
            motion or music contains NaN or infinity.
    """
    spans, without_music = clip_spans(release, extractor)
    root = cache_root(cache_dir)
    folder = root / f"{layout.cache_stem(release.content)}-{extractor}-{CACHE_VERSION}"
    shapes = _shapes(release, spans, extractor)
    damage = _damage(folder, shapes)
    if damage:
        _log.warning("%s is damaged (%s); it is written again", folder, damage)
    if damage or not folder.is_dir():
        try:
            root.mkdir(parents=True, exist_ok=True)
            partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=root))
        except OSError as error:
            raise InputError(f"not writable: {error.strerror}", root, "give another cache folder") from error
        try:
            began = time.perf_counter()
            _fill(partial, release, spans, extractor)
            if damage and _damage(folder, shapes):  # another process may have replaced it meanwhile
                folder.rename(partial / "damaged")
            partial.rename(folder)
            shutil.rmtree(folder / "damaged", ignore_errors=True)
            _log.info(
                "cached %d clips, %d frames in %.1f s",
                len(spans), sum(span.frames for span in spans), time.perf_counter() - began,
            )  # fmt: skip
        except OSError as error:
            if not folder.is_dir() or _damage(folder, shapes):
                raise InputError(
                    f"not writable: {error.strerror}", root, "free space or give another folder"
                ) from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return Cache(folder, spans, without_music)


def cache_root(cache_dir: Path | None) -> Path:
    """The folder of the caches: the given one, or the user's."""
    import platformdirs

    return cache_dir or platformdirs.user_cache_path("popdanceset") / layout.TRAINING_CACHE


def clip_spans(release: Release, extractor: str) -> tuple[list[Span], int]:
    """The clips with music, in order, and the number of the others.

    Raises:
        InputError: the release has no such music features.
    """
    with_music = set(release.clips_with_music(extractor))
    spans, first = [], 0
    rows = release.clips.select(["clip_id", "split", "frames"]).to_pylist()
    for row in rows:
        if row["clip_id"] in with_music:
            spans.append(Span(row["clip_id"], row["split"], first, row["frames"]))
            first += row["frames"]
    return spans, len(rows) - len(spans)


def _shapes(release: Release, spans: list[Span], extractor: str) -> dict[str, tuple[int, int]]:
    """The shapes of the arrays by their names."""
    total = spans[-1].first + spans[-1].frames if spans else 0
    return {"motion": (total, WIDTH), "music": (total, release.info.music[extractor].width)}


def _damage(folder: Path, shapes: dict[str, tuple[int, int]]) -> str:
    """What is wrong with a cache; "" if it is whole or does not exist."""
    if not folder.exists():
        return ""
    for name, shape in shapes.items():
        path = folder / f"{name}.npy"
        try:
            array = np.load(path, mmap_mode="r")
        except (OSError, ValueError, EOFError, SyntaxError) as error:  # numpy parses the header as Python
            return f"{path.name}: {error}".splitlines()[0]
        if array.shape != shape or array.dtype != np.float32:
            return f"{path.name} contains {array.dtype} {array.shape} instead of float32 {shape}"
    return ""


def _fill(folder: Path, release: Release, spans: list[Span], extractor: str) -> None:
    shapes = _shapes(release, spans, extractor)
    motion, music = (
        np.lib.format.open_memmap(folder / f"{name}.npy", "w+", np.float32, shapes[name])
        for name in ("motion", "music")
    )
    for span in spans:
        rows = slice(span.first, span.first + span.frames)
        motion[rows], music[rows] = clip_arrays(release, span, extractor)
    motion.flush()
    music.flush()
    for name in shapes:
        with (folder / f"{name}.npy").open("rb") as file:
            os.fsync(file.fileno())


def clip_arrays(release: Release, span: Span, extractor: str) -> tuple[Floats, Floats]:
    """Motion vectors (frames, 156) and music features (frames, width) of a clip, float32, not scaled.

    Raises:
        InputError: they do not fit each other, or contain NaN or infinity.
    """
    features: Floats = release.music(span.clip_id, extractor)
    vectors = motion_vectors(release, span.clip_id)
    if not len(vectors) == len(features) == span.frames:
        raise InputError(
            f"clip {span.clip_id} has {len(vectors)} frames of motion and {len(features)} of music",
            release.path,
            "fetch or publish the release again",
        )
    for name, values in (("motion", vectors), ("music", features)):
        if not np.isfinite(values).all():
            raise InputError(f"{name} of clip {span.clip_id} contains NaN or infinity", release.path)
    return vectors, features


def motion_vectors(release: Release, clip_id: str) -> Floats:
    """Motion vectors of a clip, (frames, 156) float32, not scaled.

    The position is divided by the scale of the body, so that the mean skeleton, which the model moves,
    touches the floor where the dancer did.
    """
    frames = release.frames(clip_id, ["smpl_poses", "smpl_trans", "smpl_scaling"])
    translation = frames["smpl_trans"] / frames["smpl_scaling"]
    vectors: Floats = encode(torch.tensor(frames["smpl_poses"]), torch.tensor(translation)).numpy()
    return vectors

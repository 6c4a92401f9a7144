"""Windows of motion and music from a release.

They are read from memory-mapped arrays of the whole release (`training.data.cache`), or, if the release is
elsewhere, from its clips as they are needed (`training.data.streaming`).
"""

from __future__ import annotations

import copy
import logging
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from popdanceset.errors import InputError
from popdanceset.release.reader import Release
from popdanceset.release.tiers import clips_reaching
from training.data.cache import Cache, Floats, open_cache
from training.data.music_scaler import MusicScaler
from training.data.representation import MinMaxScaler
from training.data.streaming import LIMIT, StreamedRows

LENGTH = 150
"""Frames of a window: 5 s (paper, Sec. 4)."""

STRIDE = 15
"""Frames between the starts of two windows of a clip: 0.5 s."""

_log = logging.getLogger(__name__)


class DanceWindows(Dataset[dict[str, Any]]):
    """All windows of one part of a release.

    A sample is a dict of

    - `motion` (length, 156) float32: the vectors of `training.data.representation`, scaled to [-1, 1] by
      `scaler`;
    - `music` (length, width) float32: features with mean 0 and deviation 1, scaled by `music_scaler`;
    - `clip_id`, and `start`, the first frame of the window in the clip.

    These are the units that a network is trained on. `gather` returns many windows at once, in the same units
    or unscaled. Contacts are computed on the whole clip: the released code cuts the windows first, so the
    last frame of its windows has no next frame to compare with.

    Every window is part of every epoch of `training.data.shuffled_batches`, whose order depends on the seed
    only: streamed windows are those of a local copy.

    Args:
        release_dir: folder or address of a release.
        split: `train` or `test`.
        length: frames of a window; 150 is 5 s.
        stride: frames between the starts of two windows of a clip; 15 is 0.5 s.
        scaler: of the motion; None: fitted to the whole training part of this release.
        cache_dir: folder of the arrays; None: the user's cache folder.
        extractor: name of the music features.
        music_scaler: of the music; None: fitted to the training part when it is first needed.
        stream: whether clips are fetched when they are needed, into a cache of limited size, instead of all
            at once; None: if the release is not on this machine.
        cache_bytes: largest size of that cache, for all streamed releases together.
        tier: lowest quality tier of the clips, A, B or C; also of those that the scalers are fitted to.
            None: all clips.

    Raises:
        InputError: `release_dir` is not a release, it has no such part or music features, or all clips of the
            part are too short.
    """

    def __init__(
        self,
        release_dir: str | Path,
        split: str,
        length: int = LENGTH,
        stride: int = STRIDE,
        scaler: MinMaxScaler | None = None,
        cache_dir: Path | None = None,
        extractor: str = "baseline",
        music_scaler: MusicScaler | None = None,
        stream: bool | None = None,
        cache_bytes: int = LIMIT,
        tier: str | None = None,
    ) -> None:
        if length < 1 or stride < 1:
            raise InputError(
                f"cannot cut windows of {length} frames every {stride} frames", do="give numbers from 1"
            )
        with Release(release_dir) as release:
            release.clip_ids(split)  # raises if there is no such part
            self.cache: Cache | None = None
            self._streamed: StreamedRows | None = None
            rows: Cache | StreamedRows
            ids = clips_reaching(release.clips, tier, release.path) if tier else frozenset()
            if stream if stream is not None else not release.is_local:
                streamed = StreamedRows(release, cache_dir, extractor, cache_bytes)
                rows = self._streamed = streamed.only(ids, tier) if tier else streamed
            else:
                whole = open_cache(release, cache_dir, extractor)
                rows = self.cache = whole.only(ids) if tier else whole
            self.content, self.tier = release.content, tier
            self.music_width = release.info.music[extractor].width
        self.split, self.length, self.stride, self.extractor = split, length, stride, extractor
        if scaler is None and not any(span.split == "train" for span in rows.spans):
            raise InputError("no training clip has music to fit the scaler to", release_dir, "give a scaler")
        if music_scaler is not None:
            self.music_scaler = music_scaler
        self.clips = [span for span in rows.spans if span.split == split]
        if not self.clips:
            raise InputError(f"no clip of the part {split!r} has music", release_dir, "publish more clips")
        windows = [
            (number, start)
            for number, span in enumerate(self.clips)
            for start in range(0, span.frames - length + 1, stride)
        ]
        self.short = sum(span.frames < length for span in self.clips)
        if not windows:
            longest = max(span.frames for span in self.clips)
            raise InputError(
                f"all {self.short} clips of the part {split!r} are shorter than a window of {length} frames "
                f"(the longest has {longest})",
                release_dir,
                "take a shorter window",
            )
        if self.short:
            _log.warning("%d of %d %s clips are shorter than a window", self.short, len(self.clips), split)
        self._windows = np.array(windows, np.int64)
        self._arrays: tuple[Floats, Floats] | None = None
        self.scaler = scaler or self._fitted()[0]

    @cached_property
    def music_scaler(self) -> MusicScaler:
        """Fitted to the music of the whole training part, unless another one was given."""
        return self._fitted()[1]

    def _fitted(self) -> tuple[MinMaxScaler, MusicScaler]:
        if self._streamed is not None:
            return self._streamed.scalers()
        assert self.cache is not None
        return MinMaxScaler.fit(self.cache.clips("motion", "train")), MusicScaler.fit(
            self.cache.clips("music", "train")
        )

    def with_scalers(self, scaler: MinMaxScaler, music_scaler: MusicScaler) -> DanceWindows:
        """The same windows in the units of other scalers."""
        other = copy.copy(self)
        other.scaler, other.music_scaler = scaler, music_scaler
        return other

    def __len__(self) -> int:
        return len(self._windows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        number, start = self._windows[index]
        motion, music = self.gather(np.array([index]))
        return {
            "motion": motion[0],
            "music": music[0],
            "clip_id": self.clips[number].clip_id,
            "start": int(start),
        }

    def gather(
        self, numbers: np.ndarray[Any, np.dtype[np.int64]], *, scaled: bool = True
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Many windows at once, copied out of the arrays in one go.

        Args:
            numbers: (batch,) of the windows.
            scaled: whether to scale them as the samples of this dataset are; False: motion in the units of
                `training.data.representation` (metres, entries of matrices), music as its extractor made it.

        Returns:
            Motion (batch, length, 156) and music (batch, length, width), float32.
        """
        clip, start = self._windows[numbers].T
        if self._streamed is not None:
            spans = [self.clips[number] for number in clip]
            motion, music = self._streamed.gather(spans, start, self.length)
        else:
            firsts = np.array([span.first for span in self.clips], np.int64)
            rows = (firsts[clip] + start)[:, None] + np.arange(self.length)
            motion, music = (torch.from_numpy(array[rows]) for array in self._mapped())
        return (self.scaler.scale(motion), self.music_scaler(music)) if scaled else (motion, music)

    def _mapped(self) -> tuple[Floats, Floats]:
        if self._arrays is None:
            assert self.cache is not None
            self._arrays = self.cache.array("motion"), self.cache.array("music")
        return self._arrays

    def __getstate__(self) -> dict[str, Any]:
        # A memory map would be copied whole into each worker; the worker opens its own.
        return self.__dict__ | {"_arrays": None}

"""Motion vectors and music features of a release far away: a clip is fetched when a window of it is needed.

Fetched clips stay in a folder of limited size (`training.data.disk_cache`). The order of the windows does not
depend on it: training sees the windows of a local copy, in the same order.
"""

from __future__ import annotations

import copy
import hashlib
import logging
import os
import time
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from popdanceset import layout
from popdanceset.errors import InputError
from popdanceset.locks import locked
from popdanceset.release.reader import Release
from training.data.cache import CACHE_VERSION, Floats, Span, cache_root, clip_arrays, clip_spans
from training.data.disk_cache import DiskCache
from training.data.music_scaler import MusicScaler
from training.data.representation import WIDTH, MinMaxScaler

LIMIT = 10_000_000_000
"""Bytes of the cache; 100 hours take 8.3 GB."""

FETCHERS = 16
"""Clips that are fetched at once: a fetch mostly waits for answers."""

_STREAMED = "streamed"

_log = logging.getLogger(__name__)


class StreamedRows:
    """The rows of a release's clips, fetched when they are needed.

    Threads and processes may share one; a copy in another process opens its own connections.

    Args:
        release: the release; used during construction only.
        cache_dir: folder of the caches; None: the user's cache folder.
        extractor: name of the music features.
        limit: largest size of the cache, bytes.

    Raises:
        InputError: the release has no such music features, or the cache folder is not writable.

    Attributes:
        spans: the clips with music, in order.
        without_music: number of clips left out because they have no music features.
        music_width: number of features in a frame of music.
    """

    def __init__(self, release: Release, cache_dir: Path | None, extractor: str, limit: int = LIMIT) -> None:
        self.spans, self.without_music = clip_spans(release, extractor)
        self.music_width = release.info.music[extractor].width
        self._address, self._extractor, self._content = release.path, extractor, release.content
        # The address too: what a stranger's release says about its content is not checked on the way.
        place = hashlib.sha256(release.path.encode()).hexdigest()[:16]
        stem = layout.cache_stem(release.content)
        self._group = f"{stem}-{_STREAMED}-{place}-{extractor}-{CACHE_VERSION}"
        self._disk = DiskCache(cache_root(cache_dir), limit, f"*-{_STREAMED}-*")
        self._opened: tuple[int, Release, ThreadPoolExecutor] | None = None
        self._scalers = "scalers.npz"

    def only(self, clip_ids: Collection[str], name: str) -> StreamedRows:
        """The same rows with some of the clips, whose scalers are kept under a name of their own."""
        other = copy.copy(self)
        other.spans = [span for span in self.spans if span.clip_id in clip_ids]
        other._scalers, other._opened = f"scalers-{name}.npz", None
        return other

    def gather(
        self, spans: Sequence[Span], starts: np.ndarray[Any, np.dtype[np.int64]], length: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Windows of clips: motion (batch, length, 156) and music (batch, length, width), float32."""
        found = np.empty((len(spans), length, WIDTH + self.music_width), np.float32)
        wanted: dict[Span, list[int]] = {}
        for number, span in enumerate(spans):
            wanted.setdefault(span, []).append(number)

        def fill(span: Span) -> None:
            rows = self._rows(span)
            for number in wanted[span]:
                found[number] = rows[starts[number] : starts[number] + length]

        for _ in self._open()[1].map(fill, wanted):
            pass
        whole = torch.from_numpy(found)
        return whole[..., :WIDTH].contiguous(), whole[..., WIDTH:].contiguous()

    def clips(self, split: str) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Motion and music of each clip of a part, in order; a few clips are fetched ahead."""
        pool = self._open()[1]
        coming = (span for span in self.spans if span.split == split)
        waiting = [pool.submit(self._rows, span) for span in islice(coming, 2 * FETCHERS)]
        while waiting:
            rows = torch.from_numpy(np.array(waiting.pop(0).result()))
            waiting += [pool.submit(self._rows, span) for span in islice(coming, 1)]
            yield rows[:, :WIDTH], rows[:, WIDTH:]

    def scalers(self) -> tuple[MinMaxScaler, MusicScaler]:
        """The scalers of the training part.

        Fitted once, which reads every training clip once; then they are kept beside the clips.

        Raises:
            InputError: no training clip has music.
        """
        path = self._disk.folder / self._group / self._scalers
        with locked(self._disk.folder / ".locks" / self._group):
            saved = _load(path)
            if saved is None:
                began = time.perf_counter()
                _log.info("reads every training clip of %s once, for the scalers", self._address)
                saved = self._fit()
                path.parent.mkdir(parents=True, exist_ok=True)
                _save(path, *saved)
                _log.info("fitted the scalers in %.1f s", time.perf_counter() - began)
        return saved

    def _fit(self) -> tuple[MinMaxScaler, MusicScaler]:
        ranges: list[MinMaxScaler] = []

        def music() -> Iterator[torch.Tensor]:
            for vectors, features in self.clips("train"):
                both = vectors if not ranges else torch.stack([ranges[0].minimum, ranges[0].maximum])
                ranges[:] = [MinMaxScaler.fit([both, vectors])]
                yield features

        music_scaler = MusicScaler.fit(music())
        return ranges[0], music_scaler

    def _rows(self, span: Span) -> Floats:
        """(frames, 156 + width) of a clip."""
        shape = (span.frames, WIDTH + self.music_width)
        rows = self._disk.get(self._group, span.clip_id, shape)
        if rows is None:
            with self._disk.locked_for(self._group, span.clip_id):
                rows = self._disk.get(self._group, span.clip_id, shape)  # another process was faster
                if rows is None:
                    release = self._open()[0]
                    rows = np.concatenate(clip_arrays(release, span, self._extractor), axis=1)
                    self._disk.put(self._group, span.clip_id, rows)
        return rows

    def _open(self) -> tuple[Release, ThreadPoolExecutor]:
        """Connections and threads of this process: after a fork the parent's cannot be used."""
        if self._opened is None or self._opened[0] != os.getpid():
            release = Release(self._address)
            if release.content != self._content:
                raise InputError("changed since it was opened", self._address, "start again")
            self._opened = (os.getpid(), release, ThreadPoolExecutor(FETCHERS, "clips"))
        return self._opened[1:]

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_opened": None}


def _save(path: Path, scaler: MinMaxScaler, music_scaler: MusicScaler) -> None:
    partial = path.with_name(f".{path.name}")
    with partial.open("wb") as file:
        np.savez(
            file,
            minimum=scaler.minimum.numpy(),
            maximum=scaler.maximum.numpy(),
            mean=music_scaler.mean.numpy(),
            deviation=music_scaler.deviation.numpy(),
        )
    partial.replace(path)


def _load(path: Path) -> tuple[MinMaxScaler, MusicScaler] | None:
    import zipfile

    try:
        with np.load(path, allow_pickle=False) as saved:
            low, high, mean, deviation = (
                torch.from_numpy(saved[name]) for name in ("minimum", "maximum", "mean", "deviation")
            )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    return MinMaxScaler(low, high), MusicScaler(mean, deviation)

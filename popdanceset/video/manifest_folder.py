"""What a manifest's folder states about its videos: the manifest, the list of its clips, who dances, and what
reviewers decided."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from popdanceset import layout
from popdanceset.manifest import Manifest, read_manifest
from popdanceset.review.in_force import Reviews, read_reviews
from popdanceset.store import Store
from popdanceset.video.clip_list import Listed, Part, list_clips, read_clip_list
from popdanceset.video.dancers import read_dancers

_FILES = (
    layout.MANIFEST_DOCUMENT,
    layout.MANIFEST_VIDEOS,
    layout.MANIFEST_CLIPS,
    layout.MANIFEST_DANCERS,
    layout.MANIFEST_REVIEWS,
)


@dataclass(frozen=True)
class ManifestFolder:
    """A manifest and what is known of its clips.

    Attributes:
        manifest: its videos.
        listed: clips of earlier plans (`popdanceset.video.clip_list`), whose numbers are kept.
        dancers: who dances where (`popdanceset.video.dancers`), if not the uploader.
        reviews: what reviewers decided on its clips (`popdanceset.review.in_force`).
    """

    manifest: Manifest
    listed: Mapping[Part, Sequence[Listed]] = field(default_factory=dict)
    dancers: Mapping[str, str] = field(default_factory=dict)
    reviews: Reviews = field(default_factory=dict)

    def only(self, bvids: Collection[str]) -> Self:
        """The same with only some of the videos."""
        chosen = set(bvids)
        videos = tuple(video for video in self.manifest.videos if video.bvid in chosen)
        return replace(self, manifest=replace(self.manifest, videos=videos))


_State = tuple[tuple[int, int, int] | None, ...]
_read: dict[Path, tuple[_State, ManifestFolder]] = {}
_lock = threading.Lock()


def read_folder(folder: Path) -> ManifestFolder:
    """Reads a manifest's folder, once a process: again only if one of its files was changed since.

    Several threads may call it. What it returns is shared between them and must not be changed.

    Raises:
        ManifestError: a file is missing, unreadable or contradicts itself.
    """
    path = folder.resolve()
    with _lock:
        state = _state(path)
        if path not in _read or _read[path][0] != state:
            found = ManifestFolder(
                read_manifest(folder), read_clip_list(folder), read_dancers(folder), read_reviews(folder)
            )
            _read[path] = state, found
        return _read[path][1]


@contextlib.contextmanager
def opened_folder(
    folder: Path, store: Store, bvids: Collection[str] | None = None
) -> Iterator[ManifestFolder]:
    """Yields what a manifest's folder states, and keeps its clip list up to date.

    Args:
        bvids: only these of its videos. Then this is part of a run, whose conductor keeps the clip list
            (`clip_list_kept`): a batch would have to read the rows of all the other batches' clips.

    Raises:
        ManifestError, StoreError: as `read_folder` and `popdanceset.video.clip_list.list_clips`.
    """
    if bvids is not None:
        yield read_folder(folder).only(bvids)
        return
    with clip_list_kept(folder, store):
        yield read_folder(folder)


@contextlib.contextmanager
def clip_list_kept(folder: Path, store: Store) -> Iterator[Manifest]:
    """Sweeps the store, and brings a manifest's clip list up to date before and after the block.

    Before it, because a run that was killed did not get that far.

    Raises:
        ManifestError, StoreError: as `read_folder` and `popdanceset.video.clip_list.list_clips`.
    """
    store.sweep()
    manifest = read_folder(folder).manifest
    list_clips(folder, manifest, store)
    yield manifest
    list_clips(folder, manifest, store)


def _state(folder: Path) -> _State:
    """What changes when a file is written: its number on the disk, time and size; None for a missing file."""
    state: list[tuple[int, int, int] | None] = []
    for name in _FILES:
        try:
            found = (folder / name).stat()
        except OSError:
            state.append(None)
        else:
            state.append((found.st_ino, found.st_mtime_ns, found.st_size))
    return tuple(state)

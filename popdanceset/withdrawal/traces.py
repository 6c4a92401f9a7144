"""The proof of a withdrawal: every trace of videos in a store, its releases, manifests and caches.

Names are searched, bytes are searched, and so is what bytes hide: compressed pages and dictionaries of
parquet files, members of archives, files embedded in pages. A tombstone is not a trace.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from popdanceset import layout
from popdanceset.errors import FailedError, StoreError
from popdanceset.store import Store
from popdanceset.withdrawal.caches import machine_folders, training_caches
from popdanceset.withdrawal.releases import concerned
from popdanceset.withdrawal.searching import search_file
from popdanceset.withdrawal.targets import Targets


class Trace(NamedTuple):
    """What is left of a video.

    Attributes:
        bvid: the video; empty if the whole place is derived from videos that cannot be told apart.
        place: file or folder, with the store or folder that holds it.
        what: `name`, `bytes`, `column …`, `table …`, `member …`, `compressed`, `embedded`, `cache` or
            `unreadable`.
        number: how many times.
        release: the release that the place belongs to; empty for other places.
    """

    bvid: str
    place: str
    what: str
    number: int
    release: str = ""

    def __str__(self) -> str:
        times = f" ({self.number} times)" if self.number > 1 else ""
        return f"{self.place}: {self.what}{times}"


def traces(
    store: Store,
    bvids: Iterable[str],
    folders: Iterable[Path] = (),
    *,
    releases: bool = True,
    cache_dir: Path | None = None,
) -> Iterator[Trace]:
    """Yields every trace of some videos.

    Args:
        store: searched as a whole, hidden and unfinished files included.
        bvids: the videos.
        folders: more folders to search: manifests, exports, copies.
        releases: whether to search releases.
        cache_dir: folder of the training caches; None: the user's.

    Raises:
        StoreError: the store cannot be listed.
    """
    targets = Targets(bvids)
    if not targets:
        return
    yield from _in_store(store, targets, releases)
    for folder in (*folders, *machine_folders(store)):
        if folder.is_dir():
            yield from _in_store(Store(folder), targets, True)
    if releases:
        contents = [release.content for release in concerned(store, targets) if release.content]
        for path in training_caches(contents, cache_dir):
            yield Trace("", str(path), "cache", 1)


def check_traces(number: int) -> None:
    """Does nothing if there are no traces.

    Raises:
        FailedError: there are some; exit code 1.
    """
    if number:
        raise FailedError(
            f"{number} traces are left",
            do="run `popdanceset withdraw` again for the store, with --purge-old for older releases",
        )


def _in_store(store: Store, targets: Targets, releases: bool) -> Iterator[Trace]:
    for name, is_file in store.walk():
        parts = PurePosixPath(name).parts
        release = parts[1] if parts[0] == layout.RELEASES and len(parts) > 1 else ""
        if (release and not releases) or _is_tombstone(name, targets):
            continue
        place = f"{store}/{name}"
        for bvid in sorted(targets.named(parts[-1])):
            yield Trace(bvid, place, "name", 1, release)
        if not is_file:
            continue
        try:
            for bvid, what, count in search_file(store, name, targets):
                yield Trace(bvid, place, what, count, release)
        except StoreError:
            if store.exists(name):  # otherwise it was removed while it was searched
                yield Trace("", place, "unreadable", 1, release)


def _is_tombstone(name: str, targets: Targets) -> bool:
    """Whether a file is a tombstone, perhaps of a store below the folder that is searched."""
    stones = (layout.tombstone(bvid) for bvid in targets.ids)
    return any(f"/{name}".endswith(f"/{stone}") for stone in stones)

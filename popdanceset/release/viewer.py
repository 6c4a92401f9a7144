"""The 3D viewer inside a release: pages that open from the disk (`popdanceset.review.static`).

It shows what the release has, and no more: neither films nor sounds, nor titles and names of uploaders.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from popdanceset import layout
from popdanceset.errors import AssetError
from popdanceset.review.release_room import release_row
from popdanceset.review.rooms import ClipList, Media, Motion, Room, worst_first
from popdanceset.review.static import export_static
from popdanceset.review.store_room import stored_beats, stored_motion
from popdanceset.review.vendoring import vendor
from popdanceset.store import Store


class _ComingRelease(Room):
    """The clips of a release that is being written: some of its files still lie in the release before."""

    mode = "show"
    sources: Mapping[str, Any] = {}

    def __init__(self, store: Store, version: str, clips: Iterable[Mapping[str, Any]]) -> None:
        self._store, self.title = store, version
        self._list = ClipList(worst_first(release_row(clip) for clip in clips), "")

    def clips(self) -> ClipList:
        return self._list

    def motion(self, clip_id: str) -> Motion:
        return stored_motion(self._store, clip_id)

    def beats(self, clip_id: str) -> list[float] | None:
        return stored_beats(self._store, clip_id)

    def video(self, clip_id: str) -> Media | None:
        return None

    def audio(self, clip_id: str) -> Media | None:
        return None


def check_viewer() -> None:
    """Does nothing if the viewer's files are installed.

    Raises:
        AssetError: they are not.
    """
    if lacking := vendor.missing():
        raise AssetError(
            f"the viewer lacks {', '.join(lacking)}", vendor.FOLDER, "run `popdanceset review vendor`"
        )


def write_viewer(folder: Path, store: Store, version: str, clips: Iterable[Mapping[str, Any]]) -> None:
    """Writes the viewer into the folder of a release.

    Args:
        folder: of the release that is being written.
        store: with the poses of its clips.
        version: name of the release.
        clips: its rows of RELEASE_CLIPS.

    Raises:
        AssetError: the viewer's files are not installed.
        InputError: the folder is not writable.
    """
    check_viewer()
    export_static(_ComingRelease(store, version, clips), folder / layout.RELEASE_VIEWER)

"""Releases that contain withdrawn videos: which they are, and their deletion."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from popdanceset import layout
from popdanceset.errors import StoreError
from popdanceset.store import Store
from popdanceset.withdrawal.searching import search_file
from popdanceset.withdrawal.targets import Targets

NOTE = """\
# Release {version} was withdrawn

It contained videos that were withdrawn from the dataset after its publication. It was deleted on {day}.

Releases published later do not contain those videos. Please delete copies of this release, and use a
newer one.
{series}"""
SERIES = """
Semantic version: {semantic_version}
"""
"""The line by which later releases count on (`popdanceset.release.versions`)."""


class ConcernedRelease(NamedTuple):
    """A release that contains one of the videos.

    Attributes:
        version: its name.
        content: hash of its content; empty if it is not complete.
        begun: whether its deletion was begun and has to be finished.
    """

    version: str
    content: str
    begun: bool = False


def concerned(store: Store, targets: Targets) -> Iterator[ConcernedRelease]:
    """Yields the releases that contain one of the videos in any file that describes them, in order of names.

    Files of frames and of music are not read: the clip table names every clip. Releases whose deletion was
    begun, or whose publication was stopped, are among them.
    """
    versions: dict[str, list[str]] = {}
    for name, is_file in store.walk(layout.RELEASES):
        parts = PurePosixPath(name).parts
        if is_file and len(parts) > 2:
            versions.setdefault(parts[1], []).append(name)
    for version, names in sorted(versions.items()):
        begun = layout.withdrawal_note(version) in names and len(names) > 1
        if begun or any(_mentions(store, name, targets) for name in sorted(names)):
            yield ConcernedRelease(version, _content(store, version), begun)


def purge(store: Store, version: str, day: str) -> None:
    """Deletes a release and leaves a note in its place.

    The note comes first: from then on the release counts as deleted, and the deletion can be stopped and
    begun again.

    Raises:
        StoreError: the store is not writable.
    """
    note = layout.withdrawal_note(version)
    if not store.exists(note):
        semantic_version = _described(store, version).get("semantic_version")
        series = SERIES.format(semantic_version=semantic_version) if semantic_version else ""
        store.write_bytes(note, NOTE.format(version=version, day=day, series=series).encode())
    store.remove(f"{layout.release(version)}/{layout.RELEASE_INFO}")
    for name, is_file in store.walk(layout.release(version)):
        if not is_file:
            store.remove_folder(name)
        elif name != note:
            store.remove(name)


def _mentions(store: Store, name: str, targets: Targets) -> bool:
    _, _, folder, *rest = PurePosixPath(name).parts
    if rest and folder in (layout.RELEASE_DATA, layout.RELEASE_MUSIC):
        return False
    return bool(targets.named(name)) or next(search_file(store, name, targets), None) is not None


def _content(store: Store, version: str) -> str:
    return str(_described(store, version).get("content", ""))


def _described(store: Store, version: str) -> dict[str, Any]:
    """Returns the description of a release; empty if it is missing or damaged."""
    try:
        info: Any = store.read_json(f"{layout.release(version)}/{layout.RELEASE_INFO}")
    except StoreError:
        return {}
    return info if isinstance(info, dict) else {}

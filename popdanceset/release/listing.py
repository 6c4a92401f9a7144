"""Lists the releases of a store with their state."""

from __future__ import annotations

from typing import NamedTuple

from popdanceset import layout
from popdanceset.errors import PopDanceSetError
from popdanceset.release.info import parse_info
from popdanceset.release.versions import natural, purged
from popdanceset.store import Store

COMPLETE, PURGED, INCOMPLETE, DAMAGED = "complete", "purged", "incomplete", "damaged"


class Listed(NamedTuple):
    """A release of a store.

    Attributes:
        version: its name.
        semantic_version: MAJOR.MINOR.PATCH, if it has one.
        created: day of publication, if known.
        clips, seconds: how much it holds, if known.
        bytes: size of its files. Releases of a local store may share files.
        state: complete; purged (deleted because of a withdrawal); incomplete (its publication was
            interrupted); or damaged (its description is not readable).
        note: what is damaged.
    """

    version: str
    semantic_version: str | None
    created: str | None
    clips: int | None
    seconds: float | None
    bytes: int
    state: str
    note: str = ""


def listing(store: Store) -> list[Listed]:
    """Lists all releases of a store, oldest first; those without a day come last.

    Raises:
        StoreError: the store is not readable.
    """
    sizes: dict[str, int] = {}
    names = store.sizes(layout.RELEASES)
    for name, size in names.items():
        version = name.removeprefix(f"{layout.RELEASES}/").partition("/")[0]
        sizes[version] = sizes.get(version, 0) + size
    gone = purged(store)
    found = [
        _listed(
            store, version, size, version in gone, f"{layout.release(version)}/{layout.RELEASE_INFO}" in names
        )
        for version, size in sizes.items()
    ]
    return sorted(found, key=lambda each: (each.created or "9999", natural(each.version)))


def _listed(store: Store, version: str, size: int, is_purged: bool, is_complete: bool) -> Listed:
    if is_purged or not is_complete:
        return Listed(version, None, None, None, None, size, PURGED if is_purged else INCOMPLETE)
    folder = layout.release(version)
    try:
        info = parse_info(store.read_json(f"{folder}/{layout.RELEASE_INFO}"), f"{store}/{folder}")
    except PopDanceSetError as error:
        return Listed(version, None, None, None, None, size, DAMAGED, error.what)
    counts = info.counts
    return Listed(version, info.semantic_version, info.created, counts.clips, counts.seconds, size, COMPLETE)

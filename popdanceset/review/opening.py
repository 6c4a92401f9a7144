"""Opens the room that a command line asks for."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from popdanceset import genre
from popdanceset.errors import InputError
from popdanceset.manifest import find_manifest
from popdanceset.review.comparison import read_sources
from popdanceset.review.database import ReviewDatabase
from popdanceset.review.decisions import checked_name
from popdanceset.review.in_store import database_path
from popdanceset.review.rooms import Room
from popdanceset.review.store_room import StoreRoom, check_has_clips
from popdanceset.settings import Settings
from popdanceset.store import Store


def open_store_room(
    settings: Settings,
    manifest: str | None = None,
    database: Path | None = None,
    compared: Sequence[str] = (),
    reviewer: str = "",
) -> Room:
    """Opens the room of the store.

    Args:
        settings: with the store.
        manifest: name or folder; None: all videos of the store.
        database: file of the decisions; None: the one inside a local store.
        compared: `NAME=PATH` of other motions of the same clips.
        reviewer: name that the page proposes.

    Raises:
        InputError: the store has no clips, or there is nowhere to keep decisions.
        ManifestError: there is no such manifest.
        StoreError: the store or the database cannot be opened.
    """
    store = Store(settings.store)
    path = database_path(store, database)
    name = checked_name(reviewer) if reviewer else ""
    check_has_clips(store)
    folder = None if manifest is None else find_manifest(manifest, settings)
    genres = genre.names(settings.music.genres)
    sources = read_sources(compared)
    return StoreRoom(store, ReviewDatabase(path), folder, sources, genres, name)


def open_release_room(
    settings: Settings, release: str, with_store: bool = False, compared: Sequence[str] = ()
) -> Room:
    """Opens the room of a release.

    Args:
        settings: with the store.
        release: folder, address, name or semantic version.
        with_store: whether to show titles, films and sounds of the store.
        compared: as for `open_store_room`.

    Raises:
        InputError: there is no such release, or it is damaged.
        StoreError: an address cannot be reached.
    """
    from popdanceset.release.reader import Release
    from popdanceset.release.versions import find_release
    from popdanceset.review.release_room import ReleaseRoom

    store = Store(settings.store)
    found, folder = find_release(store, release)
    opened = Release(f"{found.address.rstrip('/')}/{folder}" if folder else found.address)
    return ReleaseRoom(opened, store if with_store else None, read_sources(compared), store)


def read_token(file: Path | None, variable: str) -> str:
    """Returns the token of a file or, without one, of an environment variable; empty if neither is given.

    Raises:
        InputError: the file is not readable, or empty.
    """
    if file is None:
        return os.environ.get(variable, "").strip()
    try:
        token = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the token is not readable: {error}", file, "give another --token-file") from error
    if not token:
        raise InputError("contains no token", file, "write one into it")
    return token

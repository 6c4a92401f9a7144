"""Versions of releases: which ones a store holds, and what the next one is called."""

from __future__ import annotations

import datetime
import re
from collections.abc import Collection
from typing import NamedTuple

from popdanceset import layout
from popdanceset.errors import InputError
from popdanceset.release.info import ReleaseInfo, parse_info
from popdanceset.store import Store


class PublishedRelease(NamedTuple):
    """A complete release of a store."""

    version: str
    info: ReleaseInfo


def published(store: Store) -> list[PublishedRelease]:
    """Lists all complete releases of a store, oldest first, without those that were purged.

    Raises:
        InputError: the `info.json` of a release is damaged, or of a newer schema version.
    """
    found = []
    gone = purged(store)
    for name in store.list(layout.RELEASES, layout.RELEASE_INFO):
        folder = name.removesuffix(f"/{layout.RELEASE_INFO}")
        version = folder.removeprefix(f"{layout.RELEASES}/")
        if "/" not in version and version not in gone:
            found.append(PublishedRelease(version, parse_info(store.read_json(name), f"{store}/{folder}")))
    return sorted(found, key=lambda release: (release.info.created, natural(release.version)))


def purged(store: Store) -> frozenset[str]:
    """Returns the versions of releases that were deleted because of a withdrawal; only a note is left."""
    names = store.list(layout.RELEASES, layout.WITHDRAWAL_NOTE)
    versions = (name.split("/")[1] for name in names)
    return frozenset(version for version in versions if layout.withdrawal_note(version) in names)


def natural(version: str) -> list[tuple[int, str]]:
    """Returns a sort key that compares numbers by value: `2026.01.02.9` before `2026.01.02.10`."""
    return [(int(part) if part.isdigit() else -1, part) for part in re.split(r"(\d+)", version) if part]


def choose_version(
    releases: list[PublishedRelease],
    wanted: str,
    content: str,
    day: datetime.date,
    purged: Collection[str] = (),
) -> tuple[str, PublishedRelease | None]:
    """Chooses the version to write, or finds the release that already holds the same content.

    Args:
        releases: complete ones, oldest first.
        wanted: version that was asked for; empty: the day, with `.1`, `.2`… if that is taken.
        content: hash of the rows.
        day: of publication.
        purged: versions that are never used again (`purged`).

    Returns:
        The version, and the release if nothing needs to be written.

    Raises:
        InputError: the version asked for exists with other content, or was purged.
    """
    if wanted in purged:
        raise InputError(
            f"release {wanted} was deleted because of a withdrawal, and its name is not used again",
            do="choose another version",
        )
    by_version = {release.version: release for release in releases}
    if wanted:
        existing = by_version.get(wanted)
        if existing and existing.info.content != content:
            raise InputError(
                f"release {wanted} exists with other content, and releases never change",
                do="choose another version",
            )
        return wanted, existing
    if releases and releases[-1].info.content == content:
        return releases[-1].version, releases[-1]
    base = f"{day:%Y.%m.%d}"
    version, number = base, 0
    while version in by_version or version in purged:
        number += 1
        version = f"{base}.{number}"
    return version, None

"""Versions of releases: which ones a store holds, and what the next one is called.

A release has a name, which is the day of its publication unless another one is asked for, and a semantic
version MAJOR.MINOR.PATCH. The first release of a store is 1.0.0. Compared to the newest release before,

- MAJOR is raised if clips or music features were removed, or if anything in a split other than training
  changed: clips added to it, moved into or out of it, or other rows of its clips. Results on the two
  releases are not comparable then.
- MINOR is raised if clips or music features were added, or rows of training clips changed.
- PATCH is raised if the rows are the same and only their description changed: the clip table, the licence.

A release whose newest predecessor was purged raises MAJOR too. Releases of schema versions 1 and 2 have no
semantic version; one that follows them counts on from 1.0.0.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from popdanceset import layout
from popdanceset.errors import InputError
from popdanceset.release.diff import Level
from popdanceset.release.info import ReleaseInfo, parse_info
from popdanceset.store import Store

FIRST = "1.0.0"

_SEMANTIC = re.compile(r"(\d+)\.(\d+)\.(\d+)")
_NOTED = re.compile(r"^Semantic version: (\d+\.\d+\.\d+)\.?$", re.MULTILINE)
_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+-]*")


class PublishedRelease(NamedTuple):
    """A complete release of a store."""

    version: str
    info: ReleaseInfo

    @property
    def folder(self) -> str:
        """Name of its folder in the store."""
        return layout.release(self.version)


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


def newest(store: Store) -> PublishedRelease:
    """Returns the newest release of a store.

    Raises:
        InputError: there is none, or as `published`.
    """
    releases = published(store)
    if not releases:
        raise InputError("nothing has been published yet", store, "run `popdanceset publish`")
    return releases[-1]


def purged(store: Store) -> frozenset[str]:
    """Returns the versions of releases that were deleted because of a withdrawal; only a note is left."""
    names = store.list(layout.RELEASES, layout.WITHDRAWAL_NOTE)
    versions = (name.split("/")[1] for name in names)
    return frozenset(version for version in versions if layout.withdrawal_note(version) in names)


def next_semantic_version(previous: ReleaseInfo | None, level: Level, gone: Collection[str] = ()) -> str:
    """Returns the semantic version of a release that differs from the newest one by a change of this level.

    Args:
        previous: the newest release; None if there is none.
        level: of the change.
        gone: semantic versions of purged releases. If one of them is higher, the release follows that one,
            from which at least the withdrawn clips were removed.

    Raises:
        InputError: the previous semantic version is not MAJOR.MINOR.PATCH.
    """
    if previous is None and not gone:
        return FIRST
    versions = [_parts(version, "a purged release") for version in gone]
    if previous is not None:
        own = _parts(previous.semantic_version or FIRST, previous.version)
        level = Level.MAJOR if any(version > own for version in versions) else level
        versions.append(own)
    else:
        level = Level.MAJOR
    major, minor, patch = max(versions)
    if level == Level.MAJOR:
        return f"{major + 1}.0.0"
    return f"{major}.{minor + 1}.0" if level == Level.MINOR else f"{major}.{minor}.{patch + 1}"


def purged_semantic_versions(store: Store) -> list[str]:
    """Returns the semantic versions of purged releases, as far as the notes in their place state them."""
    found = []
    for version in sorted(purged(store)):
        note = store.read_bytes(layout.withdrawal_note(version)).decode("utf-8", "replace")
        found += [match[1] for match in _NOTED.finditer(note)]
    return found


def _parts(semantic_version: str, where: str) -> tuple[int, int, int]:
    match = _SEMANTIC.fullmatch(semantic_version)
    if not match:
        raise InputError(
            f"its semantic version {semantic_version!r} is not MAJOR.MINOR.PATCH",
            where,
            "fetch or publish the release again",
        )
    return int(match[1]), int(match[2]), int(match[3])


def find_release(store: Store, name: str) -> tuple[Store, str]:
    """Finds a release by its folder, its address, its name in a store, or its semantic version.

    Args:
        store: searched for names and semantic versions.
        name: as the user gave it.

    Returns:
        A store and the release's folder in it ("" if the store is the release itself).

    Raises:
        InputError: there is no such release, or it is incomplete.
    """
    if "://" in name or Path(name).expanduser().joinpath(layout.RELEASE_INFO).is_file():
        own = Store(name)
        if not own.exists(layout.RELEASE_INFO):
            raise InputError(
                f"is not a complete release: {layout.RELEASE_INFO} is missing", own, "check the address"
            )
        return own, ""
    if name in purged(store):
        raise InputError(
            "was deleted because videos in it were withdrawn",
            f"{store}/{layout.release(name)}",
            "use another",
        )
    if _NAME.fullmatch(name):
        if store.exists(f"{layout.release(name)}/{layout.RELEASE_INFO}"):
            return store, layout.release(name)
        for release in reversed(published(store)):
            if release.info.semantic_version == name:
                return store, layout.release(release.version)
    if name in purged(store):
        raise InputError(
            f"release {name!r} was deleted because videos in it were withdrawn", store, "use a newer release"
        )
    known = ", ".join(release.version for release in published(store)) or "none"
    raise InputError(f"there is no release {name!r}", store, f"give a folder, an address or one of: {known}")


def natural(version: str) -> list[tuple[int, str]]:
    """Returns a sort key that compares numbers by value: `2026.01.02.9` before `2026.01.02.10`."""
    return [(int(part) if part.isdigit() else -1, part) for part in re.split(r"(\d+)", version) if part]


def choose_version(
    releases: list[PublishedRelease],
    wanted: str,
    content: str,
    license_name: str,
    day: datetime.date,
    purged: Collection[str] = (),
) -> tuple[str, PublishedRelease | None]:
    """Chooses the version to write, or finds the release that already holds the same content.

    Args:
        releases: complete ones, oldest first.
        wanted: version that was asked for; empty: the day, with `.1`, `.2`… if that is taken.
        content: hash of the rows.
        license_name: licence of the data.
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
        if existing and not _same(existing, content, license_name):
            raise InputError(
                f"release {wanted} exists with other content, and releases never change",
                do="choose another version",
            )
        return wanted, existing
    if releases and _same(releases[-1], content, license_name):
        return releases[-1].version, releases[-1]
    base = f"{day:%Y.%m.%d}"
    version, number = base, 0
    while version in by_version or version in purged:
        number += 1
        version = f"{base}.{number}"
    return version, None


def _same(release: PublishedRelease, content: str, license_name: str) -> bool:
    return release.info.content == content and release.info.license == license_name

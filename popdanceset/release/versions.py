"""Names of releases, and what is already published."""

from __future__ import annotations

import datetime
import re
from typing import Any, NamedTuple

from popdanceset.errors import InputError
from popdanceset.store import Store

FOLDER = "releases"
INFO = "meta/info.json"


class Published(NamedTuple):
    """A complete release of a store."""

    version: str
    info: dict[str, Any]


def published(store: Store) -> list[Published]:
    """All complete releases, oldest first."""
    found = []
    for name in store.list(FOLDER, INFO):
        version = name.removeprefix(f"{FOLDER}/").removesuffix(f"/{INFO}")
        if "/" not in version:
            found.append(Published(version, store.read_json(name)))
    return sorted(found, key=lambda release: (str(release.info.get("created")), natural(release.version)))


def natural(version: str) -> list[tuple[int, str]]:
    """Sorts names by the numbers in them: `2026.01.02.9` before `2026.01.02.10`."""
    return [(int(part) if part.isdigit() else -1, part) for part in re.split(r"(\d+)", version) if part]


def choose_version(
    releases: list[Published], wanted: str, content: str, day: datetime.date
) -> tuple[str, Published | None]:
    """The version to be written, or the release that holds the same content already.

    Args:
        releases: complete ones, oldest first.
        wanted: version that was asked for; empty: the day, with `.1`, `.2`… where that is taken.
        content: hash of the rows.
        day: of publication.

    Returns:
        Its version, and the release if nothing needs to be written.

    Raises:
        InputError: the version asked for exists with other content.
    """
    by_version = {release.version: release for release in releases}
    if wanted:
        existing = by_version.get(wanted)
        if existing and existing.info.get("content") != content:
            raise InputError(
                f"release {wanted} exists with other content, and releases never change",
                do="choose another version",
            )
        return wanted, existing
    if releases and releases[-1].info.get("content") == content:
        return releases[-1].version, releases[-1]
    base = f"{day:%Y.%m.%d}"
    version, number = base, 0
    while version in by_version:
        number += 1
        version = f"{base}.{number}"
    return version, None

"""Compares the files of a release with the checksums in `croissant.json`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from popdanceset import layout
from popdanceset.errors import StoreError
from popdanceset.progress import Advance
from popdanceset.release.limits import DOCUMENT_BYTES, is_inside
from popdanceset.release.reader import Release
from popdanceset.release.validation.faults import Faults
from popdanceset.store import Store

PIECE = 8 << 20
"""Bytes that are in memory at once."""

_SHA256 = re.compile("[0-9a-f]{64}")


def check_files(store: Store, release: Release, faults: Faults, advance: Advance) -> tuple[int, int]:
    """Compares every file with its checksum and size; names files that are listed nowhere.

    Returns:
        Number and bytes of the files that were read.
    """
    listed = dict(_listed(store.read_json(layout.CROISSANT, DOCUMENT_BYTES), faults))
    needed = {*release.files, layout.CARD, layout.RELEASE_INFO, layout.RELEASE_STATS}
    needed |= {split.file for split in release.info.splits.values()}
    for name in sorted(needed - listed.keys()):
        faults.add(layout.CROISSANT, f"does not list {name}")
    for name in sorted(_present(store) - listed.keys() - {layout.CROISSANT}):
        faults.add(name, f"is not listed in {layout.CROISSANT}")
    total = 0
    for name, (checksum, size) in listed.items():
        with faults.collecting():
            found, read = _checksum(store, name, size)
            total += read
            if read != size and size is not None:
                faults.add(name, f"has {read} bytes instead of the {size} that {layout.CROISSANT} states")
            elif found != checksum:
                faults.add(name, f"has another SHA-256 than {layout.CROISSANT} states: {found}")
        advance(1, name)
    return len(listed), total


def _listed(document: Any, faults: Faults) -> Iterator[tuple[str, tuple[str, int | None]]]:
    """Yields name → checksum and size of the files that Croissant metadata lists."""
    objects = document.get("distribution") if isinstance(document, dict) else None
    if not isinstance(objects, list):
        faults.add(layout.CROISSANT, "lists no files")
        return
    for item in objects:
        if not isinstance(item, dict) or item.get("@type") != "cr:FileObject":
            continue
        name, checksum = item.get("contentUrl"), item.get("sha256")
        if not isinstance(name, str) or not is_inside(name):
            faults.add(layout.CROISSANT, f"names a file outside the release: {str(name)[:200]!r}")
        elif not isinstance(checksum, str) or not _SHA256.fullmatch(checksum):
            faults.add(layout.CROISSANT, f"states no SHA-256 of {name}")
        else:
            size = re.fullmatch(r"(\d{1,18}) B", str(item.get("contentSize")))
            yield name, (checksum, int(size[1]) if size else None)


def _present(store: Store) -> set[str]:
    """The files that exist; none where a server does not list its folders."""
    try:
        names = {name for name, is_file in store.walk() if is_file}
    except StoreError:
        return set()
    return {name for name in names if not any(part.startswith(".") for part in PurePosixPath(name).parts)}


def _checksum(store: Store, name: str, size: int | None) -> tuple[str, int]:
    digest = hashlib.sha256()
    with store.open_read(name) as file:
        own = int(file.size())
        if size is not None and own != size:
            return "", own
        while piece := file.read(PIECE):
            digest.update(piece)
    return digest.hexdigest(), own

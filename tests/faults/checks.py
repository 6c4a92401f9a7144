"""What is checked after every fault: nothing lost or doubled, the same release, a reason for every loss.

Each function returns what it found, as lines; none means that all is well.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pyarrow as pa

from popdanceset import layout
from popdanceset.atomic import PARTIAL
from popdanceset.schema import CLIPS, FOLLOWERS, FRAMES, SELECTION, STATISTICS, VERDICTS, VIDEOS
from popdanceset.store import Store
from tests.faults.chain import MANIFEST, VERSION

STATES_TIMES = (
    layout.RELEASE_INFO,
    f"{layout.RELEASE_MANIFEST}/{layout.MANIFEST_DOCUMENT}",
    f"{layout.RELEASE_MANIFEST}/{layout.MANIFEST_VIDEOS}",
    layout.CARD,
    layout.CHANGELOG,
    layout.CROISSANT,
)
"""Files of a release that state when it was made or the statistics were taken, the id of the fit made from
them, or the checksum of such a file. They are compared without those; all others byte for byte."""

RELEASE = layout.release(VERSION)
_OF_A_RUN = (layout.BUDGET, layout.LEDGER, layout.FITS)
"""Folders whose names are those of runs, or of fits."""

_MOMENT = re.compile(rb"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?\+00:00)?")
_SIZE = re.compile(rb'"contentSize": "[^"]*"')

KEYS: dict[str, tuple[str, pa.Schema, tuple[str, ...]]] = {
    "statistics": (layout.STATISTICS, STATISTICS, ("bvid", "source")),
    "followers": (layout.FOLLOWERS, FOLLOWERS, ("mid",)),
    "selection": (layout.selection(MANIFEST), SELECTION, ("bvid",)),
    "videos": (layout.VIDEOS, VIDEOS, ("bvid", "page")),
    "clips": (layout.CLIPS, CLIPS, ("bvid", "page", "clip_id", "start", "end", "reason")),
    "verdicts": (layout.VERDICTS, VERDICTS, ("clip_id",)),
    "frames": (layout.POSES, FRAMES, ("clip_id", "frame_index")),
}
"""What identifies a row of each table: no two rows share it."""


def lost(store: Store, undisturbed: Store) -> list[str]:
    """Rows and files that the undisturbed world has and this one does not."""
    return [
        *(f"{table}: {key}" for table, key in _missing(undisturbed, store)),
        *(f"file {name}" for name in sorted(_names(undisturbed) - _names(store))),
    ]


def doubled(store: Store, undisturbed: Store) -> list[str]:
    """Rows that are there twice, and rows and files that the undisturbed world does not have."""
    return [
        *(f"{table}: {key} {n} times" for table in KEYS for key, n in _rows(store, table).items() if n > 1),
        *(f"{table}: {key} is new" for table, key in _missing(store, undisturbed)),
        *(f"file {name} is new" for name in sorted(_names(store) - _names(undisturbed))),
    ]


def release_differences(store: Store, undisturbed: Store) -> list[str]:
    """Files of the release that differ from those of the undisturbed world."""
    here, there = _release(store), _release(undisturbed)
    return [name for name in sorted(here.keys() | there.keys()) if here.get(name) != there.get(name)]


def without_reason(store: Store) -> list[str]:
    """Rows that are not accepted, and state no reason."""
    tables = (
        (layout.SELECTION, SELECTION, "bvid"),
        (layout.VIDEOS, VIDEOS, "bvid"),
        (layout.CLIPS, CLIPS, "clip_id"),
    )
    return [
        f"{folder}: {row[key]}"
        for folder, schema, key in tables
        for row in store.read_table(folder, schema, [key, "accepted", "reason"]).to_pylist()
        if row["accepted"] == bool(row["reason"])
    ]


def leftovers(store: Store) -> list[str]:
    """Unfinished files, and claims and leases of processes that have ended."""
    names = [name for name, is_file in store.walk() if is_file]
    claims = layout.claim_lock("").rstrip("/")
    folders = tuple(f"{folder}/" for folder in (layout.SCRATCH, layout.CLAIMS, claims, layout.LEASES))
    return [name for name in names if PARTIAL in name or name.startswith(folders)]


CHECKS: dict[str, Callable[[Store, Store], list[str]]] = {
    "lost": lost,
    "doubled": doubled,
    "differs in the release": release_differences,
    "without a reason": lambda store, _: without_reason(store),
    "left over": lambda store, _: leftovers(store),
}


def findings(store: Store, undisturbed: Store) -> dict[str, list[str]]:
    """Makes all checks; returns those that found something."""
    found = {name: check(store, undisturbed) for name, check in CHECKS.items()}
    return {name: lines for name, lines in found.items() if lines}


def _rows(store: Store, table: str) -> Counter[tuple[Any, ...]]:
    name, schema, key = KEYS[table]
    rows = store.read_table(name, schema, list(key))
    return Counter(zip(*(rows[column].to_pylist() for column in key), strict=True))


def _missing(of: Store, store: Store) -> Iterator[tuple[str, tuple[Any, ...]]]:
    for table in KEYS:
        present = _rows(store, table)
        yield from ((table, key) for key in _rows(of, table) if key not in present)


def _names(store: Store) -> set[str]:
    """The files of a store, but for those of runs."""
    names = (name for folder in layout.FOLDERS if folder not in _OF_A_RUN for name in store.list(folder))
    return set(names)


def _release(store: Store) -> dict[str, str]:
    """Checksums of the files of a release, of those that state times without them."""
    files = {name.removeprefix(f"{RELEASE}/"): store.read_bytes(name) for name in store.list(RELEASE)}
    fit = json.loads(files[layout.RELEASE_INFO])["source"]["model"]["name"] if files else ""
    hidden = [fit.encode(), *(hashlib.sha256(files[name]).hexdigest().encode() for name in _present(files))]
    for name in _present(files):
        text = _SIZE.sub(b"SIZE", _MOMENT.sub(b"MOMENT", files[name]))
        for word in hidden:
            # YAML quotes an id that looks like a number.
            text = text.replace(b"'%s'" % word, word).replace(word, b"HIDDEN")
        files[name] = text
    return {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}


def _present(files: Iterable[str]) -> list[str]:
    return [name for name in STATES_TIMES if name in files]

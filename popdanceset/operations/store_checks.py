"""Checks of the store: it can be written to, its clock agrees with ours, and there is space."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from datetime import UTC, datetime

from popdanceset import layout
from popdanceset.operations.findings import Finding, failed, ok, warning
from popdanceset.operations.status import free_bytes
from popdanceset.operations.status_text import size, span
from popdanceset.settings import Settings
from popdanceset.store import Store

MOST_SKEW = 60.0
"""Seconds by which the clocks may differ: claims of other machines expire after a minute."""


def writable(settings: Settings) -> Finding:
    """Writes a file into the store, moves another one over it, removes it, and creates it as a claim."""
    store = Store(settings.store)
    name = layout.probe(secrets.token_hex(8))
    try:
        store.write_bytes(name, b"first")
        with store.scratch() as folder:
            second = folder / "probe"
            second.write_bytes(b"second")
            store.put(second, name)
        if store.read_bytes(name) != b"second":
            return failed(
                "a file that was replaced has its old content", "use a consistent store", str(store)
            )
        store.remove(name)
        if [store.create(name, data) is not None for data in (b"one worker", b"another")] != [True, False]:
            return failed(
                "two writers can both create a file: the store ignores conditional writes (If-None-Match)",
                "use a server that heeds them, or one worker only",
                str(store),
            )
    finally:
        store.remove(name)
    return ok(f"{store} can be written to, also by several workers")


def clock(settings: Settings) -> Finding:
    """Compares this machine's clock with the time at which the store says a file was written."""
    store = Store(settings.store)
    name = layout.probe(secrets.token_hex(8))
    try:
        before = datetime.now(UTC)
        store.write_bytes(name, b"now")
        written, after = store.modified(name), datetime.now(UTC)
    finally:
        store.remove(name)
    if written.year < 2000:
        return warning(f"{store} does not say when a file was written", "compare the clocks yourself")
    # Object stores round down to seconds.
    skew = max((before - written).total_seconds() - 1, (written - after).total_seconds(), 0.0)
    if skew > MOST_SKEW:
        direction = "behind" if written > after else "ahead of"
        return failed(
            f"the clock of this machine is {span(skew)} {direction} the store's",
            "synchronise the clocks, for instance with chrony",
            str(store),
        )
    return ok(f"differs from the store's by less than {max(skew, 1):.0f} s")


def space(settings: Settings) -> Finding:
    """Compares the free space with `download.min_free`."""
    store = Store(settings.store)
    free, place = free_bytes(store), str(store)
    if free is None:
        place = tempfile.gettempdir()
        free = shutil.disk_usage(place).free
    need = settings.download.min_free
    if free < need:
        return failed(
            f"{size(free)} free, and download.min_free keeps {size(need)}",
            "free some space, or set download.min_free lower",
            place,
        )
    if free < 10 * need:
        return warning(f"only {size(free)} free", "plan for more: `popdanceset plan` says how much", place)
    return ok(f"{size(free)} free in {place}")

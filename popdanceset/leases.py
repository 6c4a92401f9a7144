"""Leases: who may work on something in a store, while that one is alive. For stores without locks.

A lease is a small file. Its owner creates it (`Store.create`), renews it by compare and swap, and removes it
at the end. An owner that dies stops renewing, and another one takes the lease over by compare and swap; so of
two who try, one succeeds. An owner that was only presumed dead (stopped for a minute, cut off from the
network) learns at its next renewal that it has lost the lease, and must not write: ask `holds` before
writing.

Clocks of different machines may differ, and clocks jump. A lease has expired when its file has not changed
for its length on the observer's own monotonic clock, or when it ended long ago by the wall clock (`SKEW`).
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from popdanceset.errors import StoreError

log = logging.getLogger(__name__)

LEASE = 60.0
"""Seconds for which a lease holds without being renewed."""

SKEW = 300.0
"""Seconds by which the clocks of two machines may differ."""

POLL = 1.0
"""Seconds between two looks at a lease of somebody else."""


class Versioned(Protocol):
    """What leases need of a store: `popdanceset.store.Store` has it."""

    def create(self, name: str, data: bytes) -> str | None: ...
    def read_version(self, name: str) -> tuple[bytes, str] | None: ...
    def replace(self, name: str, data: bytes, version: str) -> str | None: ...
    def drop(self, name: str) -> None: ...


@dataclass
class _Held:
    version: str
    renewed: float


class Leases:
    """The leases of one owner on files of a store. Any thread may use them; one thread renews them all.

    Args:
        store: holds the files.
        lease: seconds for which a lease of this owner counts after its last renewal.
        clock: returns seconds since the epoch.
        monotonic: returns seconds since any moment.
    """

    def __init__(
        self,
        store: Versioned,
        lease: float = LEASE,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._lease, self._clock, self._monotonic = store, lease, clock, monotonic
        self._host = socket.gethostname()
        self.owner = f"{self._host}:{os.getpid()}:{secrets.token_hex(4)}"
        self._held: dict[str, _Held] = {}
        self._seen: dict[str, tuple[str, float]] = {}  # name → version of another owner, since when
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._renewals = 0

    def __enter__(self) -> Leases:
        self._renewal = threading.Thread(target=self._renew_all, name="leases", daemon=True)
        self._renewal.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._renewal.join()
        for name in list(self._held):
            try:
                self.release(name)
            except StoreError as error:  # it expires by itself
                log.warning("lease not released: %s", error)

    def take(self, name: str) -> bool:
        """Takes a lease; returns false if another owner, or this one, has it.

        Raises:
            StoreError: the store is not writable, or has no conditional writes.
        """
        with self._lock:
            if name in self._held:
                return False
        asked = self._monotonic()
        version = None if name in self._seen else self._store.create(name, self._document())
        if version is None and (found := self._store.read_version(name)) is None:
            version = self._store.create(name, self._document())
        elif version is None and found is not None and self._has_expired(name, *found):
            version = self._store.replace(name, self._document(), found[1])
            if version is not None:
                log.warning("%s: taken over from %s, who no longer renews it", name, _owner(found[0]))
        if version is None:
            return False
        with self._lock:
            self._seen.pop(name, None)
            self._held[name] = _Held(version, asked)
        return True

    def holds(self, name: str) -> bool:
        """Returns whether this owner still has a lease, for at least half of its length from now on.

        Raises:
            StoreError: the store cannot be asked.
        """
        with self._lock:
            held = self._held.get(name)
            if held is None:
                return False
            return self._monotonic() - held.renewed < self._lease / 2 or self._renew(name, held)

    def release(self, name: str) -> None:
        """Gives a lease back; does nothing if this owner does not have it.

        Raises:
            StoreError: the store is not writable.
        """
        # Nobody else takes it over while the file is removed, for it holds for a while.
        with self._lock:
            if self.holds(name):
                del self._held[name]
                self._store.drop(name)

    def other(self, name: str) -> str:
        """Returns who has a lease; empty if nobody has."""
        found = self._store.read_version(name)
        return _owner(found[0]) if found else ""

    def _has_expired(self, name: str, data: bytes, version: str) -> bool:
        now = self._monotonic()
        seen, since = self._seen.get(name, ("", now))
        if seen != version:
            since = now
        self._seen[name] = (version, since)
        document = _parsed(data)
        length, until = document.get("lease"), document.get("until")
        if not isinstance(length, int | float) or not isinstance(until, int | float):
            return True  # not a lease
        return now - since > length or until + SKEW < self._clock()

    def _document(self) -> bytes:
        self._renewals += 1
        document = {"owner": self.owner, "host": self._host, "lease": self._lease}
        # The number makes every version another, whatever the clock does.
        return json.dumps(
            document | {"until": self._clock() + self._lease, "renewal": self._renewals}
        ).encode()

    def _renew(self, name: str, held: _Held) -> bool:
        asked = self._monotonic()
        version = self._store.replace(name, self._document(), held.version)
        if version is None:
            del self._held[name]
            log.warning("%s: this process was presumed dead, and another one took its lease over", name)
            return False
        held.version, held.renewed = version, asked
        return True

    def _renew_all(self) -> None:
        while not self._stop.wait(self._lease / 3):
            for name in list(self._held):
                with self._lock:
                    try:
                        if held := self._held.get(name):
                            self._renew(name, held)
                    except StoreError as error:
                        log.warning("lease not renewed: %s", error)


class Lease:
    """One lease that is held.

    Args:
        leases: of its owner.
        name: of its file.
    """

    def __init__(self, leases: Leases, name: str) -> None:
        self._leases, self._name = leases, name

    def held(self) -> bool:
        """Returns whether it still is, as `Leases.holds`."""
        return self._leases.holds(self._name)


@contextlib.contextmanager
def leased(store: Versioned, name: str) -> Iterator[Lease]:
    """Waits until no other owner, on any machine, has a lease, and has it for the block.

    Raises:
        StoreError: the store is not writable, or has no conditional writes.
    """
    with Leases(store) as leases:
        waiting = False
        while not leases.take(name):
            if not waiting:
                log.warning("%s: waiting for %s", name, leases.other(name))
            waiting = True
            time.sleep(POLL)
        yield Lease(leases, name)


def _parsed(data: bytes) -> dict[str, Any]:
    with contextlib.suppress(ValueError):
        document = json.loads(data)
        if isinstance(document, dict):
            return document
    return {}


def _owner(data: bytes) -> str:
    return str(_parsed(data).get("owner", "an unknown process"))

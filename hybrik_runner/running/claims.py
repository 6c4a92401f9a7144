"""Which worker does which clip, so that workers on one store never do a clip twice.

In a folder, a claim is a file that its owner keeps locked. The lock ends with the process, however it dies,
and the next worker takes the clip over at once. Locks do not reach across every shared file system, so the
file also states its owner and an expiry time; a claim of another machine counts until then, and the owner
keeps renewing it.

`filelock` does not fit: a claim is locked, written and renewed through one descriptor, and its file is
removed while it is still locked, so that folders of claims stay empty. With a lock file beside the claim,
neither would be atomic.

An object store has no locks. There a claim is a lease (`popdanceset.leases`): created only if there is none
(`If-None-Match: *`), renewed and taken over by compare and swap (`If-Match`). Of two workers who want a clip
one gets it. Clips of a dead worker wait until its claims have not been renewed for a minute. A worker that
was only presumed dead learns it at its next renewal; `holds` is asked before the tables are written, and a
table written after that, within half a minute, is the same as the other worker's. On s3:// this needs the
extra `s3`.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from popdanceset import layout
from popdanceset.errors import StoreError
from popdanceset.leases import LEASE, Leases

if TYPE_CHECKING:
    from popdanceset.store import Store

log = logging.getLogger(__name__)


class Claims:
    """The claims of one worker on a store. Any thread may use them.

    Args:
        store: holds the clips.
        lease: seconds for which a claim of this worker counts on other machines after its last renewal.
        clock: returns seconds since the epoch.
    """

    def __init__(self, store: Store, lease: float = LEASE, clock: Callable[[], float] = time.time) -> None:
        self._store, self._lease, self._clock = store, lease, clock
        self._leases = None if store.is_local else Leases(store, lease, clock)
        self._host = socket.gethostname()
        self._owner = f"{self._host}:{os.getpid()}:{secrets.token_hex(4)}"
        self._held: dict[str, int] = {}  # clip id → descriptor of the locked file
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def __enter__(self) -> Claims:
        if self._leases:
            self._leases.__enter__()
        else:
            self._renewal = threading.Thread(target=self._renew, name="claims", daemon=True)
            self._renewal.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._leases:
            self._leases.__exit__()
            return
        self._stop.set()
        self._renewal.join()
        for clip_id in list(self._held):
            self.release(clip_id)

    def take(self, clip_id: str) -> bool:
        """Claims a clip; returns false if another worker has it.

        Raises:
            StoreError: the store cannot be written to, or clips cannot be claimed in stores of its kind.
        """
        if self._leases:
            return self._leases.take(layout.claim(clip_id))
        with self._lock:
            if clip_id in self._held:
                return False
        descriptor = self._lock_file(clip_id)
        if descriptor is None:
            return False
        with self._lock:
            self._held[clip_id] = descriptor
        return True

    def holds(self, clip_id: str) -> bool:
        """Returns whether a clip is still this worker's. Ask before writing its tables.

        Raises:
            StoreError: the store cannot be asked.
        """
        if self._leases:
            return self._leases.holds(layout.claim(clip_id))
        with self._lock:
            return clip_id in self._held

    def release(self, clip_id: str) -> None:
        """Releases a clip; does nothing if this worker does not hold it.

        Raises:
            StoreError: the store cannot be written to.
        """
        if self._leases:
            self._leases.release(layout.claim(clip_id))
            return
        with self._lock:
            descriptor = self._held.pop(clip_id, None)
        if descriptor is None:
            return
        # Removed while it is locked: a worker that opened it in the meantime finds that it no longer exists.
        self._store.workplace(layout.claim_lock(clip_id)).unlink(missing_ok=True)
        os.close(descriptor)

    # -- in a folder

    def _lock_file(self, clip_id: str) -> int | None:
        path = self._store.workplace(layout.claim_lock(clip_id))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            while True:
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    os.close(descriptor)
                    return None
                if _names(path, descriptor):
                    break
                os.close(descriptor)  # its owner has just finished and removed it
            if self._counts(_parsed(os.pread(descriptor, 4096, 0))):
                os.close(descriptor)
                return None
            self._sign(descriptor)
        except OSError as error:
            raise StoreError(f"clips cannot be claimed: {error}", path, "check permissions") from error
        return descriptor

    def _counts(self, claim: dict[str, Any]) -> bool:
        """Whether a claim whose file nobody locks still counts: one of another machine, until it expires."""
        elsewhere = claim.get("host", self._host) != self._host
        return elsewhere and float(claim.get("until", 0)) > self._clock()

    def _sign(self, descriptor: int) -> None:
        claim = self._claim()
        os.pwrite(descriptor, claim, 0)
        os.ftruncate(descriptor, len(claim))

    def _claim(self) -> bytes:
        claim = {"owner": self._owner, "host": self._host, "until": self._clock() + self._lease}
        return json.dumps(claim).encode()

    def _renew(self) -> None:
        while not self._stop.wait(self._lease / 3):
            with self._lock:
                for clip_id, descriptor in self._held.items():
                    try:
                        self._sign(descriptor)
                    except OSError as error:
                        log.warning("%s: claim not renewed: %s", clip_id, error)


def claimed(
    clip_ids: Iterable[str],
    claims: Claims,
    done: Callable[[str], bool],
    stopped: threading.Event,
    pause: float = 1.0,
) -> Iterator[str]:
    """Yields the clips that this worker has claimed, one after the other, until all are done by some worker.

    Clips that another worker has claimed are tried again, since that worker may die.

    Args:
        clip_ids: all clips.
        claims: those of this worker; a clip is claimed when it is yielded.
        done: returns whether a clip is finished.
        stopped: when it is set, no more clips are yielded.
        pause: seconds between two rounds in which every clip was claimed by another worker.
    """
    remaining = list(clip_ids)
    while remaining:
        others = []
        for clip_id in remaining:
            if stopped.is_set():
                return
            if done(clip_id):
                continue
            if not claims.take(clip_id):
                others.append(clip_id)
            elif done(clip_id):  # finished between the question and the claim
                claims.release(clip_id)
            else:
                yield clip_id
        if len(others) == len(remaining):
            stopped.wait(pause)
        remaining = others


def sweep_claims(store: Store, done: Callable[[str], bool]) -> None:
    """Removes the claims of finished clips, which workers of an object store leave if they die just then."""
    if not store.is_local:
        for name in store.list(layout.CLAIMS, layout.JSON):
            if done(layout.stem(name)):
                store.drop(name)


def _parsed(data: bytes) -> dict[str, Any]:
    """A claim; empty if its owner died while writing it."""
    with contextlib.suppress(ValueError):
        claim = json.loads(data)
        if isinstance(claim, dict):
            return claim
    return {}


def _names(path: os.PathLike[str], descriptor: int) -> bool:
    """Whether a path still names the open file."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False

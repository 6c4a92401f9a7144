"""The cost ledger: what each run of a stage used and did, one row a process and device.

    ledger/{stage}/{run_id}.parquet      one row of schema LEDGER, rewritten about every minute and at the end

A stage function does its work inside `measured`, and whatever it calls reports with `count`. A killed run
loses at most a minute of its accounting.

What the figures mean:

- Processor time is that of the process and of its finished children (ffmpeg, yt-dlp's helpers). It can only
  be read for a process as a whole, so blocks that run at once in several threads share what passes between
  two readings equally: the sum over all rows is right, the division between two stages at once an estimate.
- Seconds are those during which at least one block of the row was running, so that two threads of one stage
  do not count twice. GPU seconds are the same for a row whose device is a GPU.
- A process that runs a stage several times, as in batches, continues its row unless more than ten minutes lie
  between.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import resource
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import popdanceset
from popdanceset import layout
from popdanceset.errors import StoreError
from popdanceset.schema import LEDGER

if TYPE_CHECKING:
    from popdanceset.store import Store

log = logging.getLogger(__name__)

RUNNING = "running"
FINISHED = "finished"

FIRST = 5.0
"""Seconds after which a run writes its row for the first time."""

INTERVAL = 60.0
"""Seconds between later writes."""

LONGEST_PAUSE = 600.0
"""A process that runs a stage again after a longer pause, in seconds, begins a new row."""

COUNTS = (
    *("requests", "refused", "bytes_received", "bytes_written", "items", "rejected", "failed", "frames"),
    "media_seconds",
)
"""What `count` adds to."""


@dataclass
class Entry:
    """A row of the ledger; the columns are described in `popdanceset.schema.LEDGER`."""

    stage: str
    run_id: str
    host: str
    device: str
    started_at: datetime
    updated_at: datetime
    progressed_at: datetime
    outcome: str = RUNNING
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    gpu_seconds: float = 0.0
    requests: int = 0
    refused: int = 0
    bytes_received: int = 0
    bytes_written: int = 0
    items: int = 0
    rejected: int = 0
    failed: int = 0
    frames: int = 0
    media_seconds: float = 0.0
    version: str = popdanceset.__version__

    @property
    def counted(self) -> bool:
        """Whether anything was counted, apart from time."""
        return any(getattr(self, name) for name in COUNTS)


@dataclass
class _Account:
    """A row while its process lives, and the blocks that are adding to it."""

    entry: Entry
    blocks: list[Store] = field(default_factory=list)  # the store of each block that is running
    since: float = 0.0
    ended: float = 0.0
    written: bool = False
    saving: threading.Lock = field(default_factory=threading.Lock)


_current: ContextVar[_Account | None] = ContextVar("ledger", default=None)


class _Clerk:
    """Keeps the accounts of this process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.accounts: dict[tuple[int, str, str, str], _Account] = {}
        self.stop = threading.Event()
        self.cpu = 0.0
        self.bytes: dict[int, int] = {}  # id of a store → bytes that it had written when last read

    def open(self, stage: str, store: Store, device: str) -> _Account:
        """Begins a block."""
        key = (os.getpid(), store.address, stage, device)  # a forked child has accounts of its own
        with self.lock:
            self._settle()
            account = self.accounts.get(key)
            if account is None or (not account.blocks and time.monotonic() - account.ended > LONGEST_PAUSE):
                account = self.accounts[key] = _Account(_new_entry(stage, device))
            if not any(each.blocks for each in self.accounts.values()):
                self.stop = threading.Event()
                threading.Thread(target=self._keep, args=(self.stop,), name="ledger", daemon=True).start()
            if not account.blocks:
                account.since, account.entry.outcome = time.monotonic(), RUNNING
            account.blocks.append(store)
            self.bytes[id(store)] = store.bytes_written
        return account

    def close(self, account: _Account, store: Store, outcome: str) -> None:
        """Ends a block."""
        with self.lock:
            self._settle()
            account.blocks.remove(store)
            account.ended = time.monotonic()
            if not account.blocks:
                account.entry.outcome = outcome
            busy = [each for other in self.accounts.values() for each in other.blocks]
            self.bytes = {id(each): self.bytes[id(each)] for each in busy}
            if not busy:
                self.stop.set()
        if account.written or account.entry.counted or account.entry.seconds >= FIRST:
            self._save(account, store)

    def add(self, account: _Account, amounts: dict[str, float]) -> None:
        """Adds to the counts of an account."""
        with self.lock:
            for name, amount in amounts.items():
                setattr(account.entry, name, getattr(account.entry, name) + amount)
            if amounts.keys() & {"items", "frames", "failed"}:
                account.entry.progressed_at = datetime.now(UTC)

    def _settle(self) -> None:
        """Divides what the process has used since the last call among the accounts with a running block."""
        cpu, now = _cpu_seconds(), time.monotonic()
        used, self.cpu = cpu - self.cpu, cpu
        busy = [each for each in self.accounts.values() if each.blocks]
        for account in busy:
            passed = now - account.since
            account.since = now
            account.entry.cpu_seconds += used / len(busy)
            account.entry.seconds += passed
            if account.entry.device.startswith("cuda"):
                account.entry.gpu_seconds += passed
            for store in account.blocks:
                account.entry.bytes_written += store.bytes_written - self.bytes[id(store)]
                self.bytes[id(store)] = store.bytes_written

    def _keep(self, stop: threading.Event) -> None:
        """Writes the rows of running blocks every minute."""
        pause = FIRST
        while not stop.wait(pause):
            pause = INTERVAL
            with self.lock:
                self._settle()
                busy = [(each, each.blocks[0]) for each in self.accounts.values() if each.blocks]
            for account, store in busy:
                self._save(account, store)

    def _save(self, account: _Account, store: Store) -> None:
        """Writes a row. A store that fails costs its accounting, not the run: the run will meet it itself."""
        with account.saving:
            with self.lock:
                account.entry.updated_at = datetime.now(UTC)
                row = asdict(account.entry)
            try:
                name = layout.ledger_row(account.entry.stage, account.entry.run_id)
                store.write_rows(name, [row], LEDGER)
                account.written = True
            except (StoreError, OSError) as error:
                log.warning("the cost ledger is not written: %s", error)


_clerk = _Clerk()


@contextlib.contextmanager
def measured(stage: str, store: Store, device: str = "cpu") -> Iterator[None]:
    """Records what the block uses and does as a run of a stage.

    `count` adds to its row from anywhere below, in the same thread or task. Blocks of different stages should
    not contain each other.

    Args:
        stage: crawl, acquire, replan, extract, features or publish.
        store: receives the row.
        device: the device that the block keeps busy, as torch names it.
    """
    account = _clerk.open(stage, store, device)
    token = _current.set(account)
    outcome = FINISHED
    try:
        yield
    except BaseException as error:
        outcome = type(error).__name__
        raise
    finally:
        _current.reset(token)
        _clerk.close(account, store, outcome)


def count(**amounts: float) -> None:
    """Adds amounts to the row of the block around the caller, by the names in `COUNTS`; does nothing outside.

    Raises:
        KeyError: a name is unknown.
    """
    if unknown := amounts.keys() - set(COUNTS):
        raise KeyError(f"the ledger does not count {sorted(unknown)}")
    account = _current.get()
    if account is not None:
        _clerk.add(account, amounts)


def read_ledger(store: Store) -> list[Entry]:
    """Returns all rows, the earliest first."""
    names = [each.name for each in fields(Entry)]
    rows = store.read_table(layout.LEDGER, LEDGER, names).to_pylist()
    return sorted((Entry(**row) for row in rows), key=lambda entry: (entry.started_at, entry.run_id))


def _new_entry(stage: str, device: str) -> Entry:
    now, host = datetime.now(UTC), socket.gethostname()
    name = re.sub(r"[^0-9A-Za-z-]+", "-", host)[:40].strip("-") or "host"
    run_id = f"{now:%Y%m%dT%H%M%S}-{name}-{os.getpid()}-{secrets.token_hex(3)}"
    return Entry(stage, run_id, host, device, now, now, now)


def _cpu_seconds() -> float:
    """Processor time of this process and its finished children."""
    used: Any = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return float(sum(each.ru_utime + each.ru_stime for each in used))

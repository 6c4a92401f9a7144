"""Locks between the processes of one machine.

`locked` is the lock to use: one owner at a time, on a file made for the purpose (the `filelock` library).

`locked_briefly` is for locks that are taken many times a second.

`hold` and `abandoned` are for `Store`: there the unfinished file or folder is itself locked, so that what a
dying process leaves behind is recognisably abandoned. `filelock` cannot do that, because it locks
a file of its own and cannot lock a folder. Process numbers would not do either: they repeat in every new
container and mean nothing to another machine that shares the folder.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path


@contextlib.contextmanager
def locked(path: Path, waits: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Waits until no other thread or process holds the lock file, and holds it for the block.

    The file stays. The lock ends with its process, however that ends.

    Args:
        path: the lock file.
        waits: called once if another one holds it.

    Raises:
        OSError: the file cannot be created, or its file system has no locks.
    """
    from filelock import FileLock, Timeout

    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        lock = FileLock(path)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            waits()
            lock.acquire()
    except NotImplementedError as error:  # how filelock reports a file system without locks
        raise OSError(f"this file system has no locks: {error}") from error
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def locked_briefly(path: Path) -> Iterator[None]:
    """As `locked`, for what is locked often and briefly: it waits without asking again and again.

    Where the file system has no locks nobody waits.

    Raises:
        OSError: the file cannot be created.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        hold(descriptor)
        yield
    finally:
        # Unlocked explicitly: a process forked meanwhile has the descriptor too.
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def hold(descriptor: int) -> None:
    """Locks an open file or folder until its descriptor is closed or the process dies.

    Where the file system has no locks nothing happens, and `abandoned` then reports nothing as abandoned.
    """
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX)


@contextlib.contextmanager
def abandoned(path: Path) -> Iterator[bool]:
    """Yields whether no process holds the file or folder; no process can take hold of it during the block."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:  # gone, or not readable by this user
        yield False
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        free = True
    except OSError:
        free = False
    try:
        yield free
    finally:
        os.close(descriptor)

"""Files that appear when they are complete, or not at all: written under a partial name, then renamed."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from popdanceset.locks import hold

PARTIAL = ".partial-"
"""Prefix of the names of unfinished files. Readers of folders skip names that begin with a dot."""


@contextlib.contextmanager
def atomic_write(path: Path, mode: str = "wb") -> Iterator[IO[Any]]:
    """Opens a file that takes the place of `path` when the block ends without an exception.

    The content reaches the disk before the name does. Missing parent folders are created. While the file is
    open it is locked, so that `Store.sweep` does not remove it.

    Args:
        path: the final name.
        mode: `wb` for bytes, `w` for text in UTF-8.

    Raises:
        OSError: the folder is not writable, or full.
    """
    encoding = None if "b" in mode else "utf-8"
    with atomic_path(path) as partial, partial.open(mode, encoding=encoding) as file:
        hold(file.fileno())
        yield file
        file.flush()
        os.fsync(file.fileno())


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yields a partial name for programs that write a file by name; it is renamed when the block ends well.

    The partial name keeps the suffix of `path`, since some programs choose a format by it.

    Raises:
        OSError: the folder is not writable, or full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{PARTIAL}{secrets.token_hex(8)}{path.suffix}")
    try:
        yield partial
        partial.replace(path)
        sync_folder(path.parent)
    finally:
        partial.unlink(missing_ok=True)


def link_new(path: Path, data: bytes) -> bool:
    """Writes a file unless there is one of this name; returns whether it did. One of several writers does.

    Raises:
        OSError: the folder is not writable, or full, or its file system has no hard links.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{PARTIAL}{secrets.token_hex(8)}{path.suffix}")
    try:
        with partial.open("wb") as file:
            hold(file.fileno())
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            try:
                os.link(partial, path)
            except FileExistsError:
                return False
        sync_folder(path.parent)
        return True
    finally:
        partial.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Makes renames inside a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

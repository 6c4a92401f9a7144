"""A folder of files that appear when they are complete; files that are already right are left alone."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from popdanceset import layout
from popdanceset.errors import StoreError
from popdanceset.store import Store
from training.export.kinds.base import File, same_bytes


class Folder:
    """The files of an export.

    Args:
        path: the folder.
        scratch: for unfinished files, on the same disk.
    """

    def __init__(self, path: Path, scratch: Path) -> None:
        self._store, self._path, self._scratch = Store(path), path, scratch

    def put(self, file: File) -> bool:
        """Writes a file, unless it is there.

        Returns:
            Whether it was written.

        Raises:
            StoreError: the folder cannot be written to.
        """
        target = self._path / file.name
        if file.is_current is not None and target.is_file() and file.is_current(target):
            return False
        made = self._scratch / PurePosixPath(file.name).name
        file.write(made)
        if file.is_current is None and target.is_file() and same_bytes(made, target):
            made.unlink()
            return False
        self._store.put(made, file.name)
        return True


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Folder]:
    """Yields a folder for files; creates it if needed, and removes what a killed process left in it.

    Raises:
        StoreError: the path is a file, or cannot be written to.
    """
    store = Store(path)
    if not store.is_local:
        raise StoreError("is not a folder of this machine", path, "export to a folder, then copy it")
    store.sweep()
    try:
        with store.scratch() as scratch:
            yield Folder(path, scratch)
    finally:
        with contextlib.suppress(OSError):
            (path / layout.SCRATCH).rmdir()

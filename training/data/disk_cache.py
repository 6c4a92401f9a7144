"""A folder of arrays that never exceeds a size: what was used least recently makes room.

Several threads and processes of a machine share it, and it survives them. The files are copies, so nothing
is lost when one is damaged or removed: it is fetched again.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from popdanceset.atomic import PARTIAL
from popdanceset.errors import InputError
from popdanceset.locks import locked_briefly

Floats = np.ndarray[Any, np.dtype[np.float32]]

_SUFFIX = ".npy"
_HEADER = 128
"""Bytes of the header of an array's file."""

_KEPT = 0.9
"""Share of the limit that is left when room is made, so that it is not made for each array."""

_log = logging.getLogger(__name__)


class DiskCache:
    """Arrays by name, in a folder of limited size.

    Args:
        folder: of the arrays; created if missing.
        limit: largest size of all of them together, bytes.
        groups: pattern of the folders below it that belong to the cache; others are left alone.

    Raises:
        InputError: the folder is not writable.
    """

    def __init__(self, folder: Path, limit: int, groups: str = "*") -> None:
        self.folder, self.limit, self._groups = folder, limit, groups
        self._complained = False
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with locked_briefly(self._lock):
                self._make_room(0)
        except OSError as error:
            raise InputError(f"not writable: {error}", folder, "give another cache folder") from error

    def get(self, group: str, name: str, shape: tuple[int, int]) -> Floats | None:
        """Returns an array, memory-mapped, read-only; None if the cache does not hold it, or not whole."""
        path = self._path(group, name)
        try:
            array: Floats = np.load(path, mmap_mode="r", allow_pickle=False)
            if array.shape == shape and array.dtype == np.float32:
                os.utime(path)
                return array
        except (OSError, ValueError, EOFError, SyntaxError):  # numpy parses the header as Python
            pass
        return None

    def put(self, group: str, name: str, array: Floats) -> None:
        """Keeps an array, if it is not larger than the cache. A full disk costs time only: it is logged."""
        path, size = self._path(group, name), array.nbytes + _HEADER
        if size > self.limit:
            return
        try:
            with locked_briefly(self._lock):
                total = self._total()
                if total is None or total + size > self.limit:
                    total = self._make_room(size)
                self._state.write_text(str(total + size))
                path.parent.mkdir(parents=True, exist_ok=True)
                descriptor, partial = tempfile.mkstemp(prefix=PARTIAL, dir=path.parent)
                try:
                    # Not synchronised with the disk: a file that a power cut tears is fetched again.
                    with os.fdopen(descriptor, "wb") as file:
                        np.save(file, array, allow_pickle=False)
                    Path(partial).replace(path)
                finally:
                    Path(partial).unlink(missing_ok=True)
        except OSError as error:
            if not self._complained:
                _log.warning("%s cannot be written, so clips are fetched each time: %s", self.folder, error)
            self._complained = True

    def locked_for(self, group: str, name: str) -> contextlib.AbstractContextManager[None]:
        """A lock for the one thread or process that fetches an array; few arrays share it."""
        return locked_briefly(self.folder / ".locks" / self._path(group, name).stem[:2])

    @property
    def _lock(self) -> Path:
        return self.folder / ".lock"

    @property
    def _state(self) -> Path:
        """Holds the size of all arrays, or more where some were replaced or removed."""
        return self.folder / ".size"

    def _path(self, group: str, name: str) -> Path:
        # Names of clips may differ only in case, or be longer than a file system allows.
        return self.folder / group / f"{hashlib.sha256(name.encode()).hexdigest()[:40]}{_SUFFIX}"

    def _total(self) -> int | None:
        try:
            return int(self._state.read_text())
        except (OSError, ValueError):
            return None

    def _make_room(self, size: int) -> int:
        """Removes the least recently used arrays if `size` more bytes do not fit; returns what is left.

        Nobody writes meanwhile, so unfinished files are those of processes that died.
        """
        files = []
        for path in self.folder.glob(f"{self._groups}/*{_SUFFIX}"):
            with contextlib.suppress(OSError):
                found = path.stat()
                files.append((found.st_mtime_ns, found.st_size, path))
        for leftover in self.folder.glob(f"{self._groups}/{PARTIAL}*"):
            leftover.unlink(missing_ok=True)
        total = sum(each[1] for each in files)
        if total + size > self.limit:
            for _, own, path in sorted(files):
                if total <= _KEPT * self.limit - size or not total:
                    break
                path.unlink(missing_ok=True)
                total -= own
        self._state.write_text(str(total))
        return total

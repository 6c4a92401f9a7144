"""Opens a set that comes as a folder or as a zip archive of somebody else."""

from __future__ import annotations

import contextlib
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from popdanceset.errors import InputError
from popdanceset.importers.ids import shown
from popdanceset.store import Store

MOST_FILES = 200_000
MOST_BYTES = 64 << 30
"""Files and bytes that an archive may unpack to: ten times the published set with its sound."""

_MOST_RATIO = 200
_RATIO_FROM = 1 << 28
"""An archive that unpacks to more bytes than this must not be that many times smaller. Motion and sound
shrink by a tenth to a half."""

_CHUNK = 1 << 20
_ADVICE = "unpack it yourself and import the folder, if you trust it"


@contextlib.contextmanager
def opened_set(path: Path, store: Store) -> Iterator[Path]:
    """Yields the folder of a set: the path itself, or an archive's content, unpacked for the block.

    Raises:
        InputError: there is no such path, it is not a folder or zip archive, or the archive is damaged or
            hostile: a name that leaves the folder, a link, too many files or bytes. Nothing is unpacked then.
        StoreError: the store is not writable.
    """
    if path.is_dir() or (path.is_file() and not zipfile.is_zipfile(path)) or _is_arrays(path):
        yield path
        return
    if not path.exists():
        raise InputError("does not exist", path, "give the folder of the set, or a zip archive of it")
    with store.scratch() as scratch:
        folder = scratch / path.stem  # results without names of their own are named after their folder
        folder.mkdir()
        _unpack(path, folder)
        yield folder


def _is_arrays(path: Path) -> bool:
    """Archives of numpy and torch are motions, not sets."""
    return path.suffix.lower() in (".npz", ".pt", ".pth")


def _unpack(path: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _check(members, path, shutil.disk_usage(folder).free)
            for member in members:
                target = folder.joinpath(*PurePosixPath(member.filename).parts)
                if member.is_dir():
                    target.mkdir(parents=True, exist_ok=True)
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(member) as source, target.open("xb") as file:
                    _copy(source, file, member, path)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise InputError(f"not a usable zip archive: {error}", path, "fetch it again") from None
    except OSError as error:
        raise InputError(f"cannot be unpacked: {error.strerror or error}", path, _ADVICE) from None


def _check(members: list[zipfile.ZipInfo], path: Path, free: int) -> None:
    if len(members) > MOST_FILES:
        raise InputError(f"contains {len(members)} files, at most {MOST_FILES} are unpacked", path, _ADVICE)
    for member in members:
        name = member.filename
        parts = PurePosixPath(name).parts
        if (
            not parts
            or name.startswith("/")
            or "\\" in name
            or ":" in name
            or ".." in parts
            or not name.isprintable()
            or len(name) > 1000
        ):
            raise InputError(
                f"contains the name {shown(name)}, which leaves its folder or is no name", path, _ADVICE
            )
        if stat.S_ISLNK(member.external_attr >> 16):
            raise InputError(f"contains the link {shown(name)}", path, _ADVICE)
        if member.flag_bits & 1:
            raise InputError("is encrypted", path, "unpack it yourself and import the folder")
    total = sum(member.file_size for member in members)
    packed = sum(member.compress_size for member in members)
    if total > MOST_BYTES or (total > _RATIO_FROM and total > _MOST_RATIO * packed):
        raise InputError(f"unpacks to {total} bytes, which no motion set does", path, _ADVICE)
    if total > free:
        raise InputError(
            f"unpacks to {total} bytes, and {free} are free", path, "free space, or import the folder"
        )


def _copy(source: IO[bytes], file: IO[bytes], member: zipfile.ZipInfo, path: Path) -> None:
    """Copies a member, but no more bytes than its header states."""
    copied = 0
    while chunk := source.read(_CHUNK):
        copied += len(chunk)
        if copied > member.file_size:
            raise InputError(f"{shown(member.filename)} is larger than the archive states", path, _ADVICE)
        file.write(chunk)

"""`validate`: checks a release from its checksums to its statistics."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from popdanceset.errors import PopDanceSetError
from popdanceset.progress import Advance, ignore
from popdanceset.release.reader import Release
from popdanceset.release.validation.clips import check_clips, check_leaks
from popdanceset.release.validation.faults import Faults
from popdanceset.release.validation.files import check_files
from popdanceset.release.validation.rows import check_rows
from popdanceset.store import Store


class Validation(NamedTuple):
    """What a validation found.

    Attributes:
        faults: one line each; none if the release is valid. At most 1000 of them.
        total: number of faults.
        version: of the release; "" if it cannot be opened.
        clips, frames: of the release.
        files, bytes: that were compared with their checksums.
    """

    faults: list[str]
    total: int
    version: str = ""
    clips: int = 0
    frames: int = 0
    files: int = 0
    bytes: int = 0


def validate(address: str | Path, advance: Advance = ignore) -> Validation:
    """Checks everything that a release states about itself.

    The checksum of every file; names that lead outside; the schema of every table; the order, number, hash
    and finiteness of the rows of every clip; what the description counts; lists, videos and music of the
    splits; the statistics of every feature. Every file is read twice, one clip at a time: memory does not
    grow with the release, but for its clip table.

    Args:
        address: folder or address of the release.
        advance: called after each file and each clip.
    """
    faults = Faults()
    try:
        release = Release(address)
    except PopDanceSetError as error:
        return Validation([str(error)], 1)
    files = size = clips = frames = 0
    store = Store(address)
    with release:
        with faults.collecting():
            files, size = check_files(store, release, faults, advance)
        with faults.collecting():
            clips, frames = len(release.clips), sum(release.clips["frames"].to_pylist())
            with faults.collecting():
                check_clips(store, release, faults)
            with faults.collecting():
                check_leaks(release, faults)
            check_rows(store, release, faults, advance)
    return Validation(faults.lines, faults.count, release.version, clips, frames, files, size)

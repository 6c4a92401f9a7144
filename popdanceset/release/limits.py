"""What a release may contain at most, and how its names look: releases of others are not trusted.

The limits are far above every real release, and keep what a small hostile file can cost small.
"""

from __future__ import annotations

import re

from popdanceset.errors import InputError
from popdanceset.layout import CROISSANT, RELEASE_INFO
from popdanceset.release.info import ReleaseInfo

DOCUMENT_BYTES = 64 << 20
"""Of a JSON document or a list of clips."""

FOOTER_BYTES = 64 << 20
"""Of a parquet file."""

TABLE_BYTES = 1 << 30
"""Of the clip table in memory."""

ROWS = 16_000_000
"""Of a table of `meta/`."""

FRAMES = 1 << 20
"""Of a clip: almost ten hours."""

_NAME = re.compile(r"[A-Za-z0-9_][^/\\:\x00-\x1f\x7f]{0,250}")
_CONTENT = re.compile(r"[A-Za-z0-9]+:[0-9A-Za-z]{1,128}")


def is_plain(name: str) -> bool:
    """Whether a word can be used as a file name: no separators, no scheme, no leading dot."""
    return bool(_NAME.fullmatch(name)) and name.isprintable()


def is_inside(name: str) -> bool:
    """Whether a name leads to a file inside the folder that it is relative to."""
    return len(name) <= 1000 and all(is_plain(part) for part in name.split("/"))


def check_names(info: ReleaseInfo, where: object) -> None:
    """Checks every name that `info.json` states before any of them is used.

    Raises:
        InputError: a file is not inside the release, or a name cannot be a file name.
    """
    files = [*info.data, *(split.file for split in info.splits.values())]
    files += [name for music in info.music.values() for name in music.files]
    outside = [name for name in files if not is_inside(name)]
    if outside:
        raise InputError(
            f"{RELEASE_INFO} names a file outside the release: {outside[0][:200]!r}", where, "do not use it"
        )
    names = [info.version, *info.music, *info.splits]
    odd = [name for name in names if not is_plain(name)]
    if odd:
        raise InputError(
            f"{RELEASE_INFO} contains {odd[0][:200]!r}, which is not a name", where, "do not use it"
        )
    if not _CONTENT.fullmatch(info.content):
        raise InputError(
            f"{RELEASE_INFO} is damaged: content is not a hash: {info.content[:200]!r}",
            where,
            f"fetch the release again, and compare it with {CROISSANT}",
        )
    if info.fps < 1 or info.fps > 1000:
        raise InputError(f"{RELEASE_INFO} states {info.fps} frames per second", where, "do not use it")

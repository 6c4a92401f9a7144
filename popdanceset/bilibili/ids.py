"""Video ids: their form, and reading lists of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, TypeGuard

from popdanceset.errors import InputError

_BVID = re.compile(r"BV[0-9A-Za-z]{10}", re.ASCII)
_IN_TEXT = re.compile(r"(?<![0-9A-Za-z])BV[0-9A-Za-z]{10}(?![0-9A-Za-z])", re.ASCII)


def is_bvid(value: Any) -> TypeGuard[str]:
    """Returns whether this is a video id. Check this before an id becomes part of a path or an address."""
    return isinstance(value, str) and _BVID.fullmatch(value) is not None


def read_ids(path: Path) -> tuple[str, ...]:
    """Reads ids from a text file with one id or video address a line; `#` begins a comment.

    Returns:
        Each id once, in the order of first occurrence.

    Raises:
        InputError: the file cannot be read as text, has no ids, or has a line without an id.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise InputError(f"not readable: {error.strerror}", path, "check the name") from error
    except UnicodeDecodeError as error:
        raise InputError("not UTF-8 text", path, "save it as UTF-8") from error
    ids: dict[str, None] = {}
    for number, line in enumerate(lines, 1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        found = _IN_TEXT.search(text)
        if not found:
            raise InputError(
                f"{text[:40]!r} has no video id", f"{path}, line {number}", "write one BV id a line"
            )
        ids[found[0]] = None
    if not ids:
        raise InputError("the file has no video ids", path, "write one BV id a line")
    return tuple(ids)

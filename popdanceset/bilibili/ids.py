"""Video ids: what one looks like, and reading lists of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, TypeGuard

from popdanceset.errors import InputError

_BVID = re.compile(r"BV[0-9A-Za-z]{10}", re.ASCII)
_IN_TEXT = re.compile(r"(?<![0-9A-Za-z])BV[0-9A-Za-z]{10}(?![0-9A-Za-z])", re.ASCII)


def is_bvid(value: Any) -> TypeGuard[str]:
    """Whether this is a video id. Ask before an id from outside becomes part of a path or of an address."""
    return isinstance(value, str) and _BVID.fullmatch(value) is not None


def read_ids(path: Path) -> tuple[str, ...]:
    """Ids from a text file: one id or video address a line; `#` begins a comment.

    Each id comes once, in the order of its first line.

    Raises:
        InputError: the file cannot be read as text, holds no id, or a line holds none.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise InputError(f"not readable: {error.strerror}", path, "check the name") from error
    except UnicodeDecodeError as error:
        raise InputError("no text in UTF-8", path, "save it as UTF-8") from error
    ids: dict[str, None] = {}
    for number, line in enumerate(lines, 1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        found = _IN_TEXT.search(text)
        if not found:
            raise InputError(
                f"{text[:40]!r} holds no video id", f"{path}, line {number}", "write one BV id a line"
            )
        ids[found[0]] = None
    if not ids:
        raise InputError("there is no video id in the file", path, "write one BV id a line")
    return tuple(ids)

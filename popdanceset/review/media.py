"""Media files over HTTP: whole, or the byte ranges that players ask for (RFC 9110, section 14)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from starlette.responses import Response, StreamingResponse

from popdanceset.errors import StoreError
from popdanceset.review.rooms import Media, UnknownClipError

TYPES = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".webm": "video/webm",
    ".mov": "video/quicktime",
    ".wav": "audio/wav",
    ".mp3": "audio/mpeg",
    ".m4a": "audio/mp4",
    ".ogg": "audio/ogg",
    ".flac": "audio/flac",
}
"""Endings of the files that are served, and how browsers call them."""

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)
_BLOCK = 1 << 18


@dataclass(frozen=True, slots=True)
class Range:
    """Bytes `first` to `last`, both included."""

    first: int
    last: int

    def __len__(self) -> int:
        return self.last - self.first + 1


class UnsatisfiableError(ValueError):
    """A range begins behind the file's end."""


def wanted_range(header: str | None, size: int) -> Range | None:
    """Returns the range that a request asks for; None if it asks for the whole file.

    A header of another form, and one with several ranges, is ignored, as a server may.

    Raises:
        UnsatisfiableError: it begins behind the end.
    """
    match = _RANGE.fullmatch((header or "").strip())
    if not match or match[0] == "bytes=-":
        return None
    first, last = match[1], match[2]
    if not first:
        length = min(int(last), size)
        if not length:
            raise UnsatisfiableError
        return Range(size - length, size - 1)
    if last and int(last) < int(first):
        return None
    if int(first) >= size:
        raise UnsatisfiableError
    return Range(int(first), min(int(last), size - 1) if last else size - 1)


def media_response(
    media: Media | None, method: str, range_header: str | None, if_range: str | None
) -> Response:
    """Answers a request for a media file.

    Args:
        media: the file; None: the clip has none.
        method: GET or HEAD.
        range_header, if_range: headers of the request.

    Raises:
        UnknownClipError: there is no such file, or it is no media file of the store.
    """
    if media is None:
        raise UnknownClipError("the clip has no such file")
    type_ = TYPES.get(PurePosixPath(media.name).suffix.lower())
    if type_ is None:
        raise UnknownClipError("the clip has no such file of a known kind")
    with ExitStack() as stack:
        try:
            check_inside(media)
            tag = f'"{media.store.modified(media.name).timestamp():.6f}"'
            file = stack.enter_context(media.store.open_read(media.name))
        except StoreError as error:
            raise UnknownClipError("the file of the clip is missing") from error
        size = int(file.size())
        headers = {"Accept-Ranges": "bytes", "ETag": tag, "Content-Type": type_}
        try:
            part = wanted_range(range_header if if_range in (None, tag) else None, size)
        except UnsatisfiableError:
            return Response(status_code=416, headers={**headers, "Content-Range": f"bytes */{size}"})
        sent = part or Range(0, size - 1)
        headers["Content-Length"] = str(len(sent))
        if part is not None:
            headers["Content-Range"] = f"bytes {part.first}-{part.last}/{size}"
        status = 200 if part is None else 206
        if method == "HEAD":
            return Response(status_code=status, headers=headers)
        return StreamingResponse(_blocks(file, sent, stack.pop_all()), status, headers)


def check_inside(media: Media) -> None:
    """Does nothing if a file is inside its store, whatever links lie on the way.

    Raises:
        UnknownClipError: it is not.
        StoreError: it is missing, or its name is not one of a store.
    """
    if not media.store.is_local:
        return
    with media.store.local(media.name) as path:
        root = Path(media.store.address).expanduser().resolve()
        if not path.resolve().is_relative_to(root):
            raise UnknownClipError("the file of the clip is not in the store")


def _blocks(file: IO[bytes] | Any, part: Range, opened: ExitStack) -> Iterator[bytes]:
    with opened:
        file.seek(part.first)
        left = len(part)
        while left > 0 and (block := file.read(min(_BLOCK, left))):
            left -= len(block)
            yield block

"""Recognises videos in names and texts: by their ids, the ids of their clips and parts, and av numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cached_property

from popdanceset.bilibili.ids import aid_of_bvid, is_bvid
from popdanceset.clip_id import video_of

MARK = "(withdrawn)"
"""Takes the place of an id in the text of another video's row."""

_NUMBER = re.compile(rb"\d{1,16}(?!\d)")


class Targets:
    """Videos to look for.

    A BV id is found wherever its characters occur, in the middle of a word too: dictionaries of parquet files
    join words without a gap. An id of another form (imported sets have them) must be a word of its own, or
    the beginning of the id of a part or clip.

    Args:
        ids: of the videos.
    """

    longest = 128
    """No occurrence has more characters."""

    def __init__(self, ids: Iterable[str]) -> None:
        self.ids = frozenset(ids)
        self.aids = {aid: bvid for bvid in self.ids if (aid := aid_of_bvid(bvid)) is not None}
        self._bodies = {bvid[2:].encode(): bvid for bvid in self.ids if is_bvid(bvid)}
        self._others = sorted(bvid for bvid in self.ids if not is_bvid(bvid))

    def __bool__(self) -> bool:
        return bool(self.ids)

    def owner(self, value: str) -> str | None:
        """Returns the video if the value is its id, or the id of one of its parts or clips."""
        if value in self.ids:
            return value
        base = video_of(value)
        return base if base in self.ids else None

    def find(self, text: bytes) -> Iterator[tuple[str, int, int]]:
        """Yields each occurrence: the video, and where it begins and ends."""
        # Searching for two letters is ten times as fast as a regular expression, and most files are films.
        lower = text.lower()
        for start in _places(lower, b"bv") if self._bodies else ():
            if bvid := self._bodies.get(text[start + 2 : start + 12]):
                yield bvid, start, start + 12
        for start in _places(lower, b"av") if self.aids else ():
            match = _NUMBER.match(text, start + 2)
            before = text[start - 1 : start] if start else b""
            if match and (bvid := self.aids.get(int(match[0]))) and not before.isalnum():
                yield bvid, start, match.end()
        for match in self._other.finditer(text) if self._others else ():
            yield match[0].decode(), match.start(), match.end()

    def named(self, text: str) -> frozenset[str]:
        """Returns the videos that occur in a text."""
        return frozenset(bvid for bvid, _, _ in self.find(text.encode("utf-8", "replace")))

    def redacted(self, text: str, mark: str = MARK) -> str:
        """Returns a text in which a mark takes the place of every occurrence."""
        data = text.encode("utf-8", "surrogatepass")
        parts, end = [], 0
        for _, start, stop in sorted(self.find(data), key=lambda found: found[1:]):
            if start >= end:
                parts += [data[end:start], mark.encode()]
                end = stop
        return b"".join([*parts, data[end:]]).decode("utf-8", "surrogatepass")

    @cached_property
    def coarse(self) -> str:
        """A regular expression (RE2) that every text with an occurrence matches, and others may match."""
        return "|".join(["(?i:bv[0-9a-z]{10}|av[0-9]+)", *map(re.escape, self._others)])

    @cached_property
    def _other(self) -> re.Pattern[bytes]:
        words = b"|".join(re.escape(word.encode()) for word in sorted(self._others, key=len, reverse=True))
        return re.compile(rb"(?<![0-9A-Za-z_-])(?:" + words + rb")(?![0-9A-Za-z-])(?!_(?!p\d|Clip_\d))")


def _places(text: bytes, letters: bytes) -> Iterator[int]:
    start = text.find(letters)
    while start >= 0:
        yield start
        start = text.find(letters, start + 1)

"""Recognises videos in names and texts: by their ids, the ids of their clips and parts, and av numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cached_property

from popdanceset.bilibili.ids import aid_of_bvid, is_bvid
from popdanceset.clip_id import video_of

MARK = "(withdrawn)"
"""Takes the place of an id in the text of another video's row."""

# A set of characters at the beginning is what the search is fast with.
_BV = re.compile(rb"[Bb][Vv](?=([0-9A-Za-z]{10}))")
_AV = re.compile(rb"[Aa][Vv](\d{1,16})(?!\d)")


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
        for match in _BV.finditer(text) if self._bodies else ():
            if bvid := self._bodies.get(match[1]):
                yield bvid, match.start(), match.start() + 12
        for match in _AV.finditer(text) if self.aids else ():
            before = text[match.start() - 1 : match.start()] if match.start() else b""
            if (bvid := self.aids.get(int(match[1]))) and not before.isalnum():
                yield bvid, match.start(), match.end()
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

"""Dance genre of a video from its section, tags and title, by the rules of a file that people can review."""

from __future__ import annotations

import functools
import re
import tomllib
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from popdanceset.errors import SettingsError

UNKNOWN = "unknown"
DEFAULT = Path(__file__).with_name("genres.toml")

_CONDITIONS: dict[str, type] = {"tid": int, "tid_v2": int, "tags": str, "words": str}


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule applies to a video if one of its conditions has a hit.

    Attributes:
        genre: what the video then is.
        tid, tid_v2: section numbers, old scheme and scheme of 2025.
        tags: whole tags, plain (see `plain`).
        words: finds a word in a title or tag, plain; None without words.
    """

    genre: str
    tid: frozenset[int]
    tid_v2: frozenset[int]
    tags: frozenset[str]
    words: re.Pattern[str] | None

    def applies(self, tid: int | None, tid_v2: int | None, title: str, tags: Iterable[str]) -> bool:
        """Whether a video with this section, plain title and plain tags is of the genre."""
        texts = (title, *tags)
        return (
            tid in self.tid
            or tid_v2 in self.tid_v2
            or not self.tags.isdisjoint(texts[1:])
            or (self.words is not None and any(self.words.search(text) for text in texts))
        )


def genre(
    tid: int | None,
    tid_v2: int | None,
    title: str | None = None,
    tags: Iterable[str] = (),
    rules: str | Path = "",
) -> str:
    """Name of the genre by the first rule that applies, or `unknown`.

    Args:
        tid: section number of the old scheme, None if it was not told.
        tid_v2: section number of the scheme of 2025, None likewise.
        title: of the video, None likewise.
        tags: of the video.
        rules: file of the rules; empty: those that come along.

    Raises:
        SettingsError: the file is missing, or holds no rules as described in `genres.toml`.
    """
    words = [plain(tag) for tag in tags]
    heading = plain(title or "")
    found = (rule for rule in read_rules(Path(rules or DEFAULT)) if rule.applies(tid, tid_v2, heading, words))
    return next((rule.genre for rule in found), UNKNOWN)


@functools.lru_cache(maxsize=4)
def read_rules(path: Path) -> tuple[Rule, ...]:
    """The rules of a file, in order.

    Raises:
        SettingsError: as `genre`.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(
            f"genre rules not readable: {error.strerror}", path, "set music.genres"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"genre rules are no TOML: {error}", path, "correct the file") from error
    known, entries = document.get("genres"), document.get("rule")
    if not (isinstance(known, list) and isinstance(entries, list)) or set(document) != {"genres", "rule"}:
        raise SettingsError("needs a list `genres` and tables `[[rule]]`, and nothing else", path)
    return tuple(_rule(entry, known, f"{path}, rule {n}") for n, entry in enumerate(entries, 1))


def plain(text: str) -> str:
    """Text in which case and width of letters make no difference."""
    return unicodedata.normalize("NFKC", text).casefold().strip()


def _rule(entry: dict[str, Any], known: list[str], where: str) -> Rule:
    unknown = set(entry) - {"genre", *_CONDITIONS}
    if unknown:
        raise SettingsError(f"{min(unknown)!r} is no condition", where, f"use {', '.join(_CONDITIONS)}")
    name = entry.get("genre")
    if name not in known:
        raise SettingsError(f"{name!r} is not in the list `genres`", where, "add it, or correct it")
    for key, kind in _CONDITIONS.items():
        values = entry.get(key, [])
        if not isinstance(values, list) or not all(type(value) is kind and value != "" for value in values):
            raise SettingsError(f"{key!r} is no list of {kind.__name__}", where, "correct the file")
    if len(entry) < 2:
        raise SettingsError("has no condition", where, f"use {', '.join(_CONDITIONS)}")
    words = "|".join(_pattern(plain(word)) for word in entry.get("words", []))
    return Rule(
        name,
        frozenset(entry.get("tid", [])),
        frozenset(entry.get("tid_v2", [])),
        frozenset(plain(tag) for tag in entry.get("tags", [])),
        re.compile(words) if words else None,
    )


def _pattern(word: str) -> str:
    """A Latin letter at an end of the word must not go on with another one; other scripts have no spaces."""
    before = "(?<![a-z0-9])" if word[0].isascii() else ""
    after = "(?![a-z0-9])" if word[-1].isascii() else ""
    return before + re.escape(word) + after

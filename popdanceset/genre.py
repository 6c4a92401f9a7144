"""Determines a video's dance genre from its section, tags and title, by rules that people can review."""

from __future__ import annotations

import functools
import re
import tomllib
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from popdanceset.errors import SettingsError

UNKNOWN = "unknown"
DEFAULT = Path(__file__).with_name("genres.toml")

_CONDITIONS: dict[str, type] = {"tid": int, "tid_v2": int, "tags": str, "words": str}


@dataclass(frozen=True, slots=True)
class GenreRule:
    """A rule applies to a video if one of its conditions matches.

    Attributes:
        genre: of the videos to which the rule applies.
        tid, tid_v2: section numbers, in the old scheme and the scheme of 2025.
        tags: whole tags, plain (see `plain`).
        words: matches a word in a plain title or tag; None if the rule has no words.
    """

    genre: str
    tid: frozenset[int]
    tid_v2: frozenset[int]
    tags: frozenset[str]
    words: re.Pattern[str] | None

    def by_section_or_title(self, tid: int | None, tid_v2: int | None, title: str) -> bool:
        """Returns whether the rule applies to a video in this section, or with this plain title."""
        return tid in self.tid or tid_v2 in self.tid_v2 or self._has_word(title)

    def by_tags(self, tags: Sequence[str]) -> bool:
        """Returns whether the rule applies to a video with these plain tags."""
        return not self.tags.isdisjoint(tags) or any(map(self._has_word, tags))

    def _has_word(self, text: str) -> bool:
        return self.words is not None and self.words.search(text) is not None


GenreStep = tuple[GenreRule, ...]
"""Rules that are tried together: first on section and title, then on tags."""


def genre(
    tid: int | None,
    tid_v2: int | None,
    title: str | None = None,
    tags: Iterable[str] = (),
    rules: str | Path = "",
) -> str:
    """Returns the name of the genre, or `unknown`.

    The first step in which a rule applies decides: the first rule that matches the section or the title, or
    else the first that matches a tag. Section and title have priority because a video has only one of each,
    while uploaders add many tags to attract searches.

    Args:
        tid: section number in the old scheme; None if unknown.
        tid_v2: section number in the scheme of 2025; None if unknown.
        title: of the video; None if unknown.
        tags: of the video.
        rules: file of the rules; empty: the built-in rules.

    Raises:
        SettingsError: the file is missing, or its rules are not as `genres.toml` describes.
    """
    words = [plain(tag) for tag in tags]
    heading = plain(title or "")
    for step in read_rules(rules_file(rules)):
        for rule in step:
            if rule.by_section_or_title(tid, tid_v2, heading):
                return rule.genre
        for rule in step:
            if rule.by_tags(words):
                return rule.genre
    return UNKNOWN


def rules_file(rules: str | Path) -> Path:
    """Returns the file of rules that a setting names; empty: the built-in rules."""
    return Path(rules).expanduser() if str(rules) else DEFAULT


@functools.lru_cache(maxsize=4)
def read_rules(path: Path) -> tuple[GenreStep, ...]:
    """Reads the rules of a file, step by step, in order.

    Raises:
        SettingsError: as `genre`.
    """
    known, steps = _document(path)
    return tuple(_step(step, known, f"{path}, step {n}") for n, step in enumerate(steps, 1))


def names(rules: str | Path = "") -> tuple[str, ...]:
    """Returns the names that a genre may have, `unknown` among them.

    Args:
        rules: as for `genre`.

    Raises:
        SettingsError: as `genre`.
    """
    known, _ = _document(rules_file(rules))
    return tuple(dict.fromkeys([*map(str, known), UNKNOWN]))


def _document(path: Path) -> tuple[list[Any], list[Any]]:
    """The list of genres and the steps of a file of rules."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(
            f"cannot read the genre rules: {error.strerror}", path, "set music.genres"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"the genre rules are not TOML: {error}", path, "correct the file") from error
    known, steps = document.get("genres"), document.get("step")
    if not (isinstance(known, list) and isinstance(steps, list)) or set(document) != {"genres", "step"}:
        raise SettingsError(
            "must have a list `genres`, tables `[[step]]`, and nothing else", path, f"see {DEFAULT}"
        )
    return known, steps


def plain(text: str) -> str:
    """Normalises case and width of letters, so that they make no difference."""
    return unicodedata.normalize("NFKC", text).casefold().strip()


def _step(entry: Any, known: list[str], where: str) -> GenreStep:
    rules = entry.get("rule") if isinstance(entry, dict) else None
    if not isinstance(rules, list) or set(entry) - {"about", "rule"}:
        raise SettingsError(
            "must have tables `[[step.rule]]`, and nothing else but `about`", where, "correct the file"
        )
    return tuple(_rule(rule, known, f"{where}, rule {n}") for n, rule in enumerate(rules, 1))


def _rule(entry: Any, known: list[str], where: str) -> GenreRule:
    if not isinstance(entry, dict):
        raise SettingsError("is not a table", where, "correct the file")
    unknown = set(entry) - {"genre", *_CONDITIONS}
    if unknown:
        raise SettingsError(f"{min(unknown)!r} is not a condition", where, f"use {', '.join(_CONDITIONS)}")
    name = entry.get("genre")
    if name not in known:
        raise SettingsError(
            f"{name!r} is not in the list `genres`", where, "add it to the list, or correct it"
        )
    for key, kind in _CONDITIONS.items():
        values = entry.get(key, [])
        if not isinstance(values, list) or not all(type(value) is kind and value != "" for value in values):
            raise SettingsError(f"{key!r} is not a list of {kind.__name__}", where, "correct the file")
    if len(entry) < 2:
        raise SettingsError("has no condition", where, f"use {', '.join(_CONDITIONS)}")
    words = "|".join(_pattern(plain(word)) for word in entry.get("words", []))
    return GenreRule(
        name,
        frozenset(entry.get("tid", [])),
        frozenset(entry.get("tid_v2", [])),
        frozenset(plain(tag) for tag in entry.get("tags", [])),
        re.compile(words) if words else None,
    )


def _pattern(word: str) -> str:
    """Returns a pattern that finds a Latin word as a whole word only.

    Words of other scripts are found anywhere, because those scripts have no spaces.
    """
    before = "(?<![a-z0-9])" if word[0].isascii() else ""
    after = "(?![a-z0-9])" if word[-1].isascii() else ""
    return before + re.escape(word) + after

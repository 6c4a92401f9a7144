"""Files of a set: found below its folder, and lists of ids as text."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from popdanceset.errors import InputError
from popdanceset.importers.ids import shown

MOST_FILES = 1_000_000
_LONGEST_LIST = 64 << 20


def files_below(folder: Path, endings: Collection[str]) -> list[Path]:
    """Returns the files below a folder with one of these endings, in the order of their names.

    A folder that is reached twice, by links, is read once. Hidden files and folders (as archives of macOS
    have them) are skipped.

    Raises:
        InputError: the folder cannot be read, or contains absurdly many files.
    """
    found: list[Path] = []
    try:
        for path in _walk(folder):
            if path.suffix.lower() in endings:
                found.append(path)
                if len(found) > MOST_FILES:
                    raise InputError(f"contains more than {MOST_FILES} files", folder, "import a part of it")
    except OSError as error:
        raise InputError(
            f"not readable: {error.strerror}", folder, "give the folder of a motion set"
        ) from None
    return sorted(found)


def _walk(folder: Path, seen: set[Path] | None = None) -> Iterator[Path]:
    seen = set() if seen is None else seen
    seen.add(folder.resolve())
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith((".", "__MACOSX")):
            continue
        if entry.is_dir():
            if entry.resolve() not in seen:
                yield from _walk(entry, seen)
        elif entry.is_file():
            yield entry


def named(folder: Path, names: Collection[str]) -> list[Path]:
    """Returns the files below a folder whose name, without regard to case, is one of these."""
    return [path for path in _walk(folder) if path.name.lower() in names] if folder.is_dir() else []


def by_stem(paths: Collection[Path]) -> dict[str, list[Path]]:
    """Groups files by their names without endings."""
    grouped: dict[str, list[Path]] = {}
    for path in paths:
        grouped.setdefault(path.stem, []).append(path)
    return grouped


def read_lines(path: Path) -> list[tuple[int, str]]:
    """Reads a list of names: the number of each line that is not blank, and its text without space around it.

    Raises:
        InputError: the file is not readable text.
    """
    try:
        if path.stat().st_size > _LONGEST_LIST:
            raise InputError("is too large for a list of ids", path, "give a text file with one id a line")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"not readable: {error.strerror}", path, "check the path") from None
    except UnicodeDecodeError:
        raise InputError("not UTF-8 text", path, "give a text file with one id a line") from None
    lines = ((number, line.strip(" \t\r")) for number, line in enumerate(text.split("\n"), 1))
    return [(number, line) for number, line in lines if line]


def check_lines(lines: list[tuple[int, str]], path: Path) -> dict[str, int]:
    """Returns the ids of a list with their line numbers.

    Raises:
        InputError: an id occurs twice.
    """
    found: dict[str, int] = {}
    for number, text in lines:
        if text in found:
            raise InputError(
                f"{shown(text)} occurs twice", f"{path}, line {number}", "remove one of the lines"
            )
        found[text] = number
    return found

"""Removes videos from CSV, JSON and other texts, and leaves everything else in them as it was."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from popdanceset.withdrawal.targets import Targets

_GONE = object()


def without_lines(text: str, targets: Targets) -> tuple[str, int]:
    """Removes the records of a CSV file that are about one of the videos.

    Other records keep their bytes; an id that occurs in the text of one is replaced by a mark.

    Returns:
        The text, and the number of removed records.
    """
    kept, removed = [], 0
    for raw, cells in _records(text):
        if any(targets.owner(cell.strip()) for cell in cells):
            removed += 1
        else:
            kept.append(targets.redacted(raw))
    return "".join(kept), removed


def without_entries(document: Any, targets: Targets) -> tuple[Any, int]:
    """Removes the entries of a JSON document that are about one of the videos.

    An entry of a list or mapping goes if it is the id of a video (or of a clip of it), has it as its key, or
    is a mapping whose `bvid` or `clip_id` is one. In other texts a mark replaces the id.

    Returns:
        The document, None if nothing is left of it, and the number of changes.
    """
    changes = 0

    def clean(value: Any) -> Any:
        nonlocal changes
        if isinstance(value, str):
            if targets.owner(value):
                return _GONE
            if not targets.named(value):
                return value
            changes += 1
            return targets.redacted(value)
        if isinstance(value, list):
            return [each for each in map(clean, value) if not dropped(each)]
        if isinstance(value, dict):
            if any(targets.owner(str(value.get(key, ""))) for key in ("bvid", "clip_id")):
                return _GONE
            return {key: each for key, each in map(pair, value.items()) if not dropped(each)}
        return value

    def pair(item: tuple[str, Any]) -> tuple[str, Any]:
        key, value = item
        return key, _GONE if targets.named(key) else clean(value)

    def dropped(value: Any) -> bool:
        nonlocal changes
        changes += value is _GONE
        return value is _GONE

    cleaned = clean(document)
    return (None, changes + 1) if cleaned is _GONE else (cleaned, changes)


def _records(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yields each record as it was written, which may have several lines, and its cells."""
    lines: list[str] = []

    def noted() -> Iterator[str]:
        for line in io.StringIO(text, newline=""):
            lines.append(line)
            yield line

    source = noted()
    try:
        for cells in csv.reader(source):
            raw, lines[:] = "".join(lines), []
            yield raw, cells
    except csv.Error:  # the rest is no CSV, and is treated as plain text
        yield "".join([*lines, *source]), []

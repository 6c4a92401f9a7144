"""The clips of a manifest by their ids, as text next to its videos: `manifests/NAME/clips.csv`.

The list is where ids live: a plan made later, elsewhere or with other thresholds reads from it which clip had
which number. A clip that is no longer made keeps its line, marked as retired, so that its number is not given
to another clip. A clip that reviewers split or trimmed has its planned span there too, by which its pieces
are known to belong together (`popdanceset.video.recut.roots`).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydantic import FiniteFloat, PositiveInt, model_validator

from popdanceset import layout
from popdanceset.clip_id import clip_id
from popdanceset.schema import CLIPS
from popdanceset.store import Store
from popdanceset.video.csv_lines import Line, read_lines
from popdanceset.video.planning import Known
from popdanceset.video.recut import Interval, roots
from popdanceset.withdrawal.tombstones import withdrawn

if TYPE_CHECKING:
    from popdanceset.manifest import Manifest

COLUMNS = ("clip_id", "bvid", "page", "number", "start", "end", "state")
OPTIONAL = ("planned_start", "planned_end")
"""Columns that are written if a clip of the list was split or trimmed."""

CURRENT, RETIRED = "current", "retired"

Part = tuple[str, int]
"""Video id and page."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A clip of the list.

    Attributes:
        clip: its number and span.
        retired: whether it is no longer made.
        changed_from: its planned span, seconds, if a reviewer split or trimmed it.
    """

    clip: Known
    retired: bool = False
    changed_from: Interval | None = None

    @property
    def planned(self) -> Interval:
        """The planned span, seconds."""
        return self.changed_from or (self.clip.start, self.clip.end)


class ClipLine(Line):
    """A line of the list; `clip_id` is for readers, and follows from the other columns."""

    bvid: str
    page: int
    number: PositiveInt
    start: FiniteFloat
    end: FiniteFloat
    state: str
    planned_start: FiniteFloat | None = None
    planned_end: FiniteFloat | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.end < self.start:
            raise ValueError("start and end contradict each other")
        if (self.planned_start is None) != (self.planned_end is None):
            raise ValueError("planned_start and planned_end belong together")
        if self.planned and self.planned[1] < self.planned[0]:
            raise ValueError("planned_start and planned_end contradict each other")
        return self

    @property
    def planned(self) -> Interval | None:
        """The planned span, if it is another one than the clip's."""
        if self.planned_start is None or self.planned_end is None:
            return None
        return self.planned_start, self.planned_end


def read_clip_list(folder: Path) -> dict[Part, list[Listed]]:
    """Returns the clips of each part; empty if there is no list yet.

    Raises:
        ManifestError: the file is unreadable, lacks a column, or a cell has a wrong value.
    """
    listed: dict[Part, list[Listed]] = {}
    for _, line in read_lines(folder / layout.MANIFEST_CLIPS, ClipLine):
        clip = Known(line.number, line.start, line.end)
        found = Listed(clip, line.state == RETIRED, line.planned)
        listed.setdefault((line.bvid, line.page), []).append(found)
    return listed


def list_clips(folder: Path, manifest: Manifest, store: Store) -> None:
    """Brings a manifest's list up to date with the clips of its videos that are in the store.

    Raises:
        ManifestError, StoreError: as `write_clip_list`.
    """
    import pyarrow.dataset as ds

    gone = withdrawn(store)
    wanted = [video.bvid for video in manifest.videos if video.bvid not in gone]
    rows = store.read_table(layout.CLIPS, CLIPS, filter=ds.field("bvid").isin(wanted))
    write_clip_list(folder, rows.to_pylist(), gone)


def write_clip_list(
    folder: Path, rows: Iterable[Mapping[str, Any]], gone: Collection[str] = frozenset()
) -> None:
    """Writes the list again: the clips of these rows, and, retired, those that were in it and no longer are.

    Parts without any row keep their lines. A retired piece of a clip gets the clip's present planned span, by
    which it is still known to belong to it. The same rows give the same bytes.

    Args:
        rows: of `popdanceset.schema.CLIPS`.
        gone: withdrawn videos, which lose their lines.

    Raises:
        ManifestError: as `read_clip_list`.
        StoreError: the folder is not writable.
    """
    before = read_clip_list(folder)
    now: dict[Part, dict[int, Listed]] = {}
    for row in rows:
        part = now.setdefault((row["bvid"], row["page"]), {})
        if row["accepted"]:
            number = int(row["clip_id"].rpartition("_")[2])
            part[number] = Listed(Known(number, row["start"], row["end"]), changed_from=planned_span(row))
    for place, lines in before.items():
        if place[0] in gone:
            continue
        kept = place not in now
        part = now.setdefault(place, {})
        whole = roots({line.clip.number: line.planned for line in lines})
        for line in lines:
            if line.clip.number not in part:
                root = part.get(whole[line.clip.number])
                planned = root.planned if root else line.changed_from
                part[line.clip.number] = Listed(line.clip, line.retired or not kept, planned)
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    is_changed = any(_planned_cells(line) for part in now.values() for line in part.values())
    writer.writerow([*COLUMNS, *(OPTIONAL if is_changed else ())])
    for (bvid, page), numbered in sorted(now.items()):
        for number, line in sorted(numbered.items()):
            state = RETIRED if line.retired else CURRENT
            cells = [clip_id(bvid, number, page), bvid, page, number, *_cells(line.clip.start, line.clip.end)]
            optional = (_planned_cells(line) or ["", ""]) if is_changed else []
            writer.writerow([*cells, state, *optional])
    Store(folder).write_bytes(layout.MANIFEST_CLIPS, text.getvalue().encode())


def planned_span(row: Mapping[str, Any]) -> Interval | None:
    """Returns the planned span of a row of CLIPS that a reviewer split or trimmed; None for any other."""
    if row.get("planned_start") is None or row.get("planned_end") is None:
        return None
    return row["planned_start"], row["planned_end"]


def _planned_cells(line: Listed) -> list[str]:
    """The cells of a planned span; none if it is the clip's own."""
    planned = _cells(*line.planned)
    return planned if planned != _cells(line.clip.start, line.clip.end) else []


def _cells(start: float, end: float) -> list[str]:
    return [f"{start:.4f}", f"{end:.4f}"]

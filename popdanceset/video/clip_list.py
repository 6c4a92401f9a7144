"""The clips of a manifest by their ids, as text next to its videos: `manifests/NAME/clips.csv`.

The list is where ids live: a plan made later, elsewhere or with other thresholds reads from it which clip had
which number. A clip that is no longer made keeps its line, marked as retired, so that its number is not given
to another clip.
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
from popdanceset.withdrawal.tombstones import withdrawn

if TYPE_CHECKING:
    from popdanceset.manifest import Manifest

COLUMNS = ("clip_id", "bvid", "page", "number", "start", "end", "state")
CURRENT, RETIRED = "current", "retired"

Part = tuple[str, int]
"""Video id and page."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A clip of the list, and whether it is no longer made."""

    clip: Known
    retired: bool = False


class ClipLine(Line):
    """A line of the list; `clip_id` is for readers, and follows from the other columns."""

    bvid: str
    page: int
    number: PositiveInt
    start: FiniteFloat
    end: FiniteFloat
    state: str

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.end < self.start:
            raise ValueError("start and end contradict each other")
        return self


def read_clip_list(folder: Path) -> dict[Part, list[Listed]]:
    """Returns the clips of each part; empty if there is no list yet.

    Raises:
        ManifestError: the file is unreadable, lacks a column, or a cell has a wrong value.
    """
    listed: dict[Part, list[Listed]] = {}
    for _, line in read_lines(folder / layout.MANIFEST_CLIPS, ClipLine):
        clip = Known(line.number, line.start, line.end)
        listed.setdefault((line.bvid, line.page), []).append(Listed(clip, line.state == RETIRED))
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

    Parts without any row keep their lines. The same rows give the same bytes.

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
            part[number] = Listed(Known(number, row["start"], row["end"]))
    for place, lines in before.items():
        if place[0] in gone:
            continue
        kept = place not in now
        part = now.setdefault(place, {})
        for line in lines:
            part.setdefault(line.clip.number, Listed(line.clip, line.retired or not kept))
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for (bvid, page), numbered in sorted(now.items()):
        for number, line in sorted(numbered.items()):
            clip, state = line.clip, RETIRED if line.retired else CURRENT
            name = clip_id(bvid, number, page)
            writer.writerow([name, bvid, page, number, f"{clip.start:.4f}", f"{clip.end:.4f}", state])
    Store(folder).write_bytes(layout.MANIFEST_CLIPS, text.getvalue().encode())

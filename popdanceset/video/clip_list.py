"""The clips of a manifest by their ids, as text beside its videos: `manifests/NAME/clips.csv`.

The list is where ids live: a plan made later, elsewhere or with other thresholds reads from it which clip had
which number. A clip that is no longer made keeps its line, marked as retired, so that its number is not given
to another one.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from popdanceset.clip_id import clip_id
from popdanceset.errors import ManifestError
from popdanceset.schema import CLIPS
from popdanceset.store import Store
from popdanceset.video.planning import Known

if TYPE_CHECKING:
    from popdanceset.manifest import Manifest

TABLE = "clips.csv"
COLUMNS = ("clip_id", "bvid", "page", "number", "start", "end", "state")
CURRENT, RETIRED = "current", "retired"

Part = tuple[str, int]
"""Video id and page."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A line: a clip and whether it is still made."""

    clip: Known
    retired: bool = False


def read_clip_list(folder: Path) -> dict[Part, list[Listed]]:
    """The clips of each part; nothing where there is no list yet.

    Raises:
        ManifestError: the file is unreadable, or a cell does not fit.
    """
    path = folder / TABLE
    if not path.exists():
        return {}
    listed: dict[Part, list[Listed]] = {}
    try:
        reader = csv.DictReader(io.StringIO(path.read_text("utf-8-sig"), newline=""))
        for row in reader:
            clip = Known(int(row["number"]), float(row["start"]), float(row["end"]))
            if clip.number < 1 or not math.isfinite(clip.end - clip.start) or clip.end < clip.start:
                raise ValueError("number, start and end contradict each other")
            part = (row["bvid"], int(row["page"]))
            listed.setdefault(part, []).append(Listed(clip, row["state"] == RETIRED))
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestError(f"cannot be read: {error}", path, "check its permissions") from error
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise ManifestError(
            f"is no list of clips: {error!r}", f"{path}, line {reader.line_num}", "correct or delete the file"
        ) from error
    return listed


def list_clips(folder: Path, manifest: Manifest, store: Store) -> None:
    """Brings a manifest's list up to date with the clips that the store has of its videos.

    Raises:
        ManifestError, StoreError: as `write_clip_list`.
    """
    import pyarrow.dataset as ds

    of_manifest = ds.field("bvid").isin([video.bvid for video in manifest.videos])
    write_clip_list(folder, store.read_table("clips", CLIPS, filter=of_manifest).to_pylist())


def write_clip_list(folder: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Writes the list anew: the clips of these rows, and retired those that were in it and are no more.

    Parts of which no row is given keep their lines. The same rows give the same bytes.

    Args:
        rows: of `popdanceset.schema.CLIPS`.

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
    Store(folder).write_bytes(TABLE, text.getvalue().encode())

"""Manifests: what a dataset version is made of, as text that people review and git keeps.

manifests/NAME/manifest.yaml   name, model, thresholds, snapshot, counts
manifests/NAME/videos.csv      one line a video, ordered by bvid
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from popdanceset.bilibili.ids import is_bvid
from popdanceset.errors import ManifestError, StoreError
from popdanceset.store import Store

FORMAT = 1
DOCUMENT = "manifest.yaml"
TABLE = "videos.csv"


@dataclass(frozen=True)
class ManifestVideo:
    """One accepted video; the columns of `videos.csv` in this order.

    Attributes:
        bvid: video id.
        pop: Pop of Eq. 1, to six digits.
        view: views at the snapshot.
        follower: followers of the uploader.
        mid: uploader id.
        title: title.
        duration: announced length of all parts in seconds.
        pages: number of parts.
        tid: section, old scheme.
        tid_v2: section, scheme of 2025.
        snapshot_at: when the counts were read.
    """

    bvid: str
    pop: float
    view: int | None = None
    follower: int | None = None
    mid: int | None = None
    title: str | None = None
    duration: float | None = None
    pages: int | None = None
    tid: int | None = None
    tid_v2: int | None = None
    snapshot_at: datetime | None = None

    @classmethod
    def columns(cls) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(f.name for f in fields(cls))


@dataclass(frozen=True)
class Manifest:
    """A dataset version's videos and where they come from.

    Attributes:
        name: name of the version.
        videos: ordered by bvid.
        provenance: everything else in `manifest.yaml`: model, thresholds, snapshot, counts by reason.
    """

    name: str
    videos: tuple[ManifestVideo, ...]
    provenance: dict[str, Any] = field(default_factory=dict)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Writes both files; the same manifest gives the same bytes.

    Raises:
        ManifestError: an id is no video id or comes twice.
        StoreError: the folder is not writable.
    """
    videos = sorted(manifest.videos, key=lambda video: video.bvid)
    for before, video in zip([None, *videos], videos, strict=False):
        if not is_bvid(video.bvid) or (before and before.bvid == video.bvid):
            raise ManifestError(
                f"{video.bvid!r} is no video id, or comes twice", folder, "correct the selection"
            )
    write_videos(folder, manifest.name, videos, manifest.provenance)


def write_videos(
    folder: Path, name: str, videos: Iterable[ManifestVideo], provenance: Mapping[str, Any]
) -> None:
    """Writes both files of a manifest whose videos need not be in memory at once.

    Args:
        folder: of the manifest.
        name: of the version.
        videos: checked, and ordered by bvid.
        provenance: the rest of `manifest.yaml`.

    Raises:
        StoreError: the folder is not writable.
    """
    target = Store(folder)
    columns, count = ManifestVideo.columns(), 0
    with target.open_write(TABLE) as file:
        text = io.TextIOWrapper(file, "utf-8", newline="", write_through=True)
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        for video in videos:
            writer.writerow([_written(getattr(video, column)) for column in columns])
            count += 1
        text.detach()
    document = {"name": name, "format": FORMAT, "videos": count, **provenance}
    target.write_bytes(
        DOCUMENT, yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110).encode()
    )


def read_manifest(folder: Path) -> Manifest:
    """Reads and checks both files.

    Lines may have been removed, added or reordered by hand, and columns added; unknown columns are ignored.

    Raises:
        ManifestError: a file is missing or unreadable, a column is missing, a cell does not fit, an id is no
            video id or comes twice.
    """
    document = _read_document(folder / DOCUMENT)
    name = document.pop("name", None)
    if not isinstance(name, str) or document.pop("format", None) != FORMAT:
        raise ManifestError(
            f"needs a name and format {FORMAT}", folder / DOCUMENT, "make it with `popdanceset select`"
        )
    document.pop("videos", None)
    return Manifest(name, _read_videos(folder / TABLE), document)


def _read_document(path: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(_read_text(path))
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise ManifestError("no YAML", f"{path}{line}", "correct the file") from error
    if not isinstance(document, dict):
        raise ManifestError("holds no mapping", path, "make it with `popdanceset select`")
    return document


def _read_videos(path: Path) -> tuple[ManifestVideo, ...]:
    reader = csv.DictReader(io.StringIO(_read_text(path), newline=""), strict=True)
    videos: dict[str, ManifestVideo] = {}
    try:
        lacking = [name for name in ("bvid", "pop") if name not in (reader.fieldnames or ())]
        if lacking:
            raise ManifestError(
                f"columns {', '.join(lacking)} are missing", path, "make it with `popdanceset select`"
            )
        for row in reader:
            where = f"{path}, line {reader.line_num}"
            video = _video(row, where)
            if video.bvid in videos:
                raise ManifestError(f"{video.bvid} comes twice", where, "remove one of the lines")
            videos[video.bvid] = video
    except csv.Error as error:
        raise ManifestError(
            f"no CSV: {error}", f"{path}, line {reader.line_num}", "correct the file"
        ) from error
    return tuple(videos[bvid] for bvid in sorted(videos))


def _video(row: dict[str, str | None], where: str) -> ManifestVideo:
    bvid = row["bvid"]
    if not is_bvid(bvid):
        raise ManifestError(f"{str(bvid)[:40]!r} is no video id", where, "correct or remove the line")
    cells: dict[str, Any] = {}
    for name, read in _READERS.items():
        text = row.get(name) or ""
        try:
            cells[name] = read(text) if text else None
        except ValueError as error:
            raise ManifestError(f"{name} cannot be {text[:40]!r}", where, "correct the line") from error
    if cells["pop"] is None:
        raise ManifestError("pop is empty", where, "correct or remove the line")
    return ManifestVideo(**cells)


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number


def _measure(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


_READERS: dict[str, Callable[[str], Any]] = {
    "bvid": str,
    "pop": _measure,
    "view": _count,
    "follower": _count,
    "mid": _count,
    "title": str,
    "duration": _measure,
    "pages": _count,
    "tid": _count,
    "tid_v2": _count,
    "snapshot_at": datetime.fromisoformat,
}


def _written(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").rstrip(".")
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _read_text(path: Path) -> str:
    try:
        return Store(path.parent).read_bytes(path.name).decode("utf-8-sig")
    except StoreError as error:
        raise ManifestError(error.what, path, "make the manifest with `popdanceset select`") from error
    except UnicodeDecodeError as error:
        raise ManifestError("no text in UTF-8", path, "save it as UTF-8") from error

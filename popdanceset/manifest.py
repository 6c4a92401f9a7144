"""Manifests: the videos of a dataset version, as text that people review and git keeps.

manifests/NAME/manifest.yaml   name, model, thresholds, snapshot, counts
manifests/NAME/videos.csv      one line a video, ordered by bvid
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import yaml
from pydantic import (
    BeforeValidator,
    FiniteFloat,
    NonNegativeInt,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)

from popdanceset.bilibili.ids import is_bvid
from popdanceset.errors import ManifestError, StoreError
from popdanceset.layout import MANIFEST_DOCUMENT, MANIFEST_VIDEOS
from popdanceset.store import Store

if TYPE_CHECKING:
    from popdanceset.settings import Settings

FORMAT = 1

OPTIONAL = ("dancers", "source")
"""Columns of `videos.csv` that are written if a video has a value: of joint uploads, and of imports."""

IMPORTS = "imports"
"""Key of `manifest.yaml` under which each import stands."""

IsoTime = Annotated[datetime, BeforeValidator(datetime.fromisoformat)]


@dataclass(frozen=True)
class ManifestVideo:
    """One accepted video; its attributes are the columns of `videos.csv`, in this order.

    The types are checked when a line is read (`read_manifest`), not when an object is made: a selection makes
    millions of them from numbers that were checked before.

    Attributes:
        bvid: video id.
        pop: Pop of Eq. 1, to six digits; None for an imported video, of which nobody knows the counts.
        view: views at the snapshot.
        follower: followers of the uploader; of a joint upload, those of all its people together.
        mid: uploader id.
        title: title.
        duration: announced length of all parts in seconds.
        pages: number of parts.
        tid: section, old scheme.
        tid_v2: section, scheme of 2025.
        snapshot_at: when the counts were read.
        dancers: ids of the dancers of a joint upload, joined by `+`; None for other videos.
        source: `imported: ` and the kind of set; None if the selection chose the video.
    """

    bvid: str
    pop: FiniteFloat | None
    view: NonNegativeInt | None = None
    follower: NonNegativeInt | None = None
    mid: NonNegativeInt | None = None
    title: str | None = None
    duration: FiniteFloat | None = None
    pages: NonNegativeInt | None = None
    tid: NonNegativeInt | None = None
    tid_v2: NonNegativeInt | None = None
    snapshot_at: IsoTime | None = None
    dancers: Annotated[str, StringConstraints(pattern=r"^\d{1,19}(\+\d{1,19})*$")] | None = None
    source: str | None = None

    @classmethod
    def columns(cls) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(f.name for f in fields(cls))


@dataclass(frozen=True)
class Manifest:
    """The videos of a dataset version, and where they come from.

    Attributes:
        name: name of the version.
        videos: ordered by bvid.
        provenance: everything else in `manifest.yaml`: model, thresholds, snapshot, counts by reason.
    """

    name: str
    videos: tuple[ManifestVideo, ...]
    provenance: dict[str, Any] = field(default_factory=dict)


def find_manifest(name_or_folder: str | Path, settings: Settings) -> Path:
    """Returns the folder of a manifest, which every command accepts by name or by folder.

    A bare name means a folder of `settings.manifests`; where that does not exist, a manifest of this name in
    the current directory. Anything with a slash is a folder. The folder need not exist.

    Raises:
        ManifestError: the name is empty.
    """
    text = str(name_or_folder)
    if not text.strip():
        raise ManifestError("the manifest's name is empty", do="give a name or a folder")
    given, listed = Path(text).expanduser(), Path(settings.manifests, text).expanduser()
    if "/" in text or text in (".", ".."):
        return given.resolve() if given.name in ("", "..") else given
    return given if (given / MANIFEST_DOCUMENT).is_file() and not listed.is_dir() else listed


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Writes both files. The same manifest gives the same bytes.

    Raises:
        ManifestError: an id is not a video id or occurs twice.
        StoreError: the folder is not writable.
    """
    videos = sorted(manifest.videos, key=lambda video: video.bvid)
    for before, video in zip([None, *videos], videos, strict=False):
        if not is_bvid(video.bvid) or (before and before.bvid == video.bvid):
            raise ManifestError(
                f"{video.bvid!r} is not a video id, or occurs twice", folder, "correct the selection"
            )
    optional = {name for name in OPTIONAL if any(getattr(video, name) for video in videos)}
    write_videos(folder, manifest.name, videos, manifest.provenance, optional)


def write_videos(
    folder: Path,
    name: str,
    videos: Iterable[ManifestVideo],
    provenance: Mapping[str, Any],
    optional: Collection[str] = (),
) -> None:
    """Writes both files of a manifest; its videos need not be in memory at once.

    Args:
        folder: of the manifest.
        name: of the version.
        videos: checked, and ordered by bvid.
        provenance: the rest of `manifest.yaml`.
        optional: which of the columns `OPTIONAL` to write.

    Raises:
        StoreError: the folder is not writable.
    """
    target = Store(folder)
    columns = [name for name in ManifestVideo.columns() if name not in OPTIONAL or name in optional]
    count = 0
    with target.open_write(MANIFEST_VIDEOS) as file:
        text = io.TextIOWrapper(file, "utf-8", newline="", write_through=True)
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        for video in videos:
            writer.writerow([_written(getattr(video, column)) for column in columns])
            count += 1
        text.detach()
    document = {"name": name, "format": FORMAT, "videos": count, **provenance}
    target.write_bytes(
        MANIFEST_DOCUMENT, yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110).encode()
    )


def read_manifest(folder: Path) -> Manifest:
    """Reads and checks both files.

    People may have removed, added or reordered lines, and added columns: unknown columns are ignored.

    Raises:
        ManifestError: a file is missing or unreadable, a column is missing, a cell does not fit, an id is not
            a video id or occurs twice.
    """
    document = _read_document(folder / MANIFEST_DOCUMENT)
    name = document.pop("name", None)
    if not isinstance(name, str) or document.pop("format", None) != FORMAT:
        raise ManifestError(
            f"needs a name and format {FORMAT}",
            folder / MANIFEST_DOCUMENT,
            "create it with `popdanceset select`",
        )
    document.pop("videos", None)
    return Manifest(name, _read_videos(folder / MANIFEST_VIDEOS), document)


def read_imports(folder: Path) -> Manifest:
    """Reads what imports added to a manifest: their videos, and the entry `imports`.

    A folder without a manifest, or one without imports, gives an empty manifest; its videos are not read.

    Raises:
        ManifestError: as `read_manifest`.
    """
    document = folder / MANIFEST_DOCUMENT
    if not document.is_file() or IMPORTS not in (facts := _read_document(document)):
        return Manifest(folder.name, ())
    videos = tuple(video for video in read_manifest(folder).videos if video.source)
    return Manifest(folder.name, videos, {IMPORTS: facts[IMPORTS]})


def _read_document(path: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(_read_text(path))
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise ManifestError("not valid YAML", f"{path}{line}", "correct the file") from error
    if not isinstance(document, dict):
        raise ManifestError("does not contain a mapping", path, "create it with `popdanceset select`")
    return document


def _read_videos(path: Path) -> tuple[ManifestVideo, ...]:
    reader = csv.DictReader(io.StringIO(_read_text(path), newline=""), strict=True)
    videos: dict[str, ManifestVideo] = {}
    try:
        lacking = [name for name in ("bvid", "pop") if name not in (reader.fieldnames or ())]
        if lacking:
            raise ManifestError(
                f"columns {', '.join(lacking)} are missing", path, "create it with `popdanceset select`"
            )
        for row in reader:
            where = f"{path}, line {reader.line_num}"
            video = _video(row, where)
            if video.bvid in videos:
                raise ManifestError(f"{video.bvid} occurs twice", where, "remove one of the lines")
            videos[video.bvid] = video
    except csv.Error as error:
        raise ManifestError(
            f"not valid CSV: {error}", f"{path}, line {reader.line_num}", "correct the file"
        ) from error
    return tuple(videos[bvid] for bvid in sorted(videos))


def _video(row: dict[str, str | None], where: str) -> ManifestVideo:
    bvid = row["bvid"]
    if not is_bvid(bvid):
        raise ManifestError(f"{str(bvid)[:40]!r} is not a video id", where, "correct or remove the line")
    cells = {name: row[name] for name in ManifestVideo.columns() if row.get(name)}
    if "pop" not in cells and not row.get("source"):
        raise ManifestError("pop is empty", where, "correct or remove the line")
    try:
        return _line_type().validate_python({"pop": None, **cells})
    except ValidationError as error:
        name = str(error.errors()[0]["loc"][0])
        raise ManifestError(f"{name} cannot be {str(row[name])[:40]!r}", where, "correct the line") from error


@cache
def _line_type() -> TypeAdapter[ManifestVideo]:
    return TypeAdapter(ManifestVideo)


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
        raise ManifestError(error.what, path, "create the manifest with `popdanceset select`") from error
    except UnicodeDecodeError as error:
        raise ManifestError("not UTF-8 text", path, "save it as UTF-8") from error

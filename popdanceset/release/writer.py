"""Writes a release: whole or not at all, and not again if nothing has changed."""

from __future__ import annotations

import datetime
import json
import logging
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

import popdanceset
from popdanceset.layout import MANIFEST_DOCUMENT, MANIFEST_VIDEOS
from popdanceset.music.merges import aliases, pairs
from popdanceset.progress import Advance, ignore
from popdanceset.release import card, croissant
from popdanceset.release.content import ContentHash
from popdanceset.release.members import Source, members, music_features, read_frames, read_music, source
from popdanceset.release.shards import MAX_BYTES, Place, ShardWriter
from popdanceset.release.splits import Clip, assign_splits
from popdanceset.release.statistics import TableStatistics
from popdanceset.release.versions import FOLDER, INFO, choose_version, published
from popdanceset.schema import FPS, FRAMES, RELEASE_CLIPS, VERSION, describe
from popdanceset.settings import Settings
from popdanceset.store import Store
from popdanceset.tables import conform, from_rows

SPLITS = ("train", "test")
SHORT, LONG = 12.0, 29.5
"""Seconds: clips below and above are called short and long (paper, Sec. 3.1, and its later description)."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReleaseReport:
    """What was published.

    Attributes:
        version: of the release.
        path: its name inside the store.
        clips, frames, seconds: what it holds.
        written: false if a release with the same content was there already.
    """

    version: str
    path: str
    clips: int
    frames: int
    seconds: float
    written: bool


def publish(
    settings: Settings,
    store: Store,
    manifest_name: str,
    advance: Advance = ignore,
    day: datetime.date | None = None,
    max_bytes: int = MAX_BYTES,
) -> ReleaseReport:
    """Publishes everything of a manifest that was accepted.

    The release is built aside and moved into the store as a whole. The same inputs give the same rows in the
    same order. If the newest release (or the one whose version is asked for) has the same content, it is left
    as it is.

    Args:
        settings: version, split and licence.
        store: holds the tables and receives the release, below `releases/`.
        manifest_name: whose videos are published.
        advance: told of each clip.
        day: of publication; None: today.
        max_bytes: size at which a new data file is begun.

    Raises:
        InputError: no clip is accepted, or the version asked for exists with other content.
        SchemaError: rows of a clip contradict each other.
        StoreError: something is missing, or the store cannot be written.
    """
    day = day or datetime.date.today()
    videos = source(store, Path(settings.manifests), manifest_name)
    clips = members(store, videos)
    splits = assign_splits(
        [Clip(clip["clip_id"], clip["bvid"], clip["music_id"], clip["frames"]) for clip in clips],
        settings.release.test_share,
        settings.release.seed,
        # Whatever was decided on them: so no group ever falls apart, and what was trained on is never tested.
        [(row["first"], row["second"]) for row in pairs(store)],
    )
    called = aliases(store)
    clips = [{**clip, "music_id": called.get(clip["music_id"], clip["music_id"])} for clip in clips]
    without_music = [clip["clip_id"] for clip in clips if not clip["has_music"]]
    if without_music:
        _log.warning("%d clips have no music features: %s", len(without_music), " ".join(without_music))
    with store.scratch() as scratch:
        folder = scratch / "release"
        tables = _write_rows(store, folder, clips, splits, advance, max_bytes)
        version, same = choose_version(published(store), settings.release.version, tables.content, day)
        frames = tables.clips["frames"].to_pylist()
        name = f"{FOLDER}/{version}"
        report = ReleaseReport(version, name, len(frames), sum(frames), sum(frames) / FPS, same is None)
        if same is None:
            facts = {"version": version, "created": f"{day:%Y-%m-%d}", "license": settings.release.license}
            _write_about(folder, tables, facts, videos, Path(settings.manifests))
            store.put_folder(folder, name, last=INFO)
    return report


@dataclass(frozen=True, slots=True)
class _Tables:
    """Everything of a release that is rows.

    Attributes:
        clips: `RELEASE_CLIPS` rows.
        music: extractor → schema of its table.
        statistics: table name (`frames`, or an extractor) → statistics, quantiles still missing.
        paths: table name → its files, in order.
        content: hash of all rows.
    """

    clips: pa.Table
    music: dict[str, pa.Schema]
    statistics: dict[str, TableStatistics]
    paths: dict[str, list[Path]]
    content: str

    def configurations(self) -> dict[str, tuple[str, pa.Schema]]:
        """Table name → pattern of its files, and their schema."""
        return {
            "frames": ("data/frames-*.parquet", FRAMES),
            "clips": ("meta/clips.parquet", RELEASE_CLIPS),
            **{f"music-{name}": (f"music/{name}-*.parquet", schema) for name, schema in self.music.items()},
        }


def _write_rows(
    store: Store,
    folder: Path,
    clips: list[dict[str, Any]],
    splits: dict[str, Any],
    advance: Advance,
    max_bytes: int,
) -> _Tables:
    """Writes data and music files and `meta/clips.parquet`, one clip at a time."""
    content = ContentHash()
    content.add_document({"schema_version": VERSION})
    statistics = {"frames": TableStatistics(FRAMES)}
    schemas: dict[str, pa.Schema] = {}
    places: list[Place] = []
    lengths: list[int] = []
    extractors = music_features(store)
    with ExitStack() as stack:
        shards = {"frames": stack.enter_context(ShardWriter(folder / "data", "frames", FRAMES, max_bytes))}
        for clip in clips:
            rows = conform(read_frames(store, clip["clip_id"]), FRAMES)
            places.append(shards["frames"].write(rows))
            lengths.append(len(rows))
            statistics["frames"].update(rows)
            content.add_document({**clip, "split": splits[clip["clip_id"]]})
            content.add_table(rows)
            for extractor in extractors.get(clip["clip_id"], ()):
                music = read_music(store, clip["clip_id"], extractor, len(rows))
                if extractor not in schemas:
                    schemas[extractor] = music.schema
                    statistics[extractor] = TableStatistics(music.schema)
                    shards[extractor] = stack.enter_context(
                        ShardWriter(folder / "music", extractor, music.schema, max_bytes)
                    )
                shards[extractor].write(music)
                statistics[extractor].update(music)
                content.add_document(extractor)
                content.add_table(music)
            advance(1, clip["clip_id"])
    first_row = 0
    rows_of_clips = []
    names = [path.relative_to(folder).as_posix() for path in shards["frames"].paths()]
    for clip, place, length in zip(clips, places, lengths, strict=True):
        rows_of_clips.append(
            {
                **clip,
                "frames": length,
                # A clip ends where its dancer was lost for long.
                "end": min(clip["end"], clip["start"] + length / FPS)
                if length < clip["frames"]
                else clip["end"],
                "first_row": first_row,
                "file": names[place.file],
                "row_group": place.row_group,
                "split": splits[clip["clip_id"]],
            }
        )
        first_row += length
    return _Tables(
        from_rows(rows_of_clips, RELEASE_CLIPS),
        schemas,
        statistics,
        {name: writer.paths() for name, writer in shards.items()},
        str(content),
    )


def _write_about(
    folder: Path, tables: _Tables, facts: dict[str, Any], videos: Source, manifests: Path
) -> None:
    """Writes everything that describes the rows."""
    meta = folder / INFO
    meta.parent.mkdir()
    pq.write_table(tables.clips, meta.parent / "clips.parquet", compression="zstd")
    _copy_manifest(manifests / videos.manifest, meta.parent / "manifest")
    _write_splits(folder, tables.clips)
    for name, paths in tables.paths.items():
        for rows in _row_groups(paths):
            tables.statistics[name].update_quantiles(rows)
    statistics = {name: table.summary() for name, table in tables.statistics.items()}
    stats = statistics.pop("frames") | {f"music/{name}": table for name, table in statistics.items()}
    _write_json(meta.parent / "stats.json", stats)
    info = facts | _info(tables, videos)
    _write_json(meta, info)
    (folder / card.FILE).write_text(card.card(info, tables.configurations()), encoding="utf-8")
    _write_json(folder / croissant.FILE, croissant.croissant(folder, info, tables.configurations()))


def _info(tables: _Tables, videos: Source) -> dict[str, Any]:
    """What `meta/info.json` says beside version, day and licence."""
    rows = tables.clips.to_pylist()
    parts: dict[str, dict[str, Any]] = {}
    for part in SPLITS:
        lengths = [row["frames"] for row in rows if row["split"] == part]
        parts[part] = {"clips": len(lengths), "frames": sum(lengths), "file": f"splits/{part}.txt"}
    seconds = [row["frames"] / FPS for row in rows]
    return {
        "schema_version": VERSION,
        "generator": f"popdanceset {popdanceset.__version__}",
        "content": tables.content,
        "fps": FPS,
        "axes": "x right, y forward, z up, metres, right-handed",
        "source": {"manifest": videos.manifest, **videos.provenance},
        "counts": {
            "clips": len(rows),
            "frames": sum(row["frames"] for row in rows),
            "seconds": round(sum(row["frames"] for row in rows) / FPS, 3),
            "videos": len({row["bvid"] for row in rows}),
            "music": len({row["music_id"] or row["bvid"] for row in rows}),
            "genres": len({row["genre"] for row in rows} - {"unknown"}),
            "dancers": len({row["dancer_id"] for row in rows}),
            "short": sum(length < SHORT for length in seconds),
            "medium": sum(SHORT <= length <= LONG for length in seconds),
            "long": sum(length > LONG for length in seconds),
        },
        "splits": parts,
        "genres": dict(sorted(Counter(row["genre"] for row in rows).items())),
        "estimators": sorted({row["estimator"] for row in rows}),
        "data": [f"data/{path.name}" for path in tables.paths["frames"]],
        "features": describe(FRAMES),
        "music": {
            name: {
                "width": schema.field("features").type.list_size,
                "clips": sum(pq.read_metadata(path).num_row_groups for path in tables.paths[name]),
                "files": [f"music/{path.name}" for path in tables.paths[name]],
                "features": describe(schema),
            }
            for name, schema in tables.music.items()
        },
    }


def _write_splits(folder: Path, clips: pa.Table) -> None:
    (folder / "splits").mkdir()
    pairs = list(zip(clips["clip_id"].to_pylist(), clips["split"].to_pylist(), strict=True))
    for part in SPLITS:
        names = [f"{clip_id}\n" for clip_id, split in pairs if split == part]
        (folder / "splits" / f"{part}.txt").write_text("".join(names), encoding="utf-8")


def _copy_manifest(folder: Path, target: Path) -> None:
    if folder.is_dir():
        target.mkdir()
        for name in (MANIFEST_DOCUMENT, MANIFEST_VIDEOS):
            shutil.copyfile(folder / name, target / name)


def _row_groups(paths: list[Path]) -> Iterator[pa.Table]:
    for path in paths:
        with pq.ParquetFile(path) as file:
            for number in range(file.num_row_groups):
                yield file.read_row_group(number)


def _write_json(path: Path, document: Any) -> None:
    text = json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False, default=str) + "\n"
    path.write_text(text, encoding="utf-8")

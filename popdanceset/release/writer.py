"""Writes a release: as a whole or not at all, and not again if nothing has changed."""

from __future__ import annotations

import datetime
import json
import logging
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

import popdanceset
from popdanceset import layout
from popdanceset.genre import UNKNOWN
from popdanceset.manifest import find_manifest
from popdanceset.music.merges import aliases, pairs
from popdanceset.progress import Advance, ignore
from popdanceset.release.card import card
from popdanceset.release.content_hash import ContentHash
from popdanceset.release.croissant import croissant
from popdanceset.release.info import (
    MusicInfo,
    Provenance,
    ReleaseCounts,
    ReleaseInfo,
    SplitInfo,
    feature_infos,
)
from popdanceset.release.members import ReleaseVideos, members, music_extractors, release_videos
from popdanceset.release.rows import checked_frame_rows, checked_music_rows
from popdanceset.release.shards import MAX_BYTES, Configuration, Place, ShardWriter
from popdanceset.release.splits import SplitClip, assign_splits
from popdanceset.release.statistics import TableStatistics
from popdanceset.release.versions import choose_version, published, purged
from popdanceset.schema import FPS, FRAMES, RELEASE_CLIPS, VERSION
from popdanceset.settings import Settings
from popdanceset.store import Store
from popdanceset.tables import from_rows

SPLITS = ("train", "test")
SHORT, LONG = 12.0, 29.5
"""Seconds: clips below are called short, clips above long (paper, Sec. 3.1, and its later description)."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PublishSummary:
    """What was published.

    Attributes:
        version: of the release.
        path: its name inside the store.
        clips, frames, seconds: how much it holds.
        written: false if a release with the same content existed already.
        left_out: why clips that screening accepted are not part of it → how many.
    """

    version: str
    path: str
    clips: int
    frames: int
    seconds: float
    written: bool
    left_out: dict[str, int] = field(default_factory=dict)


def publish(
    settings: Settings,
    store: Store,
    manifest: str | Path,
    advance: Advance = ignore,
    day: datetime.date | None = None,
    max_bytes: int = MAX_BYTES,
) -> PublishSummary:
    """Publishes the accepted clips of a manifest whose poses have a sufficient score.

    The release is built in a scratch folder and moved into the store as a whole. The same inputs produce the
    same rows in the same order. If the newest release (or the one whose version is asked for) has the same
    content, nothing is written.

    Args:
        settings: version, split, smallest score and licence.
        store: holds the tables and receives the release, below `releases/`.
        manifest: name or folder of the manifest whose videos are published.
        advance: called after each clip.
        day: of publication; None: today.
        max_bytes: size from which a new data file is started.

    Raises:
        InputError: no clip is accepted, or the version asked for exists with other content.
        SchemaError: rows of a clip contradict each other.
        StoreError: something is missing, or the store cannot be written.
    """
    began = time.monotonic()
    day = day or datetime.date.today()
    folder = find_manifest(manifest, settings)
    videos = release_videos(store, folder)
    clips, left_out = members(store, videos, settings.release.min_score)
    splits = assign_splits(
        [SplitClip(clip["clip_id"], clip["bvid"], clip["music_id"], clip["frames"]) for clip in clips],
        settings.release.test_share,
        settings.release.seed,
        # Pairs count whatever was decided on them: so groups never fall apart, and clips that were used for
        # training are never used for testing.
        [(row["first"], row["second"]) for row in pairs(store)],
    )
    # The splits follow each other as the names of their files do, so that all rows are in the clip table's
    # order.
    clips = sorted(clips, key=lambda clip: splits[clip["clip_id"]])
    common_ids = aliases(store)
    clips = [{**clip, "music_id": common_ids.get(clip["music_id"], clip["music_id"])} for clip in clips]
    without_music = [clip["clip_id"] for clip in clips if not clip["has_music"]]
    if without_music:
        _log.warning("%d clips have no music features: %s", len(without_music), " ".join(without_music))
    with store.scratch() as scratch:
        unfinished = scratch / "release"
        tables = _write_rows(store, unfinished, clips, splits, advance, max_bytes)
        version, same = choose_version(
            published(store), settings.release.version, tables.content, day, purged(store)
        )
        name = layout.release(version)
        if same is None:
            info = _release_info(tables, videos, version, day, settings.release.license)
            _write_description(unfinished, tables, info, folder)
            store.put_folder(unfinished, name, last=layout.RELEASE_INFO)
    frames = sum(tables.clips["frames"].to_pylist())
    summary = PublishSummary(version, name, len(tables.clips), frames, frames / FPS, same is None, left_out)
    _log.info(
        "release %s %s: %d clips, %d frames, in %.1f s",
        version, "published" if summary.written else "unchanged", summary.clips, frames,
        time.monotonic() - began,
    )  # fmt: skip
    return summary


@dataclass(frozen=True, slots=True)
class _Tables:
    """The rows of a release, as written.

    Attributes:
        clips: `RELEASE_CLIPS` rows.
        music: extractor → schema of its table.
        statistics: table name (`frames`, or an extractor) → statistics after their first pass.
        paths: table name → its files, in order.
        content: hash of all rows.
    """

    clips: pa.Table
    music: dict[str, pa.Schema]
    statistics: dict[str, TableStatistics]
    paths: dict[str, list[Path]]
    content: str

    def configurations(self) -> dict[str, Configuration]:
        """Returns the tables of the release by the names under which the card offers them."""
        return {
            "frames": Configuration(self._patterns(layout.FRAMES_STEM), FRAMES),
            "clips": Configuration({"full": layout.RELEASE_CLIPS}, RELEASE_CLIPS),
            **{
                f"music-{name}": Configuration(self._patterns(name), schema)
                for name, schema in self.music.items()
            },
        }

    def _patterns(self, table: str) -> dict[str, str]:
        """Returns split → pattern of the table's files, for the splits that have any."""
        patterns = {split: layout.shards(table, split) for split in SPLITS}
        names = [path.name for path in self.paths[table]]
        return {
            split: pattern
            for split, pattern in patterns.items()
            if any(PurePosixPath(pattern).name.partition("*")[0] in name for name in names)
        }


def _write_rows(
    store: Store,
    folder: Path,
    clips: list[dict[str, Any]],
    splits: dict[str, Any],
    advance: Advance,
    max_bytes: int,
) -> _Tables:
    """Writes the files of frame and music rows, one clip at a time, and prepares the clip table."""
    content = ContentHash()
    content.add_document({"schema_version": VERSION})
    statistics = {layout.FRAMES_STEM: TableStatistics(FRAMES)}
    schemas: dict[str, pa.Schema] = {}
    places: list[tuple[str, Place]] = []
    lengths: list[int] = []
    extractors = music_extractors(store)
    shards: dict[tuple[str, str], ShardWriter] = {}
    with ExitStack() as stack:

        def write(table: str, split: str, rows: pa.Table) -> Place:
            if (table, split) not in shards:
                below = layout.RELEASE_DATA if table == layout.FRAMES_STEM else layout.RELEASE_MUSIC
                shards[table, split] = stack.enter_context(
                    ShardWriter(folder / below, layout.shard_stem(table, split), rows.schema, max_bytes)
                )
            return shards[table, split].write(rows)

        for clip in clips:
            split = splits[clip["clip_id"]]
            rows = checked_frame_rows(store, clip["clip_id"])
            places.append((split, write(layout.FRAMES_STEM, split, rows)))
            lengths.append(len(rows))
            statistics[layout.FRAMES_STEM].update(rows)
            content.add_document({**clip, "split": split})
            content.add_table(rows)
            for extractor in extractors.get(clip["clip_id"], ()):
                music = checked_music_rows(store, clip["clip_id"], extractor, len(rows))
                if extractor not in schemas:
                    schemas[extractor] = music.schema
                    statistics[extractor] = TableStatistics(music.schema)
                write(extractor, split, music)
                statistics[extractor].update(music)
                content.add_document(extractor)
                content.add_table(music)
            advance(1, clip["clip_id"])
    first_row = 0
    rows_of_clips = []
    for clip, (split, place), length in zip(clips, places, lengths, strict=True):
        rows_of_clips.append(
            {
                **clip,
                "frames": length,
                # A clip ends where the dancer was lost for long.
                "end": min(clip["end"], clip["start"] + length / FPS)
                if length < clip["frames"]
                else clip["end"],
                "first_row": first_row,
                "file": shards[layout.FRAMES_STEM, split].paths()[place.file].relative_to(folder).as_posix(),
                "row_group": place.row_group,
                "split": split,
            }
        )
        first_row += length
    return _Tables(
        from_rows(rows_of_clips, RELEASE_CLIPS),
        schemas,
        statistics,
        {
            table: [
                path
                for (name, _), writer in sorted(shards.items())
                if name == table
                for path in writer.paths()
            ]
            for table in statistics
        },
        str(content),
    )


def _write_description(folder: Path, tables: _Tables, info: ReleaseInfo, manifest: Path) -> None:
    """Writes everything that describes the rows."""
    (folder / layout.RELEASE_META).mkdir()
    pq.write_table(tables.clips, folder / layout.RELEASE_CLIPS, compression="zstd")
    _copy_manifest(manifest, folder / layout.RELEASE_MANIFEST)
    _write_splits(folder, tables.clips)
    for name, paths in tables.paths.items():
        for rows in _row_groups(paths):
            tables.statistics[name].update_quantiles(rows)
    statistics = {name: table.summary() for name, table in tables.statistics.items()}
    of_frames = statistics.pop("frames")
    of_music = {f"{layout.RELEASE_MUSIC}/{name}": table for name, table in statistics.items()}
    _write_json(folder / layout.RELEASE_STATS, of_frames | of_music)
    _write_json(folder / layout.RELEASE_INFO, info.document())
    (folder / layout.CARD).write_text(card(info, tables.configurations()), encoding="utf-8")
    _write_json(folder / layout.CROISSANT, croissant(folder, info, tables.configurations()))


def _release_info(
    tables: _Tables, videos: ReleaseVideos, version: str, day: datetime.date, license_name: str
) -> ReleaseInfo:
    rows = tables.clips.to_pylist()
    lengths = [row["frames"] for row in rows]
    seconds = [length / FPS for length in lengths]
    return ReleaseInfo(
        version=version,
        created=f"{day:%Y-%m-%d}",
        license=license_name,
        schema_version=VERSION,
        generator=f"popdanceset {popdanceset.__version__}",
        content=tables.content,
        fps=FPS,
        axes="x right, y forward, z up, metres, right-handed",
        source=Provenance.model_validate({"manifest": videos.manifest, **videos.provenance}),
        counts=ReleaseCounts(
            clips=len(rows),
            frames=sum(lengths),
            seconds=round(sum(lengths) / FPS, 3),
            videos=len({row["bvid"] for row in rows}),
            music=len({row["music_id"] or row["bvid"] for row in rows}),
            genres=len({row["genre"] for row in rows} - {UNKNOWN}),
            dancers=len({row["dancer_id"] for row in rows}),
            short=sum(length < SHORT for length in seconds),
            medium=sum(SHORT <= length <= LONG for length in seconds),
            long=sum(length > LONG for length in seconds),
        ),
        splits={split: _split_info(rows, split) for split in SPLITS},
        genres=dict(sorted(Counter(row["genre"] for row in rows).items())),
        estimators=sorted({row["estimator"] for row in rows}),
        data=[f"{layout.RELEASE_DATA}/{path.name}" for path in tables.paths["frames"]],
        features=feature_infos(FRAMES),
        music={
            name: MusicInfo(
                width=schema.field("features").type.list_size,
                clips=sum(pq.read_metadata(path).num_row_groups for path in tables.paths[name]),
                files=[f"{layout.RELEASE_MUSIC}/{path.name}" for path in tables.paths[name]],
                features=feature_infos(schema),
            )
            for name, schema in tables.music.items()
        },
    )


def _split_info(rows: list[dict[str, Any]], split: str) -> SplitInfo:
    lengths = [row["frames"] for row in rows if row["split"] == split]
    return SplitInfo(clips=len(lengths), frames=sum(lengths), file=layout.split(split))


def _write_splits(folder: Path, clips: pa.Table) -> None:
    (folder / layout.RELEASE_SPLITS).mkdir()
    split_of = list(zip(clips["clip_id"].to_pylist(), clips["split"].to_pylist(), strict=True))
    for split in SPLITS:
        lines = [f"{clip_id}\n" for clip_id, own_split in split_of if own_split == split]
        (folder / layout.split(split)).write_text("".join(lines), encoding="utf-8")
    published = list(zip(clips["clip_id"].to_pylist(), clips["published_split"].to_pylist(), strict=True))
    for split in sorted({split for _, split in published if split}):
        lines = [f"{clip_id}\n" for clip_id, listed in published if listed == split]
        (folder / layout.published_split(split)).write_text("".join(lines), encoding="utf-8")


def _copy_manifest(folder: Path, target: Path) -> None:
    if folder.is_dir():
        target.mkdir()
        for name in (layout.MANIFEST_DOCUMENT, layout.MANIFEST_VIDEOS):
            shutil.copyfile(folder / name, target / name)


def _row_groups(paths: list[Path]) -> Iterator[pa.Table]:
    for path in paths:
        with pq.ParquetFile(path) as file:
            for number in range(file.num_row_groups):
                yield file.read_row_group(number)


def _write_json(path: Path, document: Any) -> None:
    text = json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False, default=str) + "\n"
    path.write_text(text, encoding="utf-8")

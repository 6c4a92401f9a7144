"""Writes a release: as a whole or not at all, and not again if nothing has changed."""

from __future__ import annotations

import datetime
import json
import logging
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

import popdanceset
from popdanceset import layout
from popdanceset.clip_id import clip_order
from popdanceset.errors import StoreError
from popdanceset.genre import UNKNOWN
from popdanceset.ledger import count, measured
from popdanceset.manifest import find_manifest
from popdanceset.music.merges import aliases
from popdanceset.progress import Advance, ignore
from popdanceset.release.ahead import ahead
from popdanceset.release.arrangement import Key, Part, arrange, published_shards, share
from popdanceset.release.card import card
from popdanceset.release.changelog import changelog
from popdanceset.release.collection import collection
from popdanceset.release.content_hash import ContentHash, rows_hash
from popdanceset.release.cost import cost_info
from popdanceset.release.croissant import croissant
from popdanceset.release.diff import Content, Level, ReleaseDifference, difference, read_content
from popdanceset.release.dividing import divide, split_rule
from popdanceset.release.figures import Limits, save_figures
from popdanceset.release.info import (
    CollectionInfo,
    MusicInfo,
    PastRelease,
    Provenance,
    ReleaseCounts,
    ReleaseInfo,
    SplitInfo,
    TableOneInfo,
    feature_infos,
)
from popdanceset.release.members import ReleaseVideos, members, music_extractors, release_videos
from popdanceset.release.overview import Overview
from popdanceset.release.responsible import min_pop
from popdanceset.release.reviewed import anonymous, review_info
from popdanceset.release.rows import checked_frame_rows, checked_music_rows
from popdanceset.release.shards import MAX_BYTES, Configuration, Place, ShardWriter
from popdanceset.release.splits import LONG, SHORT
from popdanceset.release.statistics import TableStatistics
from popdanceset.release.tiers import Tier
from popdanceset.release.versions import (
    PublishedRelease,
    choose_version,
    next_semantic_version,
    published,
    purged,
    purged_semantic_versions,
)
from popdanceset.release.viewer import check_viewer, write_viewer
from popdanceset.review.decisions import Decision
from popdanceset.review.in_force import write_decisions
from popdanceset.schema import CLIPS, FPS, FRAMES, LEFT_OUT, RELEASE_CLIPS, RELEASE_ROWS, VERSION
from popdanceset.settings import ReleaseSettings, Settings
from popdanceset.store import Store
from popdanceset.tables import from_rows
from popdanceset.withdrawal.erasing import cleaned_text
from popdanceset.withdrawal.targets import Targets
from popdanceset.withdrawal.tombstones import withdrawn

SPLITS = ("train", "test")
NOT_IN_MANIFEST = "its video is not in the manifest"
CUT_AGAIN = "its video was cut again"
REJECTED = "rejected"

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
        semantic_version: MAJOR.MINOR.PATCH.
        summary: what is new since the release before, in one line; empty for the first one.
    """

    version: str
    path: str
    clips: int
    frames: int
    seconds: float
    written: bool
    left_out: dict[str, int] = field(default_factory=dict)
    semantic_version: str = ""
    summary: str = ""


def publish(
    settings: Settings,
    store: Store,
    manifest: str | Path,
    advance: Advance = ignore,
    day: datetime.date | None = None,
    max_bytes: int = MAX_BYTES,
) -> PublishSummary:
    """Publishes the accepted clips of a manifest whose poses have a sufficient score.

    The release is built in a scratch folder and moved into the store as a whole. It keeps the files of the
    newest release whose clips are all the same (`popdanceset.release.shards`). The same inputs and the same
    newest release produce the same rows in the same order. If the newest release (or the one whose version is
    asked for) has the same content and licence, nothing is written.

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
    if settings.release.viewer:
        check_viewer()
    day = day or datetime.date.today()
    folder = find_manifest(manifest, settings)
    gone = withdrawn(store)
    videos = release_videos(store, folder)
    clips, left_out, whys = members(store, videos, settings.release.min_score, settings.release.min_tier)
    splits = divide(store, settings.release, clips)
    common_ids = aliases(store)
    clips = [{**clip, "music_id": common_ids.get(clip["music_id"], clip["music_id"])} for clip in clips]
    without_music = [clip["clip_id"] for clip in clips if not clip["has_music"]]
    if without_music:
        _log.warning("%d clips have no music features: %s", len(without_music), " ".join(without_music))
    releases = published(store)
    before = _base(releases, settings.release.version)
    with measured("publish", store), store.scratch() as scratch:
        unfinished = scratch / "release"
        rows = _inspect(store, clips, splits, advance)
        frames = sum(rows.lengths.values())
        shards = published_shards(store, before.folder, before.info.schema_version) if before else {}
        parts = arrange(shards, rows.contents, splits, max_bytes=max_bytes)

        def choose() -> tuple[str, PublishedRelease | None, str]:
            content = _content(clips, splits, rows, parts)
            wanted, license_name = settings.release.version, settings.release.license
            return *choose_version(releases, wanted, content, license_name, day, purged(store)), content

        version, same, content = choose()
        info = same.info if same else None
        if info is None:
            shared: dict[str, str] = {}
            if before:
                unusable: set[str] = set()
                while more := share(store, before.folder, parts, rows.schemas, unfinished):
                    unusable |= more
                    parts = arrange(shards, rows.contents, splits, unusable, max_bytes)
                shared = {
                    shard.name: f"{before.folder}/{shard.name}"
                    for part in parts.values()
                    for shard in part.kept
                }
            version, _, content = choose()
            tables = _write_rows(store, unfinished, clips, splits, rows, parts, content, max_bytes)
            source = collection(store, folder, {clip["bvid"] for clip in clips})
            info = _release_info(tables, videos, source, version, day, settings.release)
            if settings.release.cost and (cost := cost_info(store, settings.prices, frames / FPS)):
                info = info.model_copy(update={"cost": cost})
            decisions = videos.decisions or ()
            info = info.model_copy(update={"review": review_info(decisions, {*splits, *whys})})
            held = Content(
                info,
                {clip["clip_id"]: clip for clip in tables.clips.to_pylist()},
                rows.contents,
                _left_out(store, videos, whys, before, rows.contents[layout.FRAMES_STEM]),
                tables.summary(),
            )
            found = difference(read_content(store, before.folder), held, gone) if before else None
            info = _succeeding(info, before, found, purged_semantic_versions(store))
            held = replace(held, info=info)
            described = anonymous(decisions, splits.keys())
            if settings.release.viewer:
                write_viewer(unfinished, store, version, held.clips.values())
            _write_description(
                unfinished, tables, info, folder, described, held, found, settings.release, Targets(gone)
            )
            _check_withdrawals(store, clips, gone)
            store.put_folder(unfinished, layout.release(version), layout.RELEASE_INFO, shared)
            count(items=len(clips), frames=frames, media_seconds=frames / FPS)
    summary = PublishSummary(
        version,
        layout.release(version),
        len(clips),
        frames,
        frames / FPS,
        same is None,
        left_out,
        info.semantic_version or "",
        info.summary,
    )
    _log.info(
        "release %s %s: %d clips, %d frames, in %.1f s",
        version, "published" if summary.written else "unchanged", summary.clips, frames,
        time.monotonic() - began,
    )  # fmt: skip
    return summary


def _base(releases: Sequence[PublishedRelease], wanted: str) -> PublishedRelease | None:
    """Returns the release whose shards are kept: the one of the wanted version, or the newest."""
    for release in releases:
        if release.version == wanted:
            return release
    return releases[-1] if releases else None


class _ClipRows(NamedTuple):
    """The rows of one clip: of its frames, and of its music by each extractor."""

    frames: pa.Table
    music: dict[str, pa.Table]

    def tables(self) -> dict[str, pa.Table]:
        return {layout.FRAMES_STEM: self.frames, **self.music}


def _read_rows(store: Store, clip_id: str, extractors: Sequence[str]) -> _ClipRows:
    frames = checked_frame_rows(store, clip_id)
    return _ClipRows(
        frames, {name: checked_music_rows(store, clip_id, name, len(frames)) for name in extractors}
    )


@dataclass(frozen=True, slots=True)
class _Rows:
    """What the rows of a release are like, after they have been read once.

    Attributes:
        contents: table (`frames`, or an extractor) → clip id → hash of its rows.
        lengths: clip id → number of frames.
        schemas: table → schema.
        statistics: table → statistics after their first pass.
    """

    contents: dict[str, dict[str, str]]
    lengths: dict[str, int]
    schemas: dict[str, pa.Schema]
    statistics: dict[str, TableStatistics]


def _inspect(
    store: Store, clips: Sequence[Mapping[str, Any]], splits: Mapping[str, str], advance: Advance
) -> _Rows:
    """Reads all rows once, a few clips at a time: their hashes, and the first pass of the statistics."""
    extractors = music_extractors(store)
    found = _Rows({layout.FRAMES_STEM: {}}, {}, {layout.FRAMES_STEM: FRAMES}, {})
    found.statistics[layout.FRAMES_STEM] = TableStatistics(FRAMES)

    def read(clip_id: str) -> tuple[str, _ClipRows, dict[str, str]]:
        rows = _read_rows(store, clip_id, extractors.get(clip_id, ()))
        return clip_id, rows, {table: rows_hash(each) for table, each in rows.tables().items()}

    for clip_id, rows, contents in ahead(read, [clip["clip_id"] for clip in clips]):
        found.lengths[clip_id] = len(rows.frames)
        for table, each in rows.tables().items():
            if table not in found.schemas:
                found.schemas[table] = each.schema
                found.statistics[table] = TableStatistics(each.schema)
            found.contents.setdefault(table, {})[clip_id] = contents[table]
            found.statistics[table].update(each)
        advance(1, clip_id)
    return found


def _content(
    clips: Sequence[Mapping[str, Any]], splits: Mapping[str, str], rows: _Rows, parts: Mapping[Key, Part]
) -> str:
    """Returns the hash of a release: of its rows, and of their order."""
    content = ContentHash()
    content.add_document({"schema_version": VERSION})
    by_id = {clip["clip_id"]: clip for clip in clips}
    for clip_id in _order(parts):
        content.add_document({**by_id[clip_id], "split": splits[clip_id]})
        content.add_document(
            {table: own[clip_id] for table, own in sorted(rows.contents.items()) if clip_id in own}
        )
    return str(content)


def _order(parts: Mapping[Key, Part]) -> list[str]:
    """Returns the clips in the order of the release: that of their frame rows."""
    return [
        clip_id
        for (table, _), part in sorted(parts.items())
        if table == layout.FRAMES_STEM
        for clip_id in part.clips()
    ]


def _left_out(
    store: Store,
    videos: ReleaseVideos,
    whys: Mapping[str, str],
    before: PublishedRelease | None,
    published_clips: Collection[str],
) -> dict[str, str]:
    """Returns clip id → why the release does not have it.

    These are clips that screening accepted, and clips of the release before. Clips of videos of which the
    store holds nothing any more are not among them: a withdrawn video leaves no trace in a release.
    """
    found = dict(whys)
    if before:
        stored = store.read_table(layout.CLIPS, CLIPS, ["clip_id", "bvid", "accepted", "reason"]).to_pylist()
        of_store = {row["clip_id"]: row for row in stored if row["clip_id"]}
        known_videos = {row["bvid"] for row in stored} - withdrawn(store)
        earlier = store.read_table(
            f"{before.folder}/{layout.RELEASE_CLIPS}", RELEASE_CLIPS, ["clip_id", "bvid"]
        ).to_pylist()
        for row in earlier:
            clip_id, bvid = row["clip_id"], row["bvid"]
            if clip_id in found or clip_id in published_clips or bvid not in known_videos:
                continue  # not left out, or not to be named
            if bvid not in videos.pops:
                found[clip_id] = NOT_IN_MANIFEST
            elif clip_id in of_store:
                found[clip_id] = of_store[clip_id]["reason"] or REJECTED
            else:
                found[clip_id] = CUT_AGAIN
    return dict(sorted(found.items(), key=lambda item: clip_order(item[0])))


def _succeeding(
    info: ReleaseInfo,
    before: PublishedRelease | None,
    found: ReleaseDifference | None,
    gone: Collection[str],
) -> ReleaseInfo:
    """Returns the description with its place in the series of releases."""
    if before is None or found is None:
        return info.model_copy(update={"semantic_version": next_semantic_version(None, Level.PATCH, gone)})
    old = before.info
    past = PastRelease(
        version=old.version,
        semantic_version=old.semantic_version,
        created=old.created,
        summary=old.summary,
    )
    return info.model_copy(
        update={
            "semantic_version": next_semantic_version(old, found.level, gone),
            "previous": before.version,
            "summary": found.summary(),
            "history": [past, *old.history],
        }
    )


@dataclass(frozen=True, slots=True)
class _Tables:
    """The rows of a release, as written.

    Attributes:
        clips: `RELEASE_CLIPS` rows.
        rows: `RELEASE_ROWS` rows.
        schemas: table (`frames`, or an extractor) → its schema.
        statistics: table → finished statistics.
        files: table → its files inside the release, in order.
        content: hash of all rows.
        overview: of the clips, for the card.
    """

    clips: pa.Table
    rows: pa.Table
    schemas: dict[str, pa.Schema]
    statistics: dict[str, TableStatistics]
    files: dict[str, list[str]]
    content: str
    overview: Overview

    def music(self) -> dict[str, pa.Schema]:
        """Returns extractor → schema of its table."""
        return {name: schema for name, schema in self.schemas.items() if name != layout.FRAMES_STEM}

    def summary(self) -> dict[str, Any]:
        """Returns the statistics of all features."""
        statistics = {name: table.summary() for name, table in self.statistics.items()}
        of_frames = statistics.pop(layout.FRAMES_STEM)
        return of_frames | {f"{layout.RELEASE_MUSIC}/{name}": table for name, table in statistics.items()}

    def configurations(self) -> dict[str, Configuration]:
        """Returns the tables of the release by the names under which the card offers them."""
        return {
            "frames": Configuration(self._patterns(layout.FRAMES_STEM), FRAMES),
            "clips": Configuration({"full": layout.RELEASE_CLIPS}, RELEASE_CLIPS),
            **{
                f"music-{name}": Configuration(self._patterns(name), schema)
                for name, schema in self.music().items()
            },
        }

    def _patterns(self, table: str) -> dict[str, str]:
        """Returns split → pattern of the table's files, for the splits that have any."""
        patterns = {split: layout.shards(table, split) for split in SPLITS}
        names = self.files[table]
        return {
            split: pattern
            for split, pattern in patterns.items()
            if any(name.startswith(pattern.partition("*")[0]) for name in names)
        }


def _write_rows(
    store: Store,
    folder: Path,
    clips: Sequence[Mapping[str, Any]],
    splits: Mapping[str, str],
    rows: _Rows,
    parts: Mapping[Key, Part],
    content: str,
    max_bytes: int,
) -> _Tables:
    """Writes new shards, and reads all rows a second time for quantiles and card, a few clips at a time."""
    overview = Overview()
    new = {key: frozenset(part.new) for key, part in parts.items()}
    places: dict[tuple[str, str], Place] = {}
    extractors = music_extractors(store)
    with ExitStack() as stack:
        writers = {
            (table, split): stack.enter_context(
                ShardWriter(folder, table, split, rows.schemas[table], part.first, max_bytes)
            )
            for (table, split), part in parts.items()
        }

        def read(clip_id: str) -> tuple[str, _ClipRows]:
            wanted = [name for name in extractors.get(clip_id, ()) if clip_id in rows.contents.get(name, {})]
            found = _read_rows(store, clip_id, wanted)
            if any(
                rows_hash(each) != rows.contents[table][clip_id] for table, each in found.tables().items()
            ):
                raise StoreError(
                    f"the rows of {clip_id} changed while they were published", store, "publish again"
                )
            return clip_id, found

        for clip_id, found in ahead(read, _order(parts)):
            for table, each in found.tables().items():
                key = (table, splits[clip_id])
                if clip_id in new[key]:
                    places[table, clip_id] = writers[key].write(each)
                rows.statistics[table].update_quantiles(each)
            overview.add_frames(clip_id, found.frames)
            for extractor, each in found.music.items():
                overview.add_music(clip_id, extractor, each)
    files = {
        key: [*(shard.name for shard in part.kept), *writers[key].names()] for key, part in parts.items()
    }
    where: dict[tuple[str, str], tuple[str, int]] = {
        (table, clip_id): (shard.name, number)
        for (table, _), part in parts.items()
        for shard in part.kept
        for number, clip_id in enumerate(shard.clips)
    }
    for (table, clip_id), place in places.items():
        where[table, clip_id] = (writers[table, splits[clip_id]].names()[place.file], place.row_group)
    order = _order(parts)
    by_id = {clip["clip_id"]: clip for clip in clips}
    first_rows = [0, *accumulate(rows.lengths[clip_id] for clip_id in order)]
    return _Tables(
        from_rows(
            [
                {
                    **_cut_short(by_id[clip_id], rows.lengths[clip_id]),
                    "first_row": first_row,
                    "file": where[layout.FRAMES_STEM, clip_id][0],
                    "row_group": where[layout.FRAMES_STEM, clip_id][1],
                    "split": splits[clip_id],
                }
                for clip_id, first_row in zip(order, first_rows[:-1], strict=True)
            ],
            RELEASE_CLIPS,
        ),
        from_rows(
            [
                {
                    "table": table,
                    "clip_id": clip_id,
                    "file": where[table, clip_id][0],
                    "row_group": where[table, clip_id][1],
                    "rows": rows.lengths[clip_id],
                    "content": rows.contents[table][clip_id],
                }
                for (table, _), part in sorted(parts.items())
                for clip_id in part.clips()
            ],
            RELEASE_ROWS,
        ),
        rows.schemas,
        rows.statistics,
        {
            table: [name for (own, _), names in sorted(files.items()) if own == table for name in names]
            for table in rows.schemas
        },
        content,
        overview,
    )


def _cut_short(clip: Mapping[str, Any], frames: int) -> dict[str, Any]:
    """Returns the row of a clip with this many frames: it ends where the dancer was lost for long."""
    end = min(clip["end"], clip["start"] + frames / FPS) if frames < clip["frames"] else clip["end"]
    return {**clip, "frames": frames, "end": end}


def _write_description(
    folder: Path,
    tables: _Tables,
    info: ReleaseInfo,
    manifest: Path,
    decisions: Sequence[Decision],
    held: Content,
    found: ReleaseDifference | None,
    settings: ReleaseSettings,
    gone: Targets,
) -> None:
    """Writes everything that describes the rows."""
    (folder / layout.RELEASE_META).mkdir()
    left_out = [{"clip_id": clip_id, "reason": why} for clip_id, why in held.left_out.items()]
    for name, table in (
        (layout.RELEASE_CLIPS, tables.clips),
        (layout.RELEASE_ROWS, tables.rows),
        (layout.RELEASE_LEFT_OUT, from_rows(left_out, LEFT_OUT)),
    ):
        pq.write_table(table, folder / name, compression="zstd")
    _copy_manifest(manifest, decisions, folder / layout.RELEASE_MANIFEST, gone)
    _write_splits(folder, tables.clips)
    _write_json(folder / layout.RELEASE_STATS, held.statistics)
    _write_json(folder / layout.RELEASE_INFO, info.document())
    (folder / layout.CHANGELOG).write_text(changelog(info, found, held), encoding="utf-8")
    limits = Limits(SHORT, LONG, min_pop(info))
    rows = [*held.clips.values()]
    figures = save_figures(folder, rows, tables.overview, limits) if settings.figures else []
    text = card(info, tables.configurations(), figures, settings.viewer)
    (folder / layout.CARD).write_text(text, encoding="utf-8")
    _write_json(folder / layout.CROISSANT, croissant(folder, info, tables.configurations()))


def _release_info(
    tables: _Tables,
    videos: ReleaseVideos,
    source: CollectionInfo,
    version: str,
    day: datetime.date,
    settings: ReleaseSettings,
) -> ReleaseInfo:
    rows = tables.clips.to_pylist()
    lengths = [row["frames"] for row in rows]
    seconds = [length / FPS for length in lengths]
    return ReleaseInfo(
        version=version,
        created=f"{day:%Y-%m-%d}",
        license=settings.license,
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
        split_rule=split_rule(settings),
        tiers={tier.value: sum(row["tier"] == tier for row in rows) for tier in Tier},
        genres=dict(sorted(Counter(row["genre"] for row in rows).items())),
        estimators=sorted({row["estimator"] for row in rows}),
        data=tables.files[layout.FRAMES_STEM],
        features=feature_infos(FRAMES),
        music={
            name: MusicInfo(
                width=schema.field("features").type.list_size,
                clips=tables.rows["table"].to_pylist().count(name),
                files=tables.files[name],
                features=feature_infos(schema),
            )
            for name, schema in tables.music().items()
        },
        contact=settings.contact,
        settings=settings.model_dump(
            mode="json",
            exclude={"version", "license", "contact", "figures", "cost", "viewer"},
            exclude_none=True,
        ),
        collection=source,
        table_1=TableOneInfo(
            lyrics=None,
            aesthetics=sum(row["pop"] is not None for row in rows),
            joint_positions=len(rows),
            joint_rotations=len(rows),
            keypoints2d=tables.overview.keypoints2d,
        ),
        imported=dict(sorted(Counter(_kind(row["source"]) for row in rows if row["source"]).items())),
    )


def _kind(source: str) -> str:
    """Returns what kind of set a clip was imported from: `popdanceset` of `imported: popdanceset`."""
    return source.partition(":")[2].strip() or source


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


def _copy_manifest(folder: Path, decisions: Sequence[Decision], target: Path, gone: Targets) -> None:
    """Copies a manifest without the lines of withdrawn videos, which another checkout may still have.

    Args:
        folder: of the manifest.
        decisions: of reviewers, without anything personal.
        target: folder of the copy.
        gone: the withdrawn videos.
    """
    if folder.is_dir():
        target.mkdir()
        write_decisions(target, decisions)
        for source in (
            folder / layout.MANIFEST_DOCUMENT,
            folder / layout.MANIFEST_VIDEOS,
            *target.glob(layout.MANIFEST_REVIEWS),
        ):
            (target / source.name).write_bytes(cleaned_text(source.read_bytes(), gone)[1])


def _check_withdrawals(store: Store, clips: Sequence[Mapping[str, Any]], before: Collection[str]) -> None:
    """Does nothing if no video of a release was withdrawn while it was written.

    Raises:
        StoreError: one was.
    """
    if (withdrawn(store) - frozenset(before)) & {clip["bvid"] for clip in clips}:
        raise StoreError("a video was withdrawn while the release was written", store, "publish again")


def _write_json(path: Path, document: Any) -> None:
    text = json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False, default=str) + "\n"
    path.write_text(text, encoding="utf-8")

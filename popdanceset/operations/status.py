"""What waits, runs, is rejected and failed at each stage; how fast, until when, and on how much disk.

Only listings and single columns are read, never media, frames or features.
"""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from popdanceset import layout
from popdanceset.errors import StoreError
from popdanceset.ledger import Entry, read_ledger
from popdanceset.manifest import ManifestVideo, read_manifest
from popdanceset.operations.throughput import throughput
from popdanceset.release.versions import PublishedRelease, published
from popdanceset.schema import (
    CLIPS,
    FAILURES,
    LEFT_OUT,
    RELEASE_CLIPS,
    SELECTION,
    STATISTICS,
    VERDICTS,
    Reason,
)
from popdanceset.settings import Settings
from popdanceset.shared_manifest import PREFIX, at_hand
from popdanceset.store import Store
from popdanceset.withdrawal.tombstones import withdrawn

Row = dict[str, Any]

SCHEMA = 1
"""Version of the JSON document; a key is never removed or given another meaning under one number."""

_DAY = re.compile(r"/date=(\d{4}-\d{2}-\d{2})/")
_WHOLE_VIDEO = (Reason.RESTRICTED, Reason.ELSEWHERE)


@dataclass(frozen=True, slots=True)
class Failures:
    """Items of a stage that failed unexpectedly in the same way.

    Attributes:
        kind: of the exception.
        count: how many.
        example: one of them.
        note: what it failed with.
    """

    kind: str
    count: int
    example: str
    note: str


@dataclass(frozen=True, slots=True)
class StageStatus:
    """The state of a stage.

    Attributes:
        unit: what the stage works on: videos or clips.
        waiting: how many items are ready for it and not done.
        running: how many items are claimed now; for stages without claims, how many runs are at work.
        done: how many items it has finished, rejected ones included.
        rejected: reason → how many items or spans.
        failed: unexpected failures by kind, the most frequent first.
        workers: runs at work now, by the cost ledger.
        dead: runs of the newest campaign that ended without saying so.
        items_per_hour: of all workers together, or of the newest campaign if none is at work; None: unknown.
        eta_seconds: until nothing waits; None if nothing is at work or the speed is unknown.
        progressed_at: when an item was last finished, or a run began; None: never.
    """

    unit: str
    waiting: int
    running: int
    done: int
    rejected: dict[str, int]
    failed: tuple[Failures, ...]
    workers: int
    dead: int
    items_per_hour: float | None
    eta_seconds: float | None
    progressed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The newest statistics: their day, when the last row was read, and how old that is."""

    day: date
    at: datetime
    age_seconds: float


@dataclass(frozen=True, slots=True)
class Folder:
    """Number of files in a folder of the store, and their bytes."""

    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Status:
    """The state of a store.

    Attributes:
        store: its address, without access keys.
        at: when this was found out.
        stages: by name, in the order of the pipeline: crawl, select, acquire, extract, features, publish.
        snapshot: None if there are no statistics.
        requests_today: requests that today's crawls have taken from crawl.requests_per_day.
        release: version of the newest release; None if there is none.
        folders: of the store, by name.
        free_bytes: on the store's disk; None for an object store.
    """

    store: str
    at: datetime
    stages: dict[str, StageStatus]
    snapshot: Snapshot | None
    requests_today: int
    release: str | None
    folders: dict[str, Folder]
    free_bytes: int | None

    def document(self) -> dict[str, Any]:
        """Returns it as plain data for JSON; times are ISO 8601."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self), default=lambda value: value.isoformat()))
        return {"schema": SCHEMA, **plain}


def status(settings: Settings, store: Store, now: datetime | None = None) -> Status:
    """Finds out the state of a store.

    Args:
        settings: names the folder of the manifests and the extractor of music features.
        store: the store.
        now: the time, with its zone; None: by the clock.

    Raises:
        SchemaError, StoreError: a table is damaged or not readable.
        ManifestError: a manifest is damaged.
    """
    now = now or datetime.now(UTC)
    files = {folder: store.sizes(folder) for folder in layout.FOLDERS}
    entries = read_ledger(store)
    found = _Tables(settings, store, files)
    releases = published(store)
    stages = {
        "crawl": _stage(found, entries, "crawl", "videos", now, done=found.seen),
        "select": _stage(
            found, entries, "select", "videos", now, done=found.judged, rejected=found.unselected
        ),
        "acquire": _stage(
            found,
            entries,
            "acquire",
            "videos",
            now,
            waiting=found.not_acquired(),
            done=len(files[layout.CLIPS]),
            rejected=Counter(row["reason"] for row in found.clips if not row["accepted"]),
        ),
        "extract": _stage(
            found,
            entries,
            "extract",
            "clips",
            now,
            waiting=len(found.without_poses()),
            running=live_claims(store, now),
            done=len(found.verdicts),
            rejected=Counter(row["reason"] for row in found.verdicts.values() if not row["accepted"]),
        ),
        "features": _stage(
            found,
            entries,
            "features",
            "clips",
            now,
            waiting=len(found.without_features()),
            done=len(found.with_features),
        ),
        "publish": _publication(found, entries, store, releases[-1] if releases else None, now),
    }
    return Status(
        store=str(store),
        at=now,
        stages=stages,
        snapshot=_snapshot(store, files[layout.STATISTICS], now),
        requests_today=_requests(store, now.astimezone(UTC).date()),
        release=releases[-1].version if releases else None,
        folders={name: Folder(len(own), sum(own.values())) for name, own in files.items() if own},
        free_bytes=free_bytes(store),
    )


class _Tables:
    """The columns that the stages are judged by."""

    def __init__(self, settings: Settings, store: Store, files: Mapping[str, Mapping[str, int]]) -> None:
        self._settings, self._store, self._files = settings, store, files
        self.gone = withdrawn(store)
        columns = ["clip_id", "bvid", "page", "accepted", "reason", "music_path", "source"]
        clips = _rows(store, layout.CLIPS, CLIPS, columns)
        self.clips = [row for row in clips if row["bvid"] not in self.gone]
        verdicts = _rows(store, layout.VERDICTS, VERDICTS, ["clip_id", "accepted", "reason"])
        self.verdicts = {row["clip_id"]: row for row in verdicts}
        self.failures = _rows(store, layout.FAILURES, FAILURES, ["stage", "item", "note"])
        self.accepted = {row["clip_id"]: row for row in self.clips if row["accepted"]}
        self.wanted, self.judged, self.unselected = self._selected()
        extractor = layout.music_features("", settings.music.extractor).removesuffix(layout.PARQUET)
        self.with_features = {
            layout.stem(name) for name in files[layout.MUSIC] if name.startswith(extractor)
        } & self.accepted.keys()

    @property
    def seen(self) -> int:
        """Number of videos of the newest snapshot."""
        newest = _newest_day(self._files[layout.STATISTICS])
        if newest is None:
            return 0
        column = self._store.read_table(layout.statistics_of(newest), STATISTICS, ["bvid"])["bvid"]
        return int(pc.count_distinct(column).as_py())

    def failed(self, stage: str) -> dict[str, str]:
        """Items that failed at a stage → their notes."""
        return {row["item"]: row["note"] for row in self.failures if row["stage"].partition("/")[0] == stage}

    def not_acquired(self) -> int:
        """Number of selected videos of which a part has no rows yet."""
        have = {layout.stem(name) for name in self._files[layout.CLIPS]}
        ended = {
            row["bvid"]
            for row in self.clips
            if row["reason"] in _WHOLE_VIDEO or (row["reason"] == Reason.GONE and row["page"] == 1)
        }
        return sum(
            any(layout.stem(layout.clip_rows(bvid, page)) not in have for page in range(1, max(pages, 1) + 1))
            for bvid, pages in self.wanted.items()
            if bvid not in self.gone and bvid not in ended
        )

    def without_poses(self) -> list[str]:
        """Accepted clips that wait for their poses; imported ones have them."""
        done = self.verdicts.keys() | self.failed("extract").keys()
        return [name for name, row in self.accepted.items() if row["source"] is None and name not in done]

    def without_features(self) -> list[str]:
        """Accepted clips with sound that wait for their music features."""
        done = self.with_features | self.failed("features").keys()
        return [name for name, row in self.accepted.items() if row["music_path"] and name not in done]

    def _selected(self) -> tuple[dict[str, int], int, Counter[str]]:
        """Selected videos with their number of parts; how many were judged; reasons of the others.

        A manifest that people have edited replaces its selection.
        """
        wanted: dict[str, int] = {}
        judged, reasons = 0, Counter[str]()
        for name in self._files[layout.SELECTION]:
            rows = self._store.read_table(
                name, SELECTION, ["bvid", "pages", "accepted", "reason"]
            ).to_pylist()
            judged += len(rows)
            reasons.update(row["reason"] for row in rows if not row["accepted"])
            videos = self._edited(layout.stem(name))
            if videos is not None:
                wanted |= {video.bvid: video.pages or 1 for video in videos if video.source is None}
            else:
                wanted |= {row["bvid"]: row["pages"] or 1 for row in rows if row["accepted"]}
        return wanted, judged, reasons

    def _edited(self, name: str) -> tuple[ManifestVideo, ...] | None:
        """The videos of a manifest in the store or on this machine; None if it has no folder."""
        if self._store.exists(f"{layout.manifest(name)}/{layout.MANIFEST_DOCUMENT}"):
            with at_hand(f"{PREFIX}{name}", self._store) as shared:
                return read_manifest(Path(shared)).videos
        folder = Path(self._settings.manifests).expanduser() / name
        return read_manifest(folder).videos if (folder / layout.MANIFEST_DOCUMENT).is_file() else None


def _rows(store: Store, folder: str, schema: pa.Schema, columns: Sequence[str]) -> list[Row]:
    """Columns of a table, row by row; joined first, for a piece a file would take longer than the reading."""
    rows: list[Row] = store.read_table(folder, schema, columns).combine_chunks().to_pylist()
    return rows


def _stage(
    tables: _Tables,
    entries: Sequence[Entry],
    name: str,
    unit: str,
    now: datetime,
    *,
    waiting: int = 0,
    running: int | None = None,
    done: int = 0,
    rejected: Mapping[str, int] | None = None,
) -> StageStatus:
    speed = throughput([entry for entry in entries if entry.stage == name], now)
    rate = speed.items_per_hour
    return StageStatus(
        unit=unit,
        waiting=waiting,
        running=speed.workers if running is None else running,
        done=done,
        rejected=dict(Counter(rejected or {}).most_common()),
        failed=_kinds(tables.failed(name)),
        workers=speed.workers,
        dead=speed.dead,
        items_per_hour=rate,
        eta_seconds=3600 * waiting / rate if rate and speed.workers else None,
        progressed_at=speed.progressed_at,
    )


def _publication(
    tables: _Tables, entries: Sequence[Entry], store: Store, newest: PublishedRelease | None, now: datetime
) -> StageStatus:
    """Clips with usable poses that the newest release neither holds nor leaves out with a reason."""
    inside: set[str] = set()
    left_out: Counter[str] = Counter()
    if newest:
        clips = store.read_table(f"{newest.folder}/{layout.RELEASE_CLIPS}", RELEASE_CLIPS, ["clip_id"])
        inside |= set(clips["clip_id"].to_pylist())
        name = f"{newest.folder}/{layout.RELEASE_LEFT_OUT}"
        if store.exists(name):
            left = store.read_table(name, LEFT_OUT).to_pylist()
            left_out = Counter(row["reason"] for row in left)
            inside |= {row["clip_id"] for row in left}
    usable = {name for name, row in tables.verdicts.items() if row["accepted"]} & tables.accepted.keys()
    return _stage(
        tables,
        entries,
        "publish",
        "clips",
        now,
        waiting=len(usable - inside),
        done=len(inside) - left_out.total(),
        rejected=left_out,
    )


def _kinds(failed: Mapping[str, str]) -> tuple[Failures, ...]:
    kinds: dict[str, list[str]] = {}
    for item, note in sorted(failed.items()):
        kinds.setdefault(note.partition(":")[0].strip() or "unknown", []).append(item)
    found = [Failures(kind, len(items), items[0], failed[items[0]]) for kind, items in kinds.items()]
    return tuple(sorted(found, key=lambda each: (-each.count, each.kind)))


def live_claims(store: Store, now: datetime) -> int:
    """Returns how many clips are claimed by workers that renew their claims. Takes no lock."""
    texts: list[bytes] = []
    if store.is_local:
        folder = store.workplace(layout.claim_lock("x")).parent
        for path in folder.glob("*") if folder.is_dir() else ():
            try:
                texts.append(path.read_bytes())
            except OSError:  # released meanwhile
                continue
    else:
        for name in store.list(layout.CLAIMS, layout.JSON):
            try:
                texts.append(store.read_bytes(name))
            except StoreError:  # released meanwhile
                continue
    return sum(_until(text) > now.timestamp() for text in texts)


def _until(text: bytes) -> float:
    """When a claim expires, seconds since the epoch; 0 if it is half-written."""
    try:
        return float(json.loads(text)["until"])
    except (ValueError, TypeError, KeyError):
        return 0.0


def free_bytes(store: Store) -> int | None:
    """Returns the free bytes of a local store's disk; None for an object store."""
    if not store.is_local:
        return None
    folder = store.workplace("x").parent
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def _newest_day(names: Collection[str]) -> date | None:
    days = [match[1] for match in map(_DAY.search, names) if match]
    return date.fromisoformat(max(days)) if days else None


def _snapshot(store: Store, names: Collection[str], now: datetime) -> Snapshot | None:
    day = _newest_day(names)
    if day is None:
        return None
    times = store.read_table(layout.statistics_of(day), STATISTICS, ["snapshot_at"])["snapshot_at"]
    newest = pc.max(times).as_py()
    return Snapshot(day, newest, (now - newest).total_seconds()) if newest else None


def _requests(store: Store, day: date) -> int:
    taken = (store.read_json(name) for name in store.list(layout.budget_of(day), layout.JSON))
    return sum(count for count in taken if isinstance(count, int))

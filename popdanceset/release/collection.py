"""What the store knows about how the videos of a release were found."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple

import pyarrow.compute as pc

from popdanceset import layout
from popdanceset.errors import SchemaError, StoreError
from popdanceset.manifest import read_manifest
from popdanceset.release.info import CollectionInfo
from popdanceset.schema import SELECTION, STATISTICS
from popdanceset.store import Store

_log = logging.getLogger(__name__)


class _Video(NamedTuple):
    mid: int | None
    snapshot_at: datetime | None


def collection(store: Store, manifest: Path, bvids: Collection[str]) -> CollectionInfo:
    """Reads when and in which listings the videos were seen, and how many people uploaded them.

    Statistics that cannot be read cost the names of the listings, not the release; a warning says so.

    Args:
        store: with the statistics.
        manifest: folder of the manifest; if it does not exist, the selection of its name is used.
        bvids: videos of the release.

    Raises:
        ManifestError: the folder is not a manifest.
    """
    videos = _videos(store, manifest, set(bvids))
    days = sorted({_day(video.snapshot_at) for video in videos if video.snapshot_at})
    uploaders = {video.mid for video in videos} - {None}
    return CollectionInfo(
        first_day=days[0].isoformat() if days else None,
        last_day=days[-1].isoformat() if days else None,
        listings=_listings(store, days, bvids),
        uploaders=len(uploaders),
        without_uploader=len(set(bvids)) - sum(video.mid is not None for video in videos),
    )


def _videos(store: Store, manifest: Path, bvids: set[str]) -> list[_Video]:
    if manifest.is_dir():
        listed = read_manifest(manifest).videos
        return [_Video(video.mid, video.snapshot_at) for video in listed if video.bvid in bvids]
    rows = store.read_table(
        layout.selection(manifest.name),
        SELECTION,
        ["mid", "snapshot_at"],
        pc.field("accepted") & pc.field("bvid").isin(sorted(bvids)),
    ).to_pylist()
    return [_Video(row["mid"], row["snapshot_at"]) for row in rows]


def _day(time: datetime) -> date:
    """Returns the day in UTC, by which statistics are stored; times without a zone are in UTC."""
    return (time.astimezone(UTC) if time.tzinfo else time).date()


def _listings(store: Store, days: Iterable[date], bvids: Collection[str]) -> dict[str, int]:
    """Returns listing → number of the videos that it contained on these days."""
    found: set[tuple[str, str]] = set()
    wanted = pc.field("bvid").isin(sorted(set(bvids)))
    for day in days:
        try:
            rows = store.read_table(layout.statistics_of(day), STATISTICS, ["bvid", "source"], wanted)
        except (SchemaError, StoreError) as error:
            _log.warning("the release does not name the listings of %s: %s", day, error)
            continue
        found.update(zip(rows["source"].to_pylist(), rows["bvid"].to_pylist(), strict=True))
    return dict(sorted(Counter(source for source, _ in found).items()))

"""Selection: Pop above a threshold, and more views than the uploader has followers (POPDG, Sec. 3.1)."""

from __future__ import annotations

import heapq
import logging
import math
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from popdanceset import __version__, layout
from popdanceset.bilibili.ids import is_bvid
from popdanceset.errors import InputError
from popdanceset.manifest import Manifest, ManifestVideo, find_manifest, read_imports, write_videos
from popdanceset.popularity.checkout import commit_of
from popdanceset.popularity.model import PopularityModel
from popdanceset.popularity.score import score
from popdanceset.popularity.statistics import Statistics, as_statistics
from popdanceset.schema import COUNTS, SELECTION, STATISTICS, Reason, State
from popdanceset.settings import PopularitySettings, Settings
from popdanceset.store import Store
from popdanceset.tables import conform
from popdanceset.withdrawal.guard import respected

READ = tuple(name for name in STATISTICS.names if name in {*SELECTION.names, *COUNTS, "state"})
"""The columns of the statistics that a selection needs."""

log = logging.getLogger(__name__)

_CHOSEN = [name for name in ManifestVideo.columns() if name in SELECTION.names]

_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,99}", re.ASCII)


@dataclass(frozen=True)
class SelectionReport:
    """The result of a selection.

    Attributes:
        name: name of the selection and its manifest.
        videos: number of judged videos.
        accepted: number of accepted videos.
        imported: number of imported videos that the manifest had, and keeps.
        reasons: number of rejected videos by `popdanceset.schema.Reason`.
        highest_pop: the highest Pop of all public videos.
        table: name of the selection's table in the store.
        manifest: folder of the manifest.
    """

    name: str
    videos: int
    accepted: int
    imported: int
    reasons: dict[str, int]
    highest_pop: float
    table: str
    manifest: Path


def select(
    settings: Settings,
    store: Store,
    model: PopularityModel,
    manifest: str | Path,
    statistics: Statistics | pa.Table | None = None,
) -> SelectionReport:
    """Judges every video, and writes the selection's table and the manifest of the accepted videos.

    Videos that were imported into this manifest stay in it: a selection does not judge them.

    Videos are processed in batches; only accepted ones are held in memory. The same inputs give the same
    bytes; if the manifests are in a git checkout, its HEAD is one of the inputs, and the manifest names it.

    Args:
        settings: `popularity`, and the folder of the manifests.
        store: where the selection's table is written.
        model: scores the videos.
        manifest: name or folder of the manifest (`popdanceset.manifest.find_manifest`); the selection's table
            has the name of the folder.
        statistics: one row a video; None: the store's newest snapshots.

    Raises:
        InputError: there are no videos, none is accepted, an accepted one has an invalid id, or the name is
            invalid.
    """
    folder = find_manifest(manifest, settings)
    name = folder.name
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{name!r} is not a valid name of a manifest", "--out", "use letters, digits, dots, - and _"
        )
    with respected(store, folder):
        return _selected(settings, store, model, folder, statistics, read_imports(folder))


def _selected(
    settings: Settings,
    store: Store,
    model: PopularityModel,
    folder: Path,
    statistics: Statistics | pa.Table | None,
    imports: Manifest,
) -> SelectionReport:
    name = folder.name
    start, where = time.monotonic(), layout.selection(name)
    tally = _Tally()
    with store.open_write(where) as file:
        with pq.ParquetWriter(file, SELECTION, compression="zstd") as writer:
            for batch in as_statistics(statistics, store).batches(READ):
                judged = conform(judge(batch, model, settings.popularity), SELECTION, where)
                writer.write_table(judged)
                tally.add(judged)
        if not tally.videos:
            raise InputError("there are no videos to select from", store, "run `popdanceset crawl` first")
    if not tally.accepted:
        raise InputError(
            _why_none(tally, settings.popularity), where, _what_to_do(tally.reasons, settings.popularity)
        )
    chosen = pa.concat_tables(tally.accepted).sort_by("bvid")
    for bvid in chosen["bvid"].to_pylist():
        if not is_bvid(bvid):
            raise InputError(f"{bvid!r} is accepted but is not a video id", where, "correct the statistics")
    provenance = _provenance(tally, model, settings.popularity, commit_of(folder))
    joint = chosen["dancers"].null_count < len(chosen) or any(video.dancers for video in imports.videos)
    optional = [name for name, needed in (("dancers", joint), ("source", imports.videos)) if needed]
    videos = _with_imported(_videos(chosen), imports.videos)
    write_videos(folder, name, videos, provenance | imports.provenance, optional)
    log.info(
        "selection %s: %d of %d videos accepted in %.1f s",
        name,
        len(chosen),
        tally.videos,
        time.monotonic() - start,
    )
    return SelectionReport(
        name, tally.videos, len(chosen), len(imports.videos), dict(tally.reasons),
        tally.highest or math.nan, where, folder,
    )  # fmt: skip


def judge(table: pa.Table, model: PopularityModel, settings: PopularitySettings) -> pa.Table:
    """Returns a row for each video, with Pop, the verdict and its reason.

    The reason is the first rule that a video fails: public, counts known, Pop, followers known, views.

    Args:
        table: one row a video, with the columns of schema STATISTICS.
        model: scores the videos.
        settings: the thresholds.

    Returns:
        Table of schema SELECTION, in the order of the rows given.
    """
    pop, beyond = score(table, model)
    views, followers = _numbers(table["view"]), _numbers(table["follower"])
    ask = settings.min_views_per_follower > 0
    with np.errstate(invalid="ignore"):
        rules = [
            (pc.not_equal(table["state"], State.PUBLIC.value).to_numpy(), Reason.NOT_PUBLIC),
            (np.isnan(pop), Reason.COUNTS_MISSING),
            (~(pop > settings.min_pop), Reason.LOW_POPULARITY),
            (np.isnan(followers) & ask, Reason.FOLLOWERS_UNKNOWN),
            (~(views > settings.min_views_per_follower * followers) & ask, Reason.VIEWS_NOT_ABOVE_FOLLOWERS),
        ]
    words = pa.array([Reason.NONE.value, *(reason.value for _, reason in rules)])
    code = np.select([failed for failed, _ in rules], range(1, len(rules) + 1), 0)
    columns = {name: table[name] for name in SELECTION.names if name in table.column_names}
    return pa.table(
        {
            **columns,
            "pop": pa.array(pop, from_pandas=True),  # NaN is null there
            "beyond_reference": pa.array(beyond),
            "accepted": pa.array(code == 0),
            "reason": words.take(pa.array(code)),
        }
    ).select(SELECTION.names)


class _Tally:
    """Totals over the batches, and the accepted rows."""

    def __init__(self) -> None:
        self.videos = 0
        self.reasons: Counter[str] = Counter()
        self.highest: float | None = None
        self.first: datetime | None = None
        self.last: datetime | None = None
        self.accepted: list[pa.Table] = []

    def add(self, judged: pa.Table) -> None:
        self.videos += len(judged)
        for found in pc.value_counts(judged["reason"]).to_pylist():
            if found["values"] != Reason.NONE.value:
                self.reasons[found["values"]] += found["counts"]
        public = judged["pop"].filter(pc.not_equal(judged["reason"], Reason.NOT_PUBLIC.value))
        times = pc.min_max(judged["snapshot_at"]).as_py()
        self.highest = max((v for v in (self.highest, pc.max(public).as_py()) if v is not None), default=None)
        self.first = min((v for v in (self.first, times["min"]) if v is not None), default=None)
        self.last = max((v for v in (self.last, times["max"]) if v is not None), default=None)
        chosen = judged.filter(judged["accepted"]).select(_CHOSEN)
        if len(chosen):
            self.accepted.append(chosen)


def _videos(chosen: pa.Table) -> Iterator[ManifestVideo]:
    for batch in chosen.to_batches(10_000):
        for row in batch.to_pylist():
            yield ManifestVideo(**row)


def _with_imported(
    chosen: Iterator[ManifestVideo], imported: Sequence[ManifestVideo]
) -> Iterator[ManifestVideo]:
    """Merges both, ordered by bvid. Of a video that is in both, the counts are new and the source stays."""
    last: ManifestVideo | None = None
    for video in heapq.merge(chosen, imported, key=lambda video: video.bvid):  # the chosen one of two first
        if last is not None and last.bvid == video.bvid:
            last = replace(last, source=video.source)
            continue
        if last is not None:
            yield last
        last = video
    if last is not None:
        yield last


def _numbers(column: pa.ChunkedArray) -> NDArray[np.float64]:
    numbers: NDArray[np.float64] = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return numbers


def _provenance(
    tally: _Tally, model: PopularityModel, settings: PopularitySettings, commit: str | None
) -> dict[str, Any]:
    """Returns the provenance of the manifest, as plain data."""
    return {
        "software": f"popdanceset {__version__}",
        **({"commit": commit} if commit else {}),
        "model": model.as_document(),
        "thresholds": {
            "min_pop": settings.min_pop,
            "min_views_per_follower": settings.min_views_per_follower,
        },
        "snapshot": {"first": _iso(tally.first), "last": _iso(tally.last)},
        "judged": tally.videos,
        "accepted": tally.videos - sum(tally.reasons.values()),
        "rejected": {reason: tally.reasons[reason] for reason in sorted(tally.reasons)},
    }


def _iso(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()


def _why_none(tally: _Tally, settings: PopularitySettings) -> str:
    if tally.highest is None:
        return "no video is accepted: no public video has all needed counts"
    text = f"no video is accepted: the highest Pop is {tally.highest:.4f}, the threshold {settings.min_pop:g}"
    rules = (Reason.FOLLOWERS_UNKNOWN, Reason.VIEWS_NOT_ABOVE_FOLLOWERS)
    beaten = {rule: tally.reasons[rule] for rule in rules if tally.reasons[rule]}
    return text + "".join(f"; {count} above it: {reason.value}" for reason, count in beaten.items())


def _what_to_do(reasons: Counter[str], settings: PopularitySettings) -> str:
    if reasons[Reason.FOLLOWERS_UNKNOWN]:
        return (
            "run `popdanceset crawl --followers MODEL` with this model, then select again, or set "
            "popularity.min_views_per_follower=0"
        )
    if reasons[Reason.VIEWS_NOT_ABOVE_FOLLOWERS]:
        return "crawl more videos, or lower popularity.min_views_per_follower"
    if reasons[Reason.LOW_POPULARITY]:
        return "lower popularity.min_pop, or crawl more videos"
    return "crawl again: the listings contained no video that can be scored"

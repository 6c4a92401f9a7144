"""Selection: Pop above a threshold, and more views than the uploader has followers (POPDG, Sec. 3.1)."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from popdanceset import __version__
from popdanceset.bilibili.ids import is_bvid
from popdanceset.bilibili.statistics import latest_statistics
from popdanceset.errors import InputError
from popdanceset.manifest import Manifest, ManifestVideo, write_manifest
from popdanceset.popularity.model import PopularityModel
from popdanceset.popularity.score import score
from popdanceset.schema import SELECTION, Reason, State
from popdanceset.settings import PopularitySettings, Settings
from popdanceset.store import Store

_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,99}", re.ASCII)


@dataclass(frozen=True)
class SelectionReport:
    """What a selection did.

    Attributes:
        name: of the selection and its manifest.
        videos: how many were judged.
        accepted: how many of them were accepted.
        reasons: rejected videos by `popdanceset.schema.Reason`.
        highest_pop: of all public videos.
        table: name of the selection's table in the store.
        manifest: folder of the manifest.
    """

    name: str
    videos: int
    accepted: int
    reasons: dict[str, int]
    highest_pop: float
    table: str
    manifest: Path


def select(
    settings: Settings,
    store: Store,
    model: PopularityModel,
    name: str,
    statistics: pa.Table | None = None,
) -> SelectionReport:
    """Judges every video, writes `selection/{name}.parquet` and the manifest of the accepted ones.

    The same inputs give the same bytes.

    Args:
        settings: `popularity`, and the folder of the manifests.
        store: where the selection's table is kept.
        model: by which the videos are scored.
        name: of the selection and of its manifest.
        statistics: one row a video; None: the store's newest snapshots.

    Raises:
        InputError: there are no videos, none is accepted, an accepted one has no proper id, or the name is
            no name.
    """
    if not _NAME.fullmatch(name):
        raise InputError(f"{name!r} is no name of a manifest", "--out", "use letters, digits, dots, - and _")
    table = latest_statistics(store) if statistics is None else statistics
    if not len(table):
        raise InputError("there are no videos to select from", store, "run `popdanceset crawl` first")
    judged = judge(table, model, settings.popularity)
    where = f"selection/{name}.parquet"
    store.write_table(where, judged, SELECTION)
    reasons = Counter(judged["reason"].to_pylist())
    accepted = reasons.pop(Reason.NONE.value, 0)
    highest = pc.max(judged["pop"].filter(pc.not_equal(judged["reason"], Reason.NOT_PUBLIC.value))).as_py()
    if not accepted:
        raise InputError(
            _why_none(reasons, highest, settings.popularity), where, _what_to_do(reasons, settings.popularity)
        )
    chosen = judged.filter(judged["accepted"]).sort_by("bvid").to_pylist()
    for row in chosen:
        if not is_bvid(row["bvid"]):
            raise InputError(f"{row['bvid']!r} is accepted but no video id", where, "correct the statistics")
    folder = Path(settings.manifests) / name
    videos = tuple(ManifestVideo(**{key: row[key] for key in ManifestVideo.columns()}) for row in chosen)
    write_manifest(folder, Manifest(name, videos, _provenance(judged, model, settings.popularity, reasons)))
    return SelectionReport(name, len(judged), accepted, dict(reasons), highest, where, folder)


def judge(table: pa.Table, model: PopularityModel, settings: PopularitySettings) -> pa.Table:
    """A row for each video, with Pop, the verdict and its reason.

    The first rule that a video fails gives the reason: public, counts known, Pop, followers known, views.

    Args:
        table: one row a video, with the columns of schema STATISTICS.
        model: by which the videos are scored.
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
    words = np.array([Reason.NONE.value, *(reason.value for _, reason in rules)], dtype=object)
    code = np.select([failed for failed, _ in rules], range(1, len(rules) + 1), 0)
    columns = {name: table[name] for name in SELECTION.names if name in table.column_names}
    return pa.table(
        {
            **columns,
            "pop": pa.array(pop, from_pandas=True),  # NaN is null there
            "beyond_reference": pa.array(beyond),
            "accepted": pa.array(code == 0),
            "reason": pa.array(words[code], pa.string()),
        }
    ).select(SELECTION.names)


def _numbers(column: pa.ChunkedArray) -> NDArray[np.float64]:
    numbers: NDArray[np.float64] = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return numbers


def _provenance(
    judged: pa.Table, model: PopularityModel, settings: PopularitySettings, reasons: Counter[str]
) -> dict[str, Any]:
    """How the manifest came about, as plain data."""
    times = pc.min_max(judged["snapshot_at"]).as_py()
    return {
        "software": f"popdanceset {__version__}",
        "model": model.as_document(),
        "thresholds": {
            "min_pop": settings.min_pop,
            "min_views_per_follower": settings.min_views_per_follower,
        },
        "snapshot": {"first": _iso(times["min"]), "last": _iso(times["max"])},
        "judged": len(judged),
        "accepted": len(judged) - sum(reasons.values()),
        "rejected": {reason: reasons[reason] for reason in sorted(reasons)},
    }


def _iso(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()


def _why_none(reasons: Counter[str], highest: float | None, settings: PopularitySettings) -> str:
    if highest is None:
        return "no video is accepted: none is public with known counts"
    text = f"no video is accepted: the highest Pop is {highest:.4f}, the threshold {settings.min_pop:g}"
    beaten = {
        r: reasons[r] for r in (Reason.FOLLOWERS_UNKNOWN, Reason.VIEWS_NOT_ABOVE_FOLLOWERS) if reasons[r]
    }
    return text + "".join(f"; {count} above it: {reason.value}" for reason, count in beaten.items())


def _what_to_do(reasons: Counter[str], settings: PopularitySettings) -> str:
    if reasons[Reason.FOLLOWERS_UNKNOWN]:
        return "run `popdanceset crawl --followers MODEL` with this model, then select again"
    if reasons[Reason.VIEWS_NOT_ABOVE_FOLLOWERS]:
        return "crawl more videos, or lower popularity.min_views_per_follower"
    if reasons[Reason.LOW_POPULARITY]:
        return "lower popularity.min_pop, or crawl more videos"
    return "crawl again: the listings gave nothing that can be scored"
